//! Kept answers across processes and machines: found by whoever comes next, and forgotten by all
//! when an operator says so.

use phagen_domain::result::JobResult;
use serde_json::json;
use uuid::Uuid;

use crate::{
    data_dir::DataDir,
    process::PATIENCE,
    server::{Server, evidence},
};

const MOLECULE: &str = "metformin";

fn cached(result: &JobResult) -> Vec<bool> {
    result.sources.iter().map(|source| source.cached).collect()
}

/// But for the times that things took, and where they came from.
fn substance(mut result: JobResult) -> JobResult {
    result.timings.clear();
    for source in &mut result.sources {
        source.cached = false;
        source.milliseconds = 0.0;
    }
    result
}

fn forget(dir: &DataDir, server: &Server, what: &[&str]) -> String {
    let verb = ["cache", "invalidate", "--host", server.address()];
    dir.run(&[&verb, what].concat()).expect_success()
}

#[tokio::test]
async fn answers_outlive_the_process_until_they_are_forgotten() {
    let dir = DataDir::ready();
    let server = Server::start(&dir);
    let first = server.analyse(MOLECULE).await;
    assert_eq!(cached(&first), [false; 5]);
    assert!(evidence(&first).count() > 10);
    server.end_by("TERM", PATIENCE);

    let server = Server::start(&dir);
    let second = server.analyse(MOLECULE).await;
    assert_eq!(cached(&second), [true; 5]);
    // Written, read and decoded, it is the same to the last digit.
    assert_eq!(substance(second), substance(first));

    for (what, kept) in [
        (&["--molecule", "Metformin"][..], [false; 5]),
        (&[], [false; 5]),
    ] {
        let told = forget(&dir, &server, what);
        assert!(told.starts_with("forgotten: "), "{told}");
        assert_eq!(cached(&server.analyse(MOLECULE).await), kept, "{what:?}");
    }
    let slot = server.analyse(MOLECULE).await.sources[2].slot.to_string();
    forget(&dir, &server, &["--source", &slot]);
    let again = server.analyse(MOLECULE).await;
    assert_eq!(cached(&again), [true, true, false, true, true]);
}

#[tokio::test]
async fn hosts_of_one_redis_share_what_was_answered() {
    let url = std::env::var_os("PHAGEN_TEST_REDIS").and_then(|url| url.into_string().ok());
    let url = url.expect("`PHAGEN_TEST_REDIS` is set: run the tests with `cargo xtask test`, or through `cargo xtask services`");
    let prefix = format!("test-{}", Uuid::new_v4().simple());
    let settings = [
        ("PHAGEN_CACHE__REDIS_URL", url.as_str()),
        ("PHAGEN_CACHE__REDIS_PREFIX", prefix.as_str()),
    ];
    // Two machines with the same corpus, and nothing else in common.
    let (here, there) = (DataDir::ready(), DataDir::ready());
    let [here, there] = [&here, &there].map(|dir| Server::start_with(dir, &[], &settings));
    let ready = there.get("/ready").await.json();
    assert_eq!(ready["checks"]["redis"]["status"], json!("ok"));
    let asked = here.analyse(MOLECULE).await;
    assert_eq!(cached(&asked), [false; 5]);
    let found = there.analyse(MOLECULE).await;
    assert_eq!(cached(&found), [true; 5]);
    assert_eq!(substance(found), substance(asked));
}
