//! Who reaches a registry, and how: passwords, TLS, deadlines.

use std::{net::TcpListener, time::Duration};

use phagen_package::oci::{Access, Lock, pull, push};

use super::{
    server::{PASSWORD, Registry},
    whole,
};

#[tokio::test]
async fn a_registry_with_a_password_wants_the_right_one() {
    let registry = Registry::start_with_password();
    let bytes = whole();
    for access in [registry.access(), registry.access_with_password("wrong")] {
        let refusal = push("specimen@0.1.0", &bytes, None, &access)
            .await
            .unwrap_err()
            .to_string();
        assert!(refusal.contains("give user and password"), "{refusal}");
    }
    let access = registry.access_with_password(PASSWORD);
    push("specimen@0.1.0", &bytes, None, &access).await.unwrap();
    let pulled = pull("specimen@0.1.0", &Lock::default(), &access)
        .await
        .unwrap();
    assert_eq!(pulled.bytes, bytes);
}

#[tokio::test]
async fn a_registry_with_tls_is_trusted_by_its_root_alone() {
    let registry = Registry::start_with_tls();
    let bytes = whole();
    let access = registry.access();
    push("specimen@0.1.0", &bytes, None, &access).await.unwrap();
    let pulled = pull("specimen@0.1.0", &Lock::default(), &access)
        .await
        .unwrap();
    assert_eq!(pulled.bytes, bytes);
    let stranger = Access {
        extra_roots: Vec::new(),
        ..access
    };
    let refusal = pull("specimen@0.1.0", &Lock::default(), &stranger)
        .await
        .unwrap_err()
        .to_string();
    assert!(refusal.contains("certificate"), "{refusal}");
}

#[tokio::test]
async fn a_registry_that_says_nothing_holds_nobody() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let access = Access {
        plain_http: true,
        deadline: Duration::from_millis(300),
        ..Access::default()
    };
    let reference = format!("{}/specimen:0.1.0", silent.local_addr().unwrap());
    let refusal = pull(&reference, &Lock::default(), &access)
        .await
        .unwrap_err()
        .to_string();
    assert!(refusal.contains("it took longer than 300ms"), "{refusal}");
}

#[tokio::test]
async fn credentials_do_not_travel_in_the_open() {
    let registry = Registry::start();
    let access = registry.access_with_password(PASSWORD);
    let refusal = pull("registry.example/specimen:0.1.0", &Lock::default(), &access)
        .await
        .unwrap_err()
        .to_string();
    assert!(
        refusal.contains("plain HTTP to another machine"),
        "{refusal}"
    );
}
