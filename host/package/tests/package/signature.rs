//! Signatures that count, and each way in which one does not.

use chrono::{DateTime, TimeDelta, Utc};
use phagen_domain::plugin::{PublisherKey, Signature};
use phagen_package::{
    KeyPair, check_signature, embed, generate_key, sign,
    signature::{MAX_MINISIG_BYTES, key_id, parse_public_key},
};

use crate::specimen::{manifest, manifest_with, reranker};

const NOW: &str = "2026-11-22T12:00:00Z";

fn now() -> DateTime<Utc> {
    NOW.parse().expect("a time")
}

fn key(name: &str, pair: &KeyPair) -> PublisherKey {
    PublisherKey {
        name: name.to_owned(),
        public_key: parse_public_key(&pair.public_text).expect("a public key"),
        added_at: now(),
        added_by: "test".to_owned(),
        expires_at: None,
        revoked_at: None,
    }
}

fn whole() -> Vec<u8> {
    embed(&reranker(), &manifest("reranker"), None, None).expect("a package")
}

#[track_caller]
fn assert_failed(signature: &Signature, expected: &str) {
    match signature {
        Signature::Failed { reason } => assert!(reason.contains(expected), "{reason}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_signed_component_is_verified_by_the_name_of_its_key() {
    let (ours, theirs) = (generate_key(None).unwrap(), generate_key(None).unwrap());
    let bytes = whole();
    let minisig = sign(&bytes, &ours.secret_text, None, Some("first release")).unwrap();
    assert!(minisig.contains("\tnote:first release"), "{minisig}");
    assert!(minisig.contains("trusted comment: name:specimen\tversion:0.1.0\tblake3:"));
    let keys = [key("theirs", &theirs), key("ours", &ours)];
    assert_eq!(
        check_signature(&bytes, Some(&minisig), &keys, now()),
        Signature::Verified {
            key: "ours".to_owned()
        }
    );
    assert_eq!(
        check_signature(&bytes, None, &keys, now()),
        Signature::NotSigned
    );
}

#[test]
fn a_signature_of_another_file_says_of_which() {
    let pair = generate_key(None).unwrap();
    let keys = [key("ours", &pair)];
    let bytes = whole();
    let minisig = sign(&bytes, &pair.secret_text, None, None).unwrap();
    let other = manifest_with("reranker", "license = \"MIT\"\n");
    let other = embed(&bytes, &other, None, None).unwrap();
    let signature = check_signature(&other, Some(&minisig), &keys, now());
    assert_failed(&signature, "it says it is of `specimen` 0.1.0 with digest");
}

#[test]
fn an_altered_signature_or_comment_fails() {
    let pair = generate_key(None).unwrap();
    let keys = [key("ours", &pair)];
    let bytes = whole();
    let minisig = sign(&bytes, &pair.secret_text, None, None).unwrap();
    let altered = minisig.replace("version:0.1.0", "version:0.9.0");
    let signature = check_signature(&bytes, Some(&altered), &keys, now());
    assert_failed(&signature, "was altered");
    let mut lines: Vec<String> = minisig.lines().map(str::to_owned).collect();
    let middle = lines[1].len() / 2;
    let swapped = if &lines[1][middle..=middle] == "A" {
        "B"
    } else {
        "A"
    };
    lines[1].replace_range(middle..=middle, swapped);
    let signature = check_signature(&bytes, Some(&lines.join("\n")), &keys, now());
    assert_failed(&signature, "was altered");
}

#[test]
fn an_unknown_key_is_named() {
    let (ours, theirs) = (generate_key(None).unwrap(), generate_key(None).unwrap());
    let bytes = whole();
    let minisig = sign(&bytes, &ours.secret_text, None, None).unwrap();
    let signature = check_signature(&bytes, Some(&minisig), &[key("theirs", &theirs)], now());
    let id = key_id(&key("ours", &ours).public_key).unwrap();
    assert_eq!(id.len(), 16);
    assert!(
        ours.public_text.contains(&id),
        "minisign writes it the same"
    );
    assert_failed(
        &signature,
        &format!("key `{id}`, which this host does not know"),
    );
}

#[test]
fn a_key_counts_until_it_expires_or_is_revoked() {
    let pair = generate_key(None).unwrap();
    let bytes = whole();
    let minisig = sign(&bytes, &pair.secret_text, None, None).unwrap();
    let check = |expires: Option<TimeDelta>, revoked: Option<TimeDelta>| {
        let key = PublisherKey {
            expires_at: expires.map(|delta| now() + delta),
            revoked_at: revoked.map(|delta| now() + delta),
            ..key("ours", &pair)
        };
        check_signature(&bytes, Some(&minisig), &[key], now())
    };
    let (before, after) = (TimeDelta::seconds(-1), TimeDelta::seconds(1));
    assert!(matches!(
        check(Some(after), Some(after)),
        Signature::Verified { .. }
    ));
    assert_failed(
        &check(Some(before), None),
        "key `ours` expired on 2026-11-22",
    );
    assert_failed(&check(Some(TimeDelta::zero()), None), "expired");
    assert_failed(&check(None, Some(before)), "key `ours` was revoked on");
    assert_failed(&check(Some(before), Some(before)), "revoked");
}

#[test]
fn what_is_no_signature_file_is_malformed() {
    let pair = generate_key(None).unwrap();
    let keys = [key("ours", &pair)];
    let bytes = whole();
    let minisig = sign(&bytes, &pair.secret_text, None, None).unwrap();
    let lines: Vec<&str> = minisig.lines().collect();
    let short_global = [lines[0], lines[1], lines[2], "AAAA"].join("\n");
    for text in [
        "",
        "hello",
        &lines[..2].join("\n"),
        &lines[1..].join("\n"),
        &short_global,
        &[lines[0], "AAAA", lines[2], lines[3]].join("\n"),
        &[lines[0], lines[1], "comment: x", lines[3]].join("\n"),
    ] {
        let signature = check_signature(&bytes, Some(text), &keys, now());
        assert_failed(&signature, "not in minisign's format");
    }
    let long = format!("{minisig}{}", "\n".repeat(MAX_MINISIG_BYTES));
    let signature = check_signature(&bytes, Some(&long), &keys, now());
    assert_failed(&signature, "more than the 4096");
}

/// Made by `minisign` itself: key, file and signature of its own tests, over the file's hash.
#[test]
fn a_plain_minisign_signature_counts() {
    let pair = generate_key(None).unwrap();
    let secret = minisign_secret(&pair);
    let bytes = whole();
    let minisig = minisign::sign(None, &secret, &bytes[..], Some("timestamp:1"), None)
        .unwrap()
        .into_string();
    let signature = check_signature(&bytes, Some(&minisig), &[key("ours", &pair)], now());
    assert!(
        matches!(signature, Signature::Verified { .. }),
        "{signature:?}"
    );
}

#[test]
fn a_comment_that_says_something_else_fails() {
    let pair = generate_key(None).unwrap();
    let secret = minisign_secret(&pair);
    let bytes = whole();
    for (comment, expected) in [
        (
            "name:other\tversion:0.1.0",
            "the comment says it is `other` 0.1.0, but the manifest says `specimen` 0.1.0",
        ),
        ("name:specimen\tversion:0.2.0", "but the manifest says"),
        (
            "blake3:00",
            "the signature fits, but its comment says it is of a file with digest `00`",
        ),
    ] {
        let minisig = minisign::sign(None, &secret, &bytes[..], Some(comment), None)
            .unwrap()
            .into_string();
        let signature = check_signature(&bytes, Some(&minisig), &[key("ours", &pair)], now());
        assert_failed(&signature, expected);
    }
}

fn minisign_secret(pair: &KeyPair) -> minisign::SecretKey {
    minisign::SecretKeyBox::from_string(&pair.secret_text)
        .and_then(minisign::SecretKeyBox::into_unencrypted_secret_key)
        .expect("a secret key")
}

#[test]
fn a_password_protects_the_secret_key() {
    let pair = generate_key(Some("correct horse")).unwrap();
    let bytes = whole();
    let minisig = sign(&bytes, &pair.secret_text, Some("correct horse"), None).unwrap();
    let signature = check_signature(&bytes, Some(&minisig), &[key("ours", &pair)], now());
    assert!(matches!(signature, Signature::Verified { .. }));
    for (secret, password, expected) in [
        (&pair.secret_text, Some("wrong"), "the password is wrong"),
        (&pair.secret_text, None, "give the password"),
        (
            &generate_key(None).unwrap().secret_text,
            Some("x"),
            "leave the password out",
        ),
        (&"nonsense".to_owned(), None, "secret key"),
    ] {
        let refusal = sign(&bytes, secret, password, None)
            .unwrap_err()
            .to_string();
        assert!(refusal.contains(expected), "{refusal}");
    }
    assert!(generate_key(Some("")).is_err());
    assert!(!format!("{pair:?}").contains(&pair.secret_text));
}

#[test]
fn a_public_key_is_read_from_its_file_or_its_line() {
    let pair = generate_key(None).unwrap();
    let line = parse_public_key(&pair.public_text).unwrap();
    assert_eq!(parse_public_key(&format!(" {line}\n")).unwrap(), line);
    for text in ["", "untrusted comment: x", "abc", &pair.secret_text] {
        assert!(parse_public_key(text).is_err(), "{text}");
    }
}
