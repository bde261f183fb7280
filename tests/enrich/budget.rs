//! Fetching within an account's calls, in time that passes by hand: the real store, the real client, and the simulator.

use std::sync::Arc;

use bytes::Bytes;
use countersign::base::clock::ManualClock;
use countersign::base::{Clock, DeliveryId, Dice, Moment, SigningRequestId, SourceName, Subject};
use countersign::connect::signature::{Keys, sign, verify};
use countersign::connect::{Body, Delivery, Format};
use countersign::enrich::Enricher;
use countersign::rest::{Client, Settings as Rest};
use countersign::signing::change::ENRICHED_TYPE;
use countersign::signing::{Mark, Observation, SigningRequestStatus};
use countersign::simulator::docusign::{Docusign, Limits, Running, Settings as Traits};
use countersign::simulator::life::{Account, Envelope, EnvelopeStatus};
use countersign::store::{Arrival, Parts, Reading, Settings, Store};
use countersign::telemetry::{Metric, Metrics};
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use serde_json::Value;

use super::stand_in::NOW;

const MINUTES: i64 = 15;

/// A DocuSign with so many calls an hour, and an enricher that fetches from it.
struct World {
    docusign: Docusign,
    running: Running,
    accounts: Vec<Arc<Account>>,
    clock: Arc<ManualClock>,
    dice: Dice,
    store: Store,
    client: Client,
    enricher: Enricher<Store, Client>,
    metrics: Metrics,
    _folder: tempfile::TempDir,
}

impl World {
    fn new(hourly: u64, accounts: usize) -> Self {
        let clock = Arc::new(ManualClock::new(NOW.parse().unwrap()));
        let shared: Arc<dyn Clock> = clock.clone();
        let (dice, folder, metrics) = (Dice::seeded(77), tempfile::tempdir().unwrap(), Metrics::default());
        let accounts: Vec<_> = (0..accounts).map(|_| Arc::new(Account::invented(&dice))).collect();
        let limits = Limits { hourly, burst: 1_000_000, ..Limits::default() };
        let traits = Traits {
            accounts: accounts.clone(),
            limits,
            token_life: SignedDuration::from_hours(10_000),
            ..Traits::default()
        };
        let docusign = Docusign::new(traits, shared.clone(), dice.clone());
        let running = docusign.start("127.0.0.1:0").unwrap();
        let rest = Rest {
            base_uri: Some(running.url()),
            access_token: Some(docusign.issue_token()),
            ..Rest::default()
        };
        let client = Client::new(rest, shared.clone(), dice.clone(), metrics.clone()).unwrap();
        let store = Store::open(&Settings::sqlite(folder.path().join("s.sqlite"), true)).unwrap();
        let enricher = Enricher::new(store.clone(), client.clone(), metrics.clone(), shared, Dice::seeded(5))
            .at_intervals(std::time::Duration::from_secs(60 * MINUTES as u64));
        Self { docusign, running, accounts, clock, dice, store, client, enricher, metrics, _folder: folder }
    }

    /// An envelope of an account, as DocuSign knows it and Connect tells of it.
    async fn tell(&self, account: usize, envelope: &mut Envelope, status: SigningRequestStatus) {
        envelope.status = match status {
            SigningRequestStatus::Completed => EnvelopeStatus::Completed,
            SigningRequestStatus::Delivered => EnvelopeStatus::Delivered,
            _ => EnvelopeStatus::Sent,
        };
        self.docusign.put(envelope.clone());
        let at = Some(Moment::certain(self.clock.now()));
        let seen = Observation {
            account: countersign::base::AccountId::new(&self.accounts[account].id.to_string()),
            subject: Subject::SigningRequest(SigningRequestId::new(&envelope.id.to_string())),
            event: "envelope-x".into(),
            format: Format::Json,
            generated_at: at,
            name: None,
            cancellation_reason: None,
            marks: vec![Mark::SigningRequest { status, at }],
            activity: None,
        };
        let body = format!("{} {status:?}", envelope.id).into_bytes();
        let delivery = Delivery {
            id: DeliveryId(self.dice.uuid_at(self.clock.now())),
            source: SourceName::default(),
            received_at: self.clock.now(),
            headers: vec![("x-docusign-signature-1".into(), sign("key", &body))],
            body: Body::Inline(Bytes::from(body.clone())),
            traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into(),
        };
        let delivery = verify(delivery, &Keys::new(&[SecretString::from("key")]).digests(&body)).unwrap();
        let arrival = Arrival { delivery, reading: Reading::Understood(Box::new(seen)) };
        self.store.append(arrival).await.unwrap();
    }

