//! Keys of the API: who is let in, and to what.

use chrono::{DateTime, TimeDelta};
use phagen_domain::digest::Digest;
use phagen_server::{access_key::AccessKey, config::Operators};
use phagen_store::{NewApiKey, Scope, Scopes, Standing};
use rand::{SeedableRng as _, rngs::StdRng};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::{Duration, Instant, sleep};

use crate::common::{
    Answer, Rules, TestApp,
    finished::{ABSTRACT, result},
};

const NO_ID: &str = "0193a1b2-7c00-7000-8000-000000000000";

async fn guarded() -> TestApp {
    TestApp::with(Rules {
        auth_required: true,
        operators: Operators::default().with("root", "k-root"),
        ..Rules::default()
    })
    .await
}

fn drawn(name: &str) -> AccessKey {
    let seed = Digest::of(name.as_bytes()).as_bytes()[0];
    AccessKey::draw(&mut StdRng::seed_from_u64(seed.into()))
}

fn new_key(name: &str, key: &AccessKey, scopes: Scopes) -> NewApiKey {
    NewApiKey {
        name: name.to_owned(),
        prefix: key.prefix(),
        hash: key.hash(),
        scopes,
        created_by: "root".to_owned(),
        expires_at: None,
    }
}

/// The text of a key that is now in the database.
async fn key(app: &TestApp, name: &str, scopes: &[Scope]) -> String {
    let key = drawn(name);
    let scopes = scopes.iter().copied().collect();
    app.store
        .add_api_key(&new_key(name, &key, scopes))
        .await
        .expect("a key is stored");
    key.reveal().to_owned()
}

async fn ask(app: &TestApp, key: &str, method: Method, path: &str, body: Option<Value>) -> Answer {
    let mut request = app.request(method, path).bearer_auth(key);
    if let Some(body) = body {
        request = request.json(&body);
    }
    Answer::to(request).await
}

/// Every operation of the document, with the scope that it names.
fn operations() -> Vec<(Method, String, Option<String>)> {
    let document = serde_json::to_value(phagen_server::http::openapi()).expect("JSON");
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().expect("a map of paths") {
        for method in [Method::GET, Method::POST, Method::PUT, Method::DELETE] {
            let operation = &item[method.as_str().to_lowercase()];
            if operation.is_object() {
                let scope = operation["security"][0]["api_key"][0].as_str();
                operations.push((method, path.clone(), scope.map(str::to_owned)));
            }
        }
    }
    operations
}

fn filled(path: &str) -> String {
    path.replace("{job_id}", NO_ID)
        .replace("{digest}", &"a".repeat(64))
        .replace("{name}", "ranker")
        .replace("{slot}", "reranker")
}

#[tokio::test]
async fn every_route_but_the_probes_needs_a_key() {
    let app = guarded().await;
    for (method, path, scope) in operations() {
        let is_probe = ["/health", "/ready"].contains(&path.as_str());
        assert_eq!(scope.is_none(), is_probe, "{method} {path}");
        let answer = Answer::to(app.request(method.clone(), &filled(&path))).await;
        if is_probe {
            assert_eq!(answer.status, 200, "{path}");
        } else {
            let problem = answer.problem();
            assert!(
                problem.starts_with("401 /problems/not-authorized"),
                "{method} {path}: {problem}"
            );
            assert_eq!(
                answer.header("www-authenticate"),
                Some("Bearer realm=\"phagen\"")
            );
        }
    }
    let nowhere = app.get("/api/nowhere").await;
    assert!(nowhere.problem().starts_with("401"), "{}", nowhere.text);
}

#[tokio::test]
async fn a_key_opens_what_its_scopes_name_and_nothing_else() {
    let app = guarded().await;
    for held in Scope::ALL {
        let key = key(&app, held.as_str(), &[held]).await;
        for (method, path, scope) in operations() {
            let Some(scope) = scope else { continue };
            let answer = ask(&app, &key, method.clone(), &filled(&path), None).await;
            let told = format!("{held} on {method} {path}: {}", answer.text);
            if scope == held.as_str() {
                assert!(![401, 403, 429].contains(&answer.status), "{told}");
            } else {
                let problem = answer.problem();
                assert!(problem.starts_with("403 /problems/missing-scope"), "{told}");
                assert!(problem.contains(&format!("`{scope}`")), "{told}");
                let challenge = answer.header("www-authenticate").unwrap();
                let expected = format!("error=\"insufficient_scope\", scope=\"{scope}\"");
                assert!(challenge.ends_with(&expected), "{challenge}");
            }
        }
    }
}

#[tokio::test]
async fn each_kind_of_route_asks_for_its_own_scope() {
    let scope_of = |wanted: (&str, &str)| {
        let operations = operations();
        let found = operations
            .iter()
            .find(|(method, path, _)| (method.as_str(), path.as_str()) == wanted);
        found.unwrap().2.clone().unwrap()
    };
    for (method, path, scope) in [
        ("GET", "/api/jobs", "read"),
        ("POST", "/api/jobs", "submit"),
        ("DELETE", "/api/jobs/{job_id}", "submit"),
        ("POST", "/api/feedback", "feedback"),
        ("POST", "/api/plugins", "operate"),
        ("POST", "/api/publisher-keys", "operate"),
        ("GET", "/api/audit", "operate"),
        ("GET", "/api/openapi.json", "read"),
    ] {
        assert_eq!(scope_of((method, path)), scope, "{method} {path}");
    }
}

