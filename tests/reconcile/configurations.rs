//! Connect's configurations: registered, registered again, and watched.

use countersign::docusign::connect_configuration::Here;
use countersign::docusign::connect_lint::Severity;
use jiff::SignedDuration;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::world::World;

const URL: &str = "https://hooks.example.com/connect";

fn here() -> Here {
    Here { url: Some("https://hooks.example.com".into()), sources: vec!["sales".into()] }
}

async fn faults(world: &World) -> Vec<&'static str> {
    let examined = world.reconciler.connect(&world.account(), &here()).await.unwrap();
    let faults = examined.findings.into_iter().filter(|finding| finding.severity == Severity::Fault);
    faults.map(|finding| finding.code).collect()
}

fn client() -> reqwest::Client {
    countersign::rest::http_client("tests", std::time::Duration::from_secs(20)).unwrap()
}

/// Changes a configuration as its account's administrator would.
async fn put(world: &World, change: &Value) {
    let account = world.account();
    let url = format!("{}/restapi/v2.1/accounts/{account}/connect", world.running.url());
    let token = world.docusign.issue_token();
    let answer = client().put(url).bearer_auth(token.expose_secret()).json(change).send().await.unwrap();
    assert!(answer.status().is_success(), "{answer:?}");
}

#[tokio::test]
async fn registering_makes_a_configuration_without_faults_and_a_second_time_changes_nothing() {
    let world = World::new().await;
    assert_eq!(faults(&world).await, ["none"]);
    let account = world.account();
    let dry = world.reconciler.register(&account, URL, "countersign", true).await.unwrap();
    assert!(dry.new && !dry.mends.is_empty() && dry.connect_id.is_none());
    assert_eq!(world.docusign.calls("POST /connect"), 0);
    let first = world.reconciler.register(&account, URL, "countersign", false).await.unwrap();
    assert!(first.new && first.connect_id.is_some(), "{first:?}");
    assert_eq!(faults(&world).await, [""; 0]);
    let second = world.reconciler.register(&account, URL, "countersign", false).await.unwrap();
    assert!(!second.new && second.mends.is_empty(), "{second:?}");
    assert_eq!(second.connect_id, first.connect_id);
    assert_eq!(world.docusign.calls("POST /connect") + world.docusign.calls("PUT /connect"), 1);
}

#[tokio::test]
async fn a_configuration_that_was_changed_is_mended_and_what_it_says_beside_is_kept() {
    let world = World::new().await;
    let account = world.account();
    let made = world.reconciler.register(&account, URL, "countersign", false).await.unwrap();
    let change = json!({
        "connectId": made.connect_id, "allowEnvelopePublish": "false", "deliveryMode": "Aggregate",
        "events": ["envelope-sent", "template-created"], "includeHMAC": "false", "senderOverride": "kept",
    });
    put(&world, &change).await;
    assert_eq!(faults(&world).await, ["not_published", "hmac_off", "delivery_mode"]);
    let mended = world.reconciler.register(&account, URL, "countersign", false).await.unwrap();
    let fields: Vec<_> = mended.mends.iter().map(|mend| mend.field).collect();
    assert_eq!(fields, ["allowEnvelopePublish", "deliveryMode", "includeHMAC", "events"]);
    assert_eq!(faults(&world).await, [""; 0]);
    let examined = world.reconciler.connect(&account, &here()).await.unwrap();
    let (configuration, ours) = &examined.configurations[0];
    assert!(*ours && configuration["senderOverride"] == "kept", "{configuration}");
    assert!(configuration["events"].as_array().unwrap().contains(&json!("template-created")));
}

#[tokio::test]
async fn a_configuration_that_docusign_disabled_or_that_is_gone_is_noticed_by_itself() {
    let world = World::new().await;
    world.pass(SignedDuration::from_mins(61));
    world.turn().await;
    let watched = world.reconciler.watched();
    assert!(watched.faults().is_empty(), "that there is none is no fault where there never was one");
    let account = world.account();
    let made = world.reconciler.register(&account, URL, "countersign", false).await.unwrap();
    world.look().await;
    assert!(watched.faults().is_empty(), "{:?}", watched.faults());
    put(
        &world,
        &json!({"connectId": made.connect_id, "allowEnvelopePublish": "false", "disabledBy": "System"}),
    )
    .await;
    world.look().await;
    let faults = watched.faults();
    assert!(faults.iter().any(|fault| fault.contains("disabled by System")), "{faults:?}");
    assert!(
        world.metrics.render().contains(&format!("countersign_connect_faults{{account=\"{account}\"}} 2"))
    );
    world.reconciler.register(&account, URL, "countersign", false).await.unwrap();
    world.look().await;
    assert!(watched.faults().is_empty(), "{:?}", watched.faults());
    let id = made.connect_id.unwrap();
    let url = format!("{}/restapi/v2.1/accounts/{account}/connect/{id}", world.running.url());
    let token = world.docusign.issue_token();
    client().delete(url).bearer_auth(token.expose_secret()).send().await.unwrap();
    world.look().await;
    assert_eq!(watched.faults().len(), 1, "it is lost: {:?}", watched.faults());
}
