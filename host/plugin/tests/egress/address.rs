//! The address that a name leads to is judged, and it is the one that is connected to.

use std::sync::Arc;

use phagen_domain::plugin::HttpGrant;

use crate::{
    room::{Names, Room, place, search, told},
    server::{Server, ok},
};

fn public(origin: &str) -> HttpGrant {
    HttpGrant {
        private_addresses: false,
        ..place(origin, "/")
    }
}

/// A room whose names lead where the test says.
fn room(names: Names) -> (Room, Arc<Names>) {
    let names = Arc::new(names);
    let resolver = Arc::clone(&names);
    let room = Room::with(|settings| settings.egress.resolver = resolver);
    (room, names)
}

#[tokio::test]
async fn a_private_address_needs_the_operators_word() {
    let server = Server::start(|_| ok("inside")).await;
    let (room, _) = room(Names::default().with("inside.test", &[&["127.0.0.1"]]));
    let port = server.port();
    for host in ["127.0.0.1", "inside.test"] {
        let origin = format!("http://{host}:{port}");
        let url = format!("{origin}/");
        let slot = room.fetcher(&[public(&origin)], &[("url", &url)]);
        let error = search(&slot).await.expect_err("denied");
        assert_eq!(error.code(), "plugin_denied");
        let text = error.to_string();
        assert!(text.contains("whose host is a loopback address"), "{text}");
        let command = format!("phagen plugin grant web --http 'GET {url}' --private-addresses");
        assert!(text.contains(&format!("    {command}\n")), "{text}");

        let slot = room.fetcher(&[place(&origin, "/")], &[("url", &url)]);
        let page = search(&slot).await.expect("a page");
        assert_eq!(told(&page, "body"), Some("inside"));
        assert_eq!(
            server.asked().pop().unwrap().header("host"),
            Some(&url[7..url.len() - 1])
        );
    }
    assert_eq!(server.asked().len(), 2);
}

#[tokio::test]
async fn what_is_not_public_is_denied_however_it_is_written() {
    let addresses = [
        "10.0.0.1",
        "192.168.0.1",
        "172.16.0.1",
        "100.64.0.1",
        "0.0.0.0",
        "::1",
        "fe80::1",
        "fc00::1",
        "::ffff:127.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "224.0.0.1",
    ];
    for address in addresses {
        let (room, _) = room(Names::default().with("h.test", &[&[address]]));
        let slot = room.fetcher(&[public("http://h.test")], &[("url", "http://h.test/")]);
        let error = search(&slot).await.expect_err(address);
        assert_eq!(error.code(), "plugin_denied", "{address}: {error}");
        // Where it leads is not told to whoever reads the job.
        assert!(!error.to_string().contains(address), "{error}");
    }
}

#[tokio::test]
async fn one_private_address_among_public_ones_is_enough() {
    let names = Names::default().with("h.test", &[&["93.184.215.14", "127.0.0.1"]]);
    let (room, _) = room(names);
    let slot = room.fetcher(&[public("http://h.test")], &[("url", "http://h.test/")]);
    assert_eq!(
        search(&slot).await.expect_err("denied").code(),
        "plugin_denied"
    );
}

#[tokio::test]
async fn cloud_metadata_stays_denied_whatever_is_granted() {
    for address in ["169.254.169.254", "fd00:ec2::254", "::ffff:169.254.169.254"] {
        let (room, _) = room(Names::default().with("h.test", &[&[address]]));
        let slot = room.fetcher(&[place("http://h.test", "/")], &[("url", "http://h.test/")]);
        let error = search(&slot).await.expect_err(address);
        assert_eq!(error.code(), "plugin_denied");
        assert!(error.to_string().contains("no grant opens"), "{error}");
    }
}

#[tokio::test]
async fn a_name_that_changes_its_mind_is_asked_once_a_request_and_judged_each_time() {
    let server = Server::start(|_| ok("first")).await;
    let origin = format!("http://rebinding.test:{}", server.port());
    // Good when it is checked; what it says next would be what a second lookup connects to.
    let answers: &[&[&str]] = &[&["127.0.0.1"], &["169.254.169.254"]];
    let (room, names) = room(Names::default().with("rebinding.test", answers));
    let url = format!("{origin}/");
    let slot = room.fetcher(&[place(&origin, "/")], &[("url", &url)]);
    let page = search(&slot).await.expect("a page");
    assert_eq!(told(&page, "body"), Some("first"));
    assert_eq!(names.asked.lock().unwrap().len(), 1);
    let error = search(&slot).await.expect_err("denied");
    assert_eq!(error.code(), "plugin_denied", "{error}");
    assert_eq!(names.asked.lock().unwrap().len(), 2);
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn a_dead_address_does_not_use_up_the_time_of_the_next() {
    let server = Server::start(|_| ok("second")).await;
    let origin = format!("http://two.test:{}", server.port());
    // Nothing answers at the first: the test's own network has one loopback address with a server.
    let (room, _) = room(Names::default().with("two.test", &[&["127.77.77.77", "127.0.0.1"]]));
    let url = format!("{origin}/");
    let slot = room.fetcher(&[place(&origin, "/")], &[("url", &url)]);
    let page = search(&slot).await.expect("a page");
    assert_eq!(told(&page, "body"), Some("second"));
}

#[tokio::test]
async fn a_name_that_leads_nowhere_is_unavailable() {
    let (room, _) = room(Names::default());
    let slot = room.fetcher(
        &[public("http://gone.test")],
        &[("url", "http://gone.test/")],
    );
    let error = search(&slot).await.expect_err("no such name");
    assert!(error.is_retryable(), "{error}");
    assert!(error.to_string().contains("DnsError"), "{error}");
}
