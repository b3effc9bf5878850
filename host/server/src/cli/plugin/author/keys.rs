//! `phagen plugin keygen`, `sign` and `verify`. A password is read from a file, never from the
//! command line, where every user of the machine would see it.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use super::{here, next, quoted};
use crate::{
    author::{Subject, keygen as make_key, read_small, sign_file, verify_file},
    cli::write,
    clock::SystemClock,
};
use phagen_domain::clock::Clock;

#[derive(clap::Args)]
pub(in crate::cli) struct KeygenArguments {
    /// Name of the key: who signs with it.
    name: String,
    /// Folder for the two files; otherwise this one.
    #[arg(long)]
    dir: Option<PathBuf>,
    /// File whose first line is the password that encrypts the secret key.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

#[derive(clap::Args)]
pub(in crate::cli) struct SignArguments {
    /// A component, or the folder of a plugin that was built.
    #[arg(default_value = ".")]
    file: PathBuf,
    /// The secret key, NAME.key.
    #[arg(long, value_name = "FILE")]
    key_file: PathBuf,
    /// File whose first line is the password of the key, where it has one.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// A note that is signed too.
    #[arg(long)]
    comment: Option<String>,
}

#[derive(clap::Args)]
pub(in crate::cli) struct VerifyArguments {
    /// A component, or the folder of a plugin that was built.
    #[arg(default_value = ".")]
    file: PathBuf,
    /// The signature; otherwise FILE.minisig.
    #[arg(long, value_name = "FILE")]
    signature: Option<PathBuf>,
    /// The public key: NAME.pub, or its base64 line.
    #[arg(long, value_name = "FILE|KEY")]
    public_key: String,
}

pub(super) fn keygen(arguments: &KeygenArguments) -> Result<()> {
    let folder = arguments.dir.clone().unwrap_or_else(here);
    let password = password(arguments.password_file.as_deref())?;
    let key = make_key(&folder, &arguments.name, password.as_deref())?;
    write::line(&format!("made key {}", key.id));
    let protection = if password.is_some() {
        "encrypted"
    } else {
        "not encrypted: whoever reads it signs as you"
    };
    write::line(&format!(
        "  secret  {} ({protection})",
        key.secret.display()
    ));
    write::line(&format!("  public  {}", key.public.display()));
    next(&[
        format!("phagen plugin sign --key-file {}", quoted(&key.secret)),
        format!(
            "phagen plugin trust add {} {}   (an operator, on the host)",
            arguments.name,
            quoted(&key.public)
        ),
    ]);
    Ok(())
}

pub(super) fn sign(arguments: &SignArguments) -> Result<()> {
    let subject = Subject::open(&arguments.file)?;
    let password = password(arguments.password_file.as_deref())?;
    let path = sign_file(
        &subject,
        &arguments.key_file,
        password.as_deref(),
        arguments.comment.as_deref(),
    )?;
    write::line(&format!(
        "signed `{}` {}: {}",
        subject.name(),
        subject.package.digest.short(),
        path.display()
    ));
    let public = arguments.key_file.with_extension("pub");
    next(&[
        format!(
            "phagen plugin verify {} --public-key {}",
            quoted(&subject.path),
            quoted(&public)
        ),
        format!("phagen plugin deploy {} --slot SLOT", quoted(&subject.path)),
    ]);
    Ok(())
}

pub(super) fn verify(arguments: &VerifyArguments) -> Result<()> {
    let subject = Subject::open(&arguments.file)?;
    let signature = arguments
        .signature
        .clone()
        .unwrap_or_else(|| subject.minisig());
    let now = SystemClock.now();
    let key = verify_file(&subject, &signature, &arguments.public_key, now)?;
    write::line(&format!(
        "verified: `{}` {} is signed by {key}",
        subject.name(),
        subject.package.digest.short()
    ));
    next(&[format!(
        "phagen plugin deploy {} --slot SLOT",
        quoted(&subject.path)
    )]);
    Ok(())
}

fn password(file: Option<&Path>) -> Result<Option<String>> {
    let Some(file) = file else { return Ok(None) };
    let text = read_small(file)?;
    match text.lines().next() {
        Some(line) if !line.is_empty() => Ok(Some(line.to_owned())),
        _ => bail!(
            "the first line of `{}` is empty; write the password there",
            file.display()
        ),
    }
}
