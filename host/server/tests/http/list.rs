//! `GET /api/jobs`

use std::collections::BTreeSet;

use insta::assert_snapshot;
use serde_json::Value;

use crate::common::{TestApp, finished::result};

fn ids(page: &Value) -> Vec<String> {
    let items = page["items"].as_array().expect("a page has items").iter();
    let id = |item: &Value| item["job_id"].as_str().expect("a job has an id").to_owned();
    items.map(id).collect()
}

#[tokio::test]
async fn jobs_are_listed_newest_first() {
    let app = TestApp::start().await;
    app.finished(&result("aspirin", &[])).await;
    app.submit("metformin").await;
    assert_snapshot!(app.get("/api/jobs").await.snapshot(), @r#"
    200
    {
      "items": [
        {
          "attempt": 0,
          "created_at": "[time]",
          "finished_at": null,
          "job_id": "[id]",
          "molecule": "metformin",
          "priority": 2,
          "status": "queued"
        },
        {
          "attempt": 1,
          "created_at": "[time]",
          "finished_at": "[time]",
          "job_id": "[id]",
          "molecule": "aspirin",
          "priority": 2,
          "status": "succeeded"
        }
      ],
      "next_cursor": null
    }
    "#);
}

#[tokio::test]
async fn pages_cover_every_job_once() {
    let app = TestApp::start().await;
    let mut submitted = Vec::new();
    for n in 0..7 {
        submitted.push(app.submit(&format!("molecule {n}")).await.to_string());
    }
    let mut path = "/api/jobs?limit=3".to_owned();
    let mut listed = Vec::new();
    let mut n_pages = 0;
    loop {
        let page = app.get(&path).await.json();
        listed.extend(ids(&page));
        n_pages += 1;
        let Some(cursor) = page["next_cursor"].as_str() else {
            break;
        };
        path = format!("/api/jobs?limit=3&cursor={cursor}");
    }
    assert_eq!((n_pages, listed.len()), (3, 7));
    let distinct: BTreeSet<&String> = listed.iter().collect();
    assert_eq!(distinct, submitted.iter().collect());
}

#[tokio::test]
async fn jobs_are_found_by_status_and_by_molecule() {
    let app = TestApp::start().await;
    let finished = app.finished(&result("aspirin", &[])).await.to_string();
    let queued = app.submit("Aspirin").await.to_string();
    let other = app.submit("metformin").await.to_string();
    let found = async |query: &str| {
        let mut found = ids(&app.get(&format!("/api/jobs?{query}")).await.json());
        found.sort();
        found.join(" ")
    };
    assert_eq!(found("status=succeeded").await, finished);
    assert_eq!(found("status=queued").await, format!("{queued} {other}"));
    assert_eq!(
        found("molecule=ASPIRIN").await,
        format!("{finished} {queued}")
    );
    assert_eq!(found("molecule=aspirin&status=queued").await, queued);
    assert_eq!(found("molecule=nobody").await, "");
}

#[tokio::test]
async fn a_wrong_parameter_is_named() {
    let app = TestApp::start().await;
    let refused = async |query: &str| app.get(&format!("/api/jobs?{query}")).await.problem();
    assert_snapshot!(refused("status=done").await, @"400 /problems/invalid-parameter status: `done` is not one of `queued`, `running`, `succeeded`, `failed`, `cancelled`");
    assert_snapshot!(refused("limit=0").await, @"400 /problems/invalid-parameter limit: `0` is not a number from 1 to 100");
    assert_snapshot!(refused("limit=101").await, @"400 /problems/invalid-parameter limit: `101` is not a number from 1 to 100");
    assert_snapshot!(refused("limit=ten").await, @"400 /problems/invalid-parameter limit: `ten` is not a number from 1 to 100");
    assert_snapshot!(refused("limit=1&limit=2").await, @"400 /problems/invalid-parameter limit: is given more than once");
    assert_snapshot!(refused("molecule=").await, @"400 /problems/invalid-parameter molecule: must have 1 to 200 characters");
    assert_snapshot!(refused("cursor=nonsense").await, @"400 /problems/invalid-parameter cursor: is not a cursor of this listing; take `next_cursor` of the page before, unchanged");
}
