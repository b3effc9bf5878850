//! The events of one job as they happen, and again.

use phagen_domain::job::JobId;
use reqwest::Method;

use crate::{answer::Answer, data_dir::DataDir, server::Server};

/// Reads to the end of the stream.
async fn follow(server: &Server, id: JobId, last_event_id: Option<usize>) -> Answer {
    let request = server.request(Method::GET, &format!("/api/jobs/{id}/events"));
    let request = match last_event_id {
        Some(seq) => request.header("last-event-id", seq),
        None => request,
    };
    Answer::to(request).await
}

/// Number and name of every event, in order.
fn heads(answer: &Answer) -> Vec<(usize, String)> {
    answer
        .text
        .split("\n\n")
        .filter_map(|event| {
            let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name));
            let number = field("id: ")?.parse().expect("an event is numbered");
            Some((number, field("event: ")?.to_owned()))
        })
        .collect()
}

#[tokio::test]
async fn events_are_numbered_and_replayed_from_where_the_reader_left() {
    let dir = DataDir::ready();
    let server = Server::start(&dir);
    let id = server.submit("tamoxifen").await;
    let live = follow(&server, id, None).await;
    assert_eq!(live.header("content-type"), Some("text/event-stream"));
    let all = heads(&live);
    let names: Vec<&str> = all.iter().map(|(_, name)| name.as_str()).collect();
    assert_eq!(names[..2], ["queued", "running"]);
    assert_eq!(names.last(), Some(&"succeeded"));
    assert!(
        names[2..names.len() - 1]
            .iter()
            .all(|name| *name == "progress")
    );
    assert!(
        all.iter()
            .enumerate()
            .all(|(index, (number, _))| *number == index + 1)
    );

    for seen in 0..all.len() {
        assert_eq!(heads(&follow(&server, id, Some(seen)).await), all[seen..]);
    }
    assert_eq!(follow(&server, id, Some(all.len())).await.status, 204);
}
