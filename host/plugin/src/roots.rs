//! Certificates that an operator trusts beside the public ones, out of the files that they keep them
//! in. Never decides whom to trust: who starts the host names the files.

use std::{
    fs::File,
    io::{self, Read as _},
    path::Path,
};

use tokio_rustls::rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject as _},
};

/// Largest file that is read: enough for hundreds of certificates.
const MAX_BYTES: u64 = 1 << 20;

/// A file of root certificates that cannot be used, and why.
#[derive(Debug, thiserror::Error)]
#[error("root certificates in `{path}` cannot be used: {reason}")]
pub struct InvalidRoots {
    path: String,
    reason: String,
}

/// The certificates (DER) of a PEM file, each one that a connection can be held against. Other
/// sections, such as text between them, are passed over.
pub fn read_roots(path: &Path) -> Result<Vec<Vec<u8>>, InvalidRoots> {
    let bytes = read(path).map_err(|error| format!("the file cannot be read: {error}"));
    bytes
        .and_then(|bytes| parse(&bytes))
        .map_err(|reason| InvalidRoots {
            path: path.display().to_string(),
            reason,
        })
}

/// One byte more than is allowed, at most, so that a device or a wrong file is not read to its end.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?
        .take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn parse(bytes: &[u8]) -> Result<Vec<Vec<u8>>, String> {
    if bytes.len() as u64 > MAX_BYTES {
        return Err(format!(
            "it has more than {MAX_BYTES} bytes: name only what counts beside the public certificates"
        ));
    }
    let mut roots = Vec::new();
    for certificate in CertificateDer::pem_slice_iter(bytes) {
        let number = roots.len() + 1;
        let certificate = certificate.map_err(|error| {
            format!("its certificate {number} is not whole PEM ({error}): copy the file again")
        })?;
        RootCertStore::empty()
            .add(certificate.clone())
            .map_err(|error| {
                format!("its certificate {number} is none ({error}): export it again, as X.509")
            })?;
        roots.push(certificate.to_vec());
    }
    if roots.is_empty() {
        return Err(
            "it holds no `-----BEGIN CERTIFICATE-----`: expected certificates in PEM, which `openssl x509 -inform der` makes of DER"
                .to_owned(),
        );
    }
    Ok(roots)
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, prelude::BASE64_STANDARD};
    use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};

    use super::*;

    /// DER and PEM of a new root.
    fn root() -> (Vec<u8>, String) {
        let mut root = CertificateParams::new(Vec::new()).unwrap();
        root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root = root.self_signed(&KeyPair::generate().unwrap()).unwrap();
        let der = root.der().to_vec();
        let pem = section("CERTIFICATE", &der);
        (der, pem)
    }

    fn section(kind: &str, der: &[u8]) -> String {
        let base64 = BASE64_STANDARD.encode(der);
        format!("-----BEGIN {kind}-----\n{base64}\n-----END {kind}-----\n")
    }

    fn refusal(bytes: &[u8]) -> String {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        let refusal = read_roots(file.path()).unwrap_err().to_string();
        let named = format!("root certificates in `{}`", file.path().display());
        assert!(refusal.starts_with(&named), "{refusal}");
        refusal
    }

    #[test]
    fn a_file_may_hold_several_roots_with_words_between_them() {
        let ((one, one_pem), (other, other_pem)) = (root(), root());
        let file = tempfile::NamedTempFile::new().unwrap();
        let text = format!("# ours\n{one_pem}\n# theirs\n{other_pem}");
        std::fs::write(file.path(), text).unwrap();
        assert_eq!(read_roots(file.path()).unwrap(), [one, other]);
    }

    #[test]
    fn what_is_no_list_of_certificates_is_refused_with_what_is_wrong() {
        let (der, pem) = root();
        assert!(refusal(&der).contains("holds no `-----BEGIN CERTIFICATE-----`"));
        assert!(refusal(b"").contains("holds no"));
        let key = section("PRIVATE KEY", &KeyPair::generate().unwrap().serialize_der());
        assert!(
            refusal(key.as_bytes()).contains("holds no"),
            "a key is none"
        );
        let cut = &pem[..pem.len() / 2];
        let told = refusal(format!("{pem}{cut}").as_bytes());
        assert!(
            told.contains("its certificate 2 is not whole PEM"),
            "{told}"
        );
        let other = section("CERTIFICATE", b"no certificate");
        let told = refusal(other.as_bytes());
        assert!(told.contains("its certificate 1 is none"), "{told}");
    }

    #[test]
    fn a_file_that_is_missing_or_too_large_is_refused() {
        let missing = read_roots(Path::new("nowhere/roots.pem")).unwrap_err();
        let told = missing.to_string();
        assert!(told.contains("`nowhere/roots.pem`"), "{told}");
        assert!(told.contains("cannot be read"), "{told}");
        let (_, pem) = root();
        let mut bytes = pem.into_bytes();
        bytes.resize(usize::try_from(MAX_BYTES).unwrap(), b'\n');
        assert_eq!(parse(&bytes).unwrap().len(), 1);
        bytes.push(b'\n');
        assert!(refusal(&bytes).contains("more than 1048576 bytes"));
    }
}