    fn envelope(&self, account: usize) -> Envelope {
        let holder = Arc::clone(&self.accounts[account]);
        Envelope::draft(holder, "Lease".to_owned(), self.clock.now(), &self.dice)
    }

    /// Fetches what can be fetched now.
    async fn work(&self) {
        while self.enricher.step().await.unwrap() > 0 {}
    }

    fn pass(&self, time: SignedDuration) {
        self.clock.advance(time);
    }

    /// Account, envelope and status of what was fetched so far, in order.
    async fn fetched(&self) -> Vec<(String, String, String)> {
        let mut all = self.store.unsettled(Parts::ALL, countersign::base::Position(0), 10_000).await.unwrap();
        all.retain(|entry| entry.event_type == ENRICHED_TYPE);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        all.iter()
            .map(|entry| {
                let body: Value = serde_json::from_str(&entry.body).unwrap();
                assert!(body["error"].is_null(), "{body}");
                let request = &body["signing_request"];
                (text(&body["account"]["id"]), text(&request["id"]), text(&request["status"]["id"]))
            })
            .collect()
    }
}

#[tokio::test]
async fn a_thousand_signing_requests_under_a_hundred_calls_an_hour_are_all_fetched_the_ended_ones_first() {
    let world = World::new(100, 1);
    let mut envelopes: Vec<_> = (0..1_000).map(|_| world.envelope(0)).collect();
    let told = envelopes.iter_mut().enumerate().map(|(number, envelope)| {
        let ended = number % 4 == 3;
        let status = if ended { SigningRequestStatus::Completed } else { SigningRequestStatus::Sent };
        world.tell(0, envelope, status)
    });
    futures_util::future::join_all(told).await;
    world.pass(SignedDuration::from_secs(1));
    let (mut hours, mut before) = (0, 0);
    loop {
        world.work().await;
        let made = world.docusign.calls("GET /envelopes/{envelope}");
        assert!(made - before <= 100, "{} calls in an hour", made - before);
        before = made;
        if world.store.next_enrichment_at().await.unwrap().is_none() {
            break;
        }
        // To the next full hour, and until all that waits for it has come back.
        let now = world.clock.now().as_second();
        world.pass(SignedDuration::from_secs(3_600 - now.rem_euclid(3_600) + 1));
        world.work().await;
        world.pass(SignedDuration::from_secs(5));
        hours += 1;
        assert!(hours < 20, "{} fetched", world.fetched().await.len());
    }
    let fetched = world.fetched().await;
    assert_eq!(fetched.len(), 1_000, "none is lost, and none is fetched twice");
    assert_eq!(world.docusign.calls("GET /envelopes/{envelope}"), 1_000, "no call was refused");
    let first_sent = fetched.iter().position(|(_, _, status)| status == "sent").unwrap();
    assert_eq!(first_sent, 250, "whatever was at its end came before all else");
    // 95 an hour of those at their end, then 80.
    assert!((11..=13).contains(&hours), "{hours}");
    assert!(world.metrics.counted(Metric::PutOff, "budget") > 0);
    world.running.stop().await;
}

