//! DocuSign away for an hour: what waits to be fetched is neither given up nor asked for without end.

use countersign::base::{Clock as _, SigningRequestId};
use countersign::store::Enrichment;
use jiff::SignedDuration;

use super::hands::{World, claim, now};

const CLAIMS: i64 = 200;

#[tokio::test]
async fn an_hour_without_docusign_delays_every_object_and_gives_none_up() {
    let world = World::new();
    for number in 0..CLAIMS {
        let signing_request = SigningRequestId::new(&format!("00000000-0000-4000-8000-{number:012}"));
        world.store.claim(now(), Enrichment { subject_ref: number, signing_request, ..claim() });
    }
    world.docusign.set_down(true);
    let hour = now().checked_add(SignedDuration::from_hours(1)).unwrap();
    while world.clock.now() < hour {
        while world.enricher.step().await.unwrap() > 0 {}
        world.clock.advance(SignedDuration::from_secs(5));
    }
    assert!(
        world.store.told().completed.is_empty(),
        "a failure was published for an object that can be had later"
    );
    let calls = world.docusign.calls() as i64 / CLAIMS;
    assert!((10..60).contains(&calls), "{calls} calls for each object within the hour");

    world.docusign.set_down(false);
    let (_, longest) = countersign::base::limits::ENRICH_BACKOFF;
    world.clock.advance(SignedDuration::try_from(longest).unwrap());
    while world.enricher.step().await.unwrap() > 0 {}
    let told = world.store.told();
    assert_eq!(told.completed.len() as i64, CLAIMS, "all of it within the longest wait after the outage");
    assert!(told.completed.iter().all(|completed| completed.body["error"].is_null()));
}