#[tokio::test]
async fn what_is_no_key_of_this_server_is_refused_and_not_repeated() {
    let app = guarded().await;
    let own = key(&app, "ci", &[Scope::Read]).await;
    let wrong_end = format!("{}0", &own[..own.len() - 1]);
    let never_made = drawn("never");
    for wrong in [
        "x",
        "k-roo",
        &own[..own.len() - 1],
        &own.to_uppercase(),
        never_made.reveal(),
        if wrong_end == own { "y" } else { &wrong_end },
    ] {
        let answer = ask(&app, wrong, Method::GET, "/api/jobs", None).await;
        assert!(answer.problem().starts_with("401"), "{}", answer.text);
        assert!(!answer.text.contains("phagen_"), "{}", answer.text);
        let challenge = answer.header("www-authenticate").unwrap();
        assert!(
            challenge.ends_with("error=\"invalid_token\""),
            "{challenge}"
        );
    }
    assert_eq!(
        ask(&app, &own, Method::GET, "/api/jobs", None).await.status,
        200
    );
    let root = ask(&app, "k-root", Method::GET, "/api/audit", None).await;
    assert_eq!(
        root.status, 200,
        "operators of the settings may do everything"
    );
}

#[tokio::test]
async fn a_key_that_has_expired_says_so() {
    let app = guarded().await;
    let gone = drawn("gone");
    let gone_key = NewApiKey {
        expires_at: Some(DateTime::UNIX_EPOCH + TimeDelta::days(1)),
        ..new_key("gone", &gone, Scopes::all())
    };
    app.store.add_api_key(&gone_key).await.unwrap();
    let answer = ask(&app, gone.reveal(), Method::GET, "/api/jobs", None).await;
    assert!(answer.problem().contains("expired"), "{}", answer.text);
}

#[tokio::test]
async fn a_revocation_is_seen_within_moments() {
    let app = guarded().await;
    let own = key(&app, "ci", &[Scope::Read]).await;
    assert_eq!(
        ask(&app, &own, Method::GET, "/api/jobs", None).await.status,
        200
    );
    let used = app.store.list_api_keys().await.unwrap()[0].last_used_at;
    assert!(used.is_some(), "its use was noted");
    let revoked = app.store.revoke_api_key("ci", "root").await.unwrap();
    assert_eq!(revoked.standing, Standing::Revoked);
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let answer = ask(&app, &own, Method::GET, "/api/jobs", None).await;
        if answer.status == 401 {
            assert!(answer.problem().contains("revoked"), "{}", answer.text);
            break;
        }
        assert!(Instant::now() < deadline, "a revoked key still counts");
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn the_name_of_the_key_stands_beside_what_was_done() {
    let app = guarded().await;
    let all = key(&app, "ada", &Scope::ALL).await;
    let body = json!({ "molecule": "aspirin" });
    let submitted = ask(&app, &all, Method::POST, "/api/jobs", Some(body)).await;
    assert_eq!(submitted.status, 202, "{}", submitted.text);
    let job = submitted.job_id();
    let claimed = app.claim().await;
    app.store
        .finish(&claimed.lease, &result("aspirin", &[]))
        .await
        .unwrap();
    let vote = json!({
        "job_id": job,
        "evidence_id": ABSTRACT,
        "evidence_type": "literature",
        "feedback_type": "upvote",
    });
    let voted = ask(&app, &all, Method::POST, "/api/feedback", Some(vote)).await;
    assert_eq!(voted.json()["voter"], "ada", "{}", voted.text);
    let publisher = json!({
        "name": "bob",
        "public_key": "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3",
    });
    let added = ask(
        &app,
        &all,
        Method::POST,
        "/api/publisher-keys",
        Some(publisher),
    )
    .await;
    assert_eq!(added.json()["added_by"], "ada", "{}", added.text);
}

#[tokio::test]
async fn a_key_that_may_operate_shuts_the_door_that_was_open_to_this_machine() {
    let app = TestApp::start().await;
    let body = json!({});
    let path = "/api/publisher-keys/nobody/revoke";
    assert_eq!(app.post(path, &body).await.status, 404, "this machine may");
    key(&app, "reader", &[Scope::Read]).await;
    assert_eq!(app.post(path, &body).await.status, 404, "nobody else may");
    let operator = key(&app, "ada", &[Scope::Operate]).await;
    assert!(app.post(path, &body).await.problem().starts_with("401"));
    let asked = ask(&app, &operator, Method::POST, path, Some(body)).await;
    assert_eq!(asked.status, 404, "{}", asked.text);
    // Asking needs no key here, but one that is shown must be good.
    assert_eq!(app.get("/api/jobs").await.status, 200);
    let wrong = ask(&app, "x", Method::GET, "/api/jobs", None).await;
    assert_eq!(wrong.status, 401);
}

#[tokio::test]
async fn a_database_that_fails_lets_nobody_in_and_blames_no_key() {
    use crate::common::{broken::How, quick_limits};
    let app = TestApp::broken(How::Fails, quick_limits()).await;
    let key = drawn("any");
    let answer = ask(&app, key.reveal(), Method::GET, "/api/host/worlds", None).await;
    assert!(answer.problem().starts_with("503"), "{}", answer.text);
}
