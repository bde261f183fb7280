//! What is published when a fetch succeeds, and what it is called.

use countersign::rest::{Again, Error};
use countersign::telemetry::Metric;
use serde_json::json;

use super::hands::{World, claim, covers, now};
use super::stand_in::{ACCOUNT, ENVELOPE, envelope};

#[tokio::test]
async fn the_enriched_change_carries_the_whole_signing_request_and_what_it_covers() {
    let world = World::new();
    world.docusign.answers(Ok(envelope("completed")));
    world.store.claim(now(), claim());
    assert_eq!(world.enricher.step().await.unwrap(), 1);
    assert_eq!(*world.docusign.asked.lock().unwrap(), [format!("{ACCOUNT} {ENVELOPE}")]);
    let completed = world.completed();
    assert_eq!(completed.routing_key, format!("enriched.completed.{ACCOUNT}"));
    assert_eq!(completed.occurred_at.to_string(), "2026-11-23T10:19:58.5Z");
    let request = &completed.body["signing_request"];
    assert_eq!(request["id"], ENVELOPE);
    assert_eq!(request["status"], json!({"id": "completed", "name": "Completed"}));
    assert_eq!(request["participants"][0]["emails"][0]["email"], "ada.first@example.com");
    let mut rest = completed.body.clone();
    rest.as_object_mut().unwrap().remove("signing_request");
    assert_eq!(
        rest,
        json!({
            "id": completed.id, "sequence": 9, "origin": "connect",
            "occurred_at": "2026-11-23T10:19:58.5Z", "received_at": "2026-11-23T10:20:00Z",
            "account": {"id": ACCOUNT, "integrated_account_id": null},
            "covers": [
                {"id": "00000000-0000-0000-0000-000000000003", "sequence": 3},
                {"id": "00000000-0000-0000-0000-000000000004", "sequence": 4},
            ],
            "error": null, "fetched_at": "2026-11-23T10:20:00Z", "carried_by": null,
        })
    );
    assert_eq!(world.metrics.counted(Metric::Changes, "enriched"), 1);
}

#[tokio::test]
async fn the_same_covered_changes_give_the_same_id_in_any_order_and_others_another() {
    let mut ids = Vec::new();
    for sequences in [&[3, 4][..], &[4, 3], &[3], &[3, 4, 5]] {
        for failed in [false, true] {
            let world = World::new();
            if failed {
                world.docusign.answers(Err(Error::TooLarge { limit: 1 }));
            }
            world.store.claim(now(), countersign::store::Enrichment { covers: covers(sequences), ..claim() });
            world.enricher.step().await.unwrap();
            ids.push(world.completed().id);
        }
    }
    assert_eq!(ids[0], ids[1], "the failure answers the same changes");
    assert_eq!(ids[0], ids[2]);
    assert_ne!(ids[0], ids[4]);
    assert_ne!(ids[0], ids[6]);
}

#[tokio::test]
async fn the_routing_key_takes_the_status_that_docusign_tells_even_one_unknown_to_us() {
    for (told, key) in [("VOIDED", "voided"), ("timedout", "timedout"), ("New.Status #", "new_status__")] {
        let world = World::new();
        world.docusign.answers(Ok(envelope(told)));
        world.store.claim(now(), claim());
        world.enricher.step().await.unwrap();
        assert_eq!(world.completed().routing_key, format!("enriched.{key}.{ACCOUNT}"));
    }
}

#[tokio::test]
async fn what_messages_carried_is_fetched_where_it_cannot_be_read() {
    let world = World::new();
    world.store.told().unread = true;
    world.store.claim(now(), claim());
    world.enricher.step().await.unwrap();
    assert_eq!(world.docusign.calls(), 1);
    assert_eq!(world.completed().body["carried_by"], json!(null));
    assert_eq!(world.metrics.counted(Metric::Enriched, "fetched"), 1);
}

#[tokio::test]
async fn without_a_status_from_docusign_the_known_one_stands() {
    let world = World::new();
    world.docusign.answers(Ok(format!(r#"{{"envelopeId":"{}"}}"#, ENVELOPE.to_uppercase())));
    world.store.claim(now(), claim());
    world.enricher.step().await.unwrap();
    assert_eq!(world.completed().routing_key, format!("enriched.delivered.{ACCOUNT}"));
    assert_eq!(world.completed().occurred_at, now(), "when it was fetched, for nothing else is told");
}

#[tokio::test]
async fn an_answer_about_another_signing_request_is_not_believed() {
    for json in ["{}".to_owned(), envelope("sent").replace(ENVELOPE, "another")] {
        let world = World::new();
        world.docusign.answers(Ok(json));
        world.store.claim(now(), claim());
        world.enricher.step().await.unwrap();
        assert!(world.store.told().completed.is_empty());
        let deferred = world.last_deferred();
        assert_eq!(deferred.attempts, 1);
        assert!(deferred.why.contains("another signing request"), "{}", deferred.why);
    }
}

#[test]
fn errors_of_reading_are_tried_again() {
    assert_eq!(Error::Malformed(String::new()).again(), Again::Later);
}
