//! The straight line with the real store and a real wire: a burst of changes costs one call.

use std::sync::Arc;

use bytes::Bytes;
use countersign::base::clock::ManualClock;
use countersign::base::{
    AccountId, Clock, DeliveryId, Dice, Moment, ParticipantId, Position, SigningRequestId, SourceName,
    Subject, limits,
};
use countersign::connect::signature::{Keys, sign, verify};
use countersign::connect::{Body, Delivery, Format};
use countersign::enrich::Enricher;
use countersign::signing::change::ENRICHED_TYPE;
use countersign::signing::{Entry, Mark, Observation, ParticipantStatus, Person};
use countersign::store::{Arrival, Reading, Settings, Store};
use jiff::SignedDuration;
use secrecy::SecretString;
use serde_json::Value;

use super::stand_in::{ACCOUNT, Answer, ENVELOPE, Place, StandIn};

/// One recipient was notified.
async fn tell(store: &Store, clock: &ManualClock, dice: &Dice, number: usize) {
    let person = Person {
        id: ParticipantId::new(&number.to_string()),
        name: None,
        email: None,
        reason: None,
        routing_order: None,
    };
    let at = Some(Moment::certain(clock.now()));
    let seen = Observation {
        account: AccountId::new(ACCOUNT),
        subject: Subject::SigningRequest(SigningRequestId::new(ENVELOPE)),
        event: "recipient-sent".into(),
        format: Format::Json,
        generated_at: at,
        name: None,
        cancellation_reason: None,
        marks: vec![Mark::Participant { person, status: ParticipantStatus::Sent, at }],
        activity: None,
    };
    let body = format!("recipient {number}").into_bytes();
    let delivery = Delivery {
        id: DeliveryId(dice.uuid_at(clock.now())),
        source: SourceName::default(),
        received_at: clock.now(),
        headers: vec![("x-docusign-signature-1".into(), sign("key", &body))],
        body: Body::Inline(Bytes::from(body.clone())),
        traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into(),
    };
    let delivery = verify(delivery, &Keys::new(&[SecretString::from("key")]).digests(&body)).unwrap();
    store.append(Arrival { delivery, reading: Reading::Understood(Box::new(seen)) }).await.unwrap();
}

async fn enriched(store: &Store) -> Vec<Entry> {
    let mut all = store.unsettled(countersign::store::Parts::ALL, Position(0), 1_000).await.unwrap();
    all.retain(|entry| entry.event_type == ENRICHED_TYPE);
    all
}

fn body(entry: &Entry) -> Value {
    serde_json::from_str(&entry.body).unwrap()
}

#[tokio::test]
async fn a_burst_of_twenty_changes_costs_one_call_and_a_limit_delays_but_loses_nothing() {
    let (stand_in, folder, dice) = (StandIn::start().await, tempfile::tempdir().unwrap(), Dice::seeded(11));
    let place = Place::new(stand_in.settings());
    let path = folder.path().join("countersign.sqlite");
    let store = Store::open(&Settings::sqlite(path, true)).unwrap();
    let shared: Arc<dyn Clock> = place.clock.clone();
    let enricher =
        Enricher::new(store.clone(), place.client.clone(), place.metrics.clone(), shared, Dice::seeded(5));
    for number in 0..20 {
        tell(&store, &place.clock, &dice, number).await;
    }
    assert_eq!(enricher.step().await.unwrap(), 0, "it waits for the burst to end");
    place.clock.advance(SignedDuration::try_from(limits::ENRICH_COALESCE).unwrap());
    assert_eq!(enricher.step().await.unwrap(), 1);
    assert_eq!(stand_in.asked("/restapi").len(), 1);
    let entries = enriched(&store).await;
    assert_eq!(entries.len(), 1);
    assert_eq!(
        (entries[0].sequence, entries[0].routing_key.as_str()),
        (21, &*format!("enriched.sent.{ACCOUNT}"))
    );
    let told = body(&entries[0]);
    assert_eq!((&told["sequence"], &told["error"]), (&Value::from(21), &Value::Null));
    assert_eq!(told["id"], entries[0].id.to_string());
    let covers: Vec<_> =
        told["covers"].as_array().unwrap().iter().map(|c| c["sequence"].as_u64().unwrap()).collect();
    assert_eq!(covers, (1..=20).collect::<Vec<_>>());

    tell(&store, &place.clock, &dice, 20).await;
    place.clock.advance(SignedDuration::from_secs(1));
    stand_in.next_call(Answer::new(429, r#"{"errorCode":"BURST_APIINVOCATION_LIMIT_EXCEEDED"}"#));
    assert_eq!(enricher.step().await.unwrap(), 1);
    assert_eq!(enricher.step().await.unwrap(), 0);
    place.clock.advance(SignedDuration::from_secs(36));
    assert_eq!(enricher.step().await.unwrap(), 1);
    assert_eq!(stand_in.asked("/restapi").len(), 3);
    let entries = enriched(&store).await;
    assert_eq!(entries.len(), 2);
    let told = body(&entries[1]);
    assert_eq!((&told["sequence"], &told["covers"][0]["sequence"]), (&Value::from(23), &Value::from(22)));
    assert_eq!(store.next_enrichment_at().await.unwrap(), None);
    store.close().await;
}
