//! The last lines of each guest.

use phagen_domain::digest::Digest;
use phagen_plugin::LogLevel;

use crate::common::{Room, query};

#[tokio::test]
async fn what_a_guest_logs_can_be_read_by_its_digest() {
    let room = Room::new();
    let slot = room.source("log-flood");
    let digest = slot.plugin.digest();
    assert!(room.host.logs(digest, 0).is_empty());
    slot.search(&query(), 3, None).await.expect("a page");
    let lines = room.host.logs(digest, 0);
    assert_eq!(lines.len(), 200);
    let first = &lines[0];
    assert_eq!((first.seq, first.level), (1, LogLevel::Info));
    assert_eq!(
        (first.slot.as_str(), first.line.as_str()),
        ("test", "flood line=0")
    );
    assert_eq!(room.host.logs(digest, 198).len(), 2);

    for _ in 0..7 {
        slot.search(&query(), 3, None).await.expect("a page");
    }
    let lines = room.host.logs(digest, 0);
    assert_eq!(lines.len(), 1_000, "the last of 1,600");
    assert_eq!(lines.last().map(|line| line.seq), Some(1_600));
    assert!(room.host.logs(Digest::of(b"another"), 0).is_empty());
}