#[tokio::test]
async fn what_ends_while_it_makes_way_is_fetched_at_once_and_callers_keep_their_part() {
    let world = World::new(100, 1);
    let mut envelopes: Vec<_> = (0..85).map(|_| world.envelope(0)).collect();
    for envelope in &mut envelopes {
        world.tell(0, envelope, SigningRequestStatus::Sent).await;
    }
    world.pass(SignedDuration::from_secs(1));
    world.work().await;
    let fetched = world.fetched().await;
    assert_eq!(fetched.len(), 80, "a fifth of the hour's calls is kept");
    let account = countersign::base::AccountId::new(&world.accounts[0].id.to_string());
    let standing = world.client.standing(&account).unwrap();
    assert_eq!((standing.limit, standing.remaining), (Some(100), Some(20)));
    assert_eq!(standing.held_until, None, "for callers");
    assert_eq!(standing.routine_held_until, Some("2026-11-23T11:00:00Z".parse::<Timestamp>().unwrap()));
    assert_eq!(world.store.enrichments_waiting(&account).await.unwrap(), 5);
    let waits =
        envelopes.iter().find(|envelope| fetched.iter().all(|(_, id, _)| *id != envelope.id.to_string()));
    let mut waits = waits.unwrap().clone();
    world.tell(0, &mut waits, SigningRequestStatus::Completed).await;
    world.work().await;
    let fetched = world.fetched().await;
    assert_eq!(fetched.len(), 81);
    assert_eq!(fetched[80].2, "completed");
    world.running.stop().await;
}

#[tokio::test]
async fn a_signing_request_is_fetched_once_in_fifteen_minutes_unless_it_comes_to_its_end() {
    let world = World::new(3_000, 1);
    let (mut one, mut two) = (world.envelope(0), world.envelope(0));
    for envelope in [&mut one, &mut two] {
        world.tell(0, envelope, SigningRequestStatus::Sent).await;
    }
    let second = SignedDuration::from_secs(1);
    world.pass(second);
    world.work().await;
    assert_eq!(world.fetched().await.len(), 2);
    world.pass(SignedDuration::from_mins(1));
    for envelope in [&mut one, &mut two] {
        world.tell(0, envelope, SigningRequestStatus::Delivered).await;
    }
    world.pass(second);
    world.work().await;
    assert_eq!(world.fetched().await.len(), 2, "both wait");
    world.tell(0, &mut two, SigningRequestStatus::Completed).await;
    world.pass(second);
    world.work().await;
    let fetched = world.fetched().await;
    assert_eq!((fetched.len(), fetched[2].2.as_str()), (3, "completed"), "its end does not wait");
    world.pass(SignedDuration::from_mins(MINUTES - 2));
    world.work().await;
    assert_eq!(world.fetched().await.len(), 3);
    world.pass(SignedDuration::from_mins(1));
    world.work().await;
    let fetched = world.fetched().await;
    assert_eq!((fetched.len(), fetched[3].2.as_str()), (4, "delivered"), "then what came meanwhile, at once");
    assert_eq!(world.store.next_enrichment_at().await.unwrap(), None);
    world.running.stop().await;
}

#[tokio::test]
async fn an_account_with_very_many_holds_up_no_other() {
    let world = World::new(3_000, 2);
    for _ in 0..200 {
        world.tell(0, &mut world.envelope(0), SigningRequestStatus::Completed).await;
    }
    world.pass(SignedDuration::from_secs(1));
    for _ in 0..5 {
        world.tell(1, &mut world.envelope(1), SigningRequestStatus::Sent).await;
    }
    world.pass(SignedDuration::from_secs(1));
    let second = world.accounts[1].id.to_string();
    let mut steps = 0;
    while world.fetched().await.iter().filter(|(account, _, _)| *account == second).count() < 5 {
        world.enricher.step().await.unwrap();
        steps += 1;
        assert!(steps <= 3, "it waits behind the other");
    }
    world.running.stop().await;
}
