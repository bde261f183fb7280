//! Messages that carry the whole signing request: no call is made for them, and none of what is published is ever older
//! than what it answers. The simulator's own account of each moment says what is right.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use countersign::base::clock::ManualClock;
use countersign::base::{AccountId, Clock, DeliveryId, Dice, SigningRequestId, SourceName, limits};
use countersign::connect::parse::parse;
use countersign::connect::signature::{Keys, sign, verify};
use countersign::connect::{Body, Delivery};
use countersign::enrich::{Enricher, Fetch};
use countersign::rest::{self, Fetched, Purpose, RateLimit};
use countersign::signing::map::observe;
use countersign::signing::map_rest;
use countersign::simulator::connect::{Configuration, Format, Message};
use countersign::simulator::life::{Account, Kind, Life, Pace, Setting, Step};
use countersign::simulator::shape::{self, Include, Times};
use countersign::store::{Arrival, FeedQuery, Reading, Settings, Store};
use countersign::telemetry::{Metric, Metrics};
use jiff::SignedDuration;
use proptest::prelude::*;
use proptest::sample::Index;
use secrecy::SecretString;
use serde_json::value::RawValue;
use serde_json::{Value, json};

const BASE: &str = "https://eu.example/restapi/v2.1/accounts/a";
const KEY: &str = "carried-test-key";
const WHOLE: Include =
    Include { recipients: true, tabs: true, documents: true, custom_fields: true, folders: true };

/// All steps of a life about an envelope.
fn steps(kind: Kind, seed: u64) -> Vec<Step> {
    let account = Arc::new(Account::invented(&Dice::seeded(1)));
    let start = "2026-11-23T10:00:00Z".parse().unwrap();
    Life::new(kind, &Setting { account, start, pace: Pace::Lifelike }, Dice::seeded(seed)).collect()
}

fn configuration(include: Include) -> Configuration {
    Configuration { include, document_bytes: 40, ..Configuration::new(Format::Json) }
}

/// What REST tells after a step.
fn rest(step: &Step) -> String {
    serde_json::to_string(&shape::envelope(step.subject.envelope().unwrap(), WHOLE, Times::SevenDigits))
        .unwrap()
}

/// The same in our words, as a body shows it.
fn whole(step: &Step) -> Value {
    json!(map_rest::signing_request(&rest(step), BASE).unwrap())
}

/// DocuSign as it stands at the clock's time.
#[derive(Clone)]
struct Docusign {
    steps: Arc<Vec<Step>>,
    clock: Arc<ManualClock>,
    base: Option<String>,
    calls: Arc<AtomicUsize>,
    /// Which step each call told, by the order of calls.
    told: Arc<Mutex<Vec<usize>>>,
}

impl Fetch for Docusign {
    async fn fetch(&self, _: Purpose, _: &AccountId, _: &SigningRequestId) -> Result<Fetched, rest::Error> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let now = self.clock.now();
        let place = self.steps.iter().rposition(|step| step.generated_at <= now).unwrap();
        self.told.lock().unwrap().push(place);
        let json = RawValue::from_string(rest(&self.steps[place])).unwrap();
        Ok(Fetched { json, base: BASE.to_owned(), rate: RateLimit::default(), trace_token: None })
    }

    async fn base(&self, _: &AccountId) -> Option<String> {
        self.base.clone()
    }
}

/// The store, the enricher, and a life that is told to them.
struct Bench {
    store: Store,
    docusign: Docusign,
    enricher: Enricher<Store, Docusign>,
    metrics: Metrics,
    dice: Dice,
    /// Which step each delivery told.
    deliveries: HashMap<String, usize>,
    _folder: tempfile::TempDir,
}

impl Bench {
    fn new(steps: Vec<Step>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&Settings::sqlite(folder.path().join("countersign.sqlite"), true)).unwrap();
        let clock = Arc::new(ManualClock::new(steps[0].at));
        let docusign = Docusign {
            steps: Arc::new(steps),
            clock: Arc::clone(&clock),
            base: Some(BASE.to_owned()),
            calls: Arc::default(),
            told: Arc::default(),
        };
        let metrics = Metrics::default();
        let enricher =
            Enricher::new(store.clone(), docusign.clone(), metrics.clone(), clock, Dice::seeded(3));
        let dice = Dice::seeded(5);
        Self { store, docusign, enricher, metrics, dice, deliveries: HashMap::new(), _folder: folder }
    }

    fn calls(&self) -> usize {
        self.docusign.calls.load(Ordering::SeqCst)
    }

    /// Delivers the message about a step, not before it was made.
    async fn deliver(&mut self, place: usize, configuration: &Configuration) {
        let step = &self.docusign.steps[place];
        let body = Message::first(step.clone()).body(configuration);
        self.deliver_bytes(place, body).await;
    }

    async fn deliver_bytes(&mut self, place: usize, body: Vec<u8>) {
        let clock = &self.docusign.clock;
        let due = self.docusign.steps[place].generated_at.duration_since(clock.now());
        clock.advance(due.max(SignedDuration::ZERO) + SignedDuration::from_millis(1));
        let delivery = Delivery {
            id: DeliveryId(self.dice.uuid_at(clock.now())),
            source: SourceName::default(),
            received_at: clock.now(),
            headers: vec![("x-docusign-signature-1".into(), sign(KEY, &body))],
            body: Body::Inline(Bytes::from(body.clone())),
            traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into(),
        };
        self.deliveries.insert(delivery.id.to_string(), place);
        let delivery = verify(delivery, &Keys::new(&[SecretString::from(KEY)]).digests(&body)).unwrap();
        let account = AccountId::new(&self.docusign.steps[place].subject.account().id.to_string());
        let seen = Box::new(observe(&parse(&delivery, None).unwrap(), account));
        self.store.append(Arrival { delivery, reading: Reading::Understood(seen) }).await.unwrap();
    }

    async fn enrich(&self) {
        self.docusign.clock.advance(SignedDuration::try_from(limits::ENRICH_COALESCE).unwrap());
        while self.enricher.step().await.unwrap() > 0 {}
    }

    async fn feed(&self) -> Vec<Value> {
        let rows = self.store.feed(FeedQuery { limit: 1_000, ..FeedQuery::default() }).await.unwrap();
        rows.into_iter().map(|row| serde_json::from_str(&row.entry.body).unwrap()).collect()
    }

    /// The enriched changes, and which step each one shows; fails where one is older than what it answers or than
    /// the one before, or tells anything else than DocuSign did.
    async fn assert_never_older(&self) -> Vec<usize> {
        let (mut made_by, mut shown) = (HashMap::new(), Vec::new());
        let mut fetched = self.docusign.told.lock().unwrap().clone().into_iter();
        for body in self.feed().await {
            let Some(covers) = body["covers"].as_array() else {
                let delivery = body["cause"]["delivery_id"].as_str().unwrap();
                made_by.insert(body["id"].to_string(), self.deliveries[delivery]);
                continue;
            };
            let place = match body["carried_by"]["delivery_id"].as_str() {
                Some(delivery) => self.deliveries[delivery],
                None => fetched.next().unwrap(),
            };
            assert_eq!(body["fetched_at"].is_null(), body["carried_by"].is_object(), "{body}");
            for covered in covers {
                let answered = made_by[&covered["id"].to_string()];
                assert!(place >= answered, "shows step {place}, but answers step {answered}: {body}");
            }
            assert!(shown.last().is_none_or(|before| *before <= place), "older than before: {body}");
            assert_eq!(body["signing_request"], whole(&self.docusign.steps[place]));
            assert!(!body.to_string().contains("PDFBytes"));
            shown.push(place);
        }
        assert_eq!(fetched.next(), None);
        shown
    }
}

#[tokio::test]
async fn a_life_whose_messages_carry_everything_costs_no_call() {
    for kind in
        [Kind::Sequential, Kind::Parallel, Kind::CarbonCopies, Kind::Declined, Kind::Voided, Kind::Bounced]
    {
        let mut bench = Bench::new(steps(kind, 4));
        for place in 0..bench.docusign.steps.len() {
            bench.deliver(place, &configuration(WHOLE)).await;
            bench.enrich().await;
        }
        let shown = bench.assert_never_older().await;
        assert_eq!(bench.calls(), 0, "{kind:?}");
        assert_eq!(shown, (0..bench.docusign.steps.len()).collect::<Vec<_>>(), "{kind:?}");
        assert_eq!(bench.metrics.counted(Metric::Enriched, "carried"), shown.len() as u64);
    }
}

#[tokio::test]
async fn each_section_that_messages_leave_out_is_fetched() {
    // Whoever asks REST for one more thing has to look for it in messages too.
    for asked in rest::Include::ALL {
        let include = match asked {
            rest::Include::Recipients => Include { recipients: false, tabs: false, ..WHOLE },
            rest::Include::Documents => Include { documents: false, ..WHOLE },
            rest::Include::CustomFields => Include { custom_fields: false, ..WHOLE },
            rest::Include::Tabs => Include { tabs: false, ..WHOLE },
            rest::Include::Folders => Include { folders: false, ..WHOLE },
        };
        let mut bench = Bench::new(steps(Kind::Sequential, 4));
        let leaner = Configuration { document_bytes: 0, include, ..configuration(include) };
        for place in 0..3 {
            bench.deliver(place, &leaner).await;
            bench.enrich().await;
        }
        assert_eq!(bench.calls(), 3, "{asked:?}");
        bench.assert_never_older().await;
    }
}

#[tokio::test]
async fn where_the_account_s_api_is_not_known_it_is_asked() {
    let mut bench = Bench::new(steps(Kind::Sequential, 4));
    let docusign = Docusign { base: None, ..bench.docusign.clone() };
    let clock = Arc::clone(&docusign.clock);
    bench.enricher =
        Enricher::new(bench.store.clone(), docusign, bench.metrics.clone(), clock, Dice::seeded(3));
    bench.deliver(0, &configuration(WHOLE)).await;
    bench.enrich().await;
    assert_eq!(bench.calls(), 1);
}

#[tokio::test]
async fn an_old_message_that_comes_last_brings_no_old_object() {
    let mut bench = Bench::new(steps(Kind::Sequential, 4));
    let events: Vec<_> = bench.docusign.steps.iter().map(|step| step.event).collect();
    assert_eq!(events[..4], ["envelope-created", "envelope-sent", "recipient-sent", "recipient-delivered"]);
    // The third message comes after the fourth was told whole.
    for place in [0, 1, 3] {
        bench.deliver(place, &configuration(WHOLE)).await;
    }
    bench.enrich().await;
    assert_eq!((bench.calls(), bench.assert_never_older().await), (0, vec![3]));
    bench.deliver(2, &configuration(WHOLE)).await;
    bench.enrich().await;
    assert_eq!(bench.calls(), 1);
    assert_eq!(bench.assert_never_older().await.len(), 2);
}

#[tokio::test]
async fn an_old_message_among_newer_ones_is_answered_by_the_newest() {
    let mut bench = Bench::new(steps(Kind::Sequential, 4));
    for place in [0, 3, 2, 1] {
        bench.deliver(place, &configuration(WHOLE)).await;
    }
    bench.enrich().await;
    assert_eq!((bench.calls(), bench.assert_never_older().await), (0, vec![3]));
}

#[tokio::test]
async fn a_newer_message_that_carries_less_is_a_reason_to_fetch() {
    let mut bench = Bench::new(steps(Kind::Sequential, 4));
    bench.deliver(0, &configuration(WHOLE)).await;
    let ids_only = Configuration { summary: false, ..configuration(WHOLE) };
    bench.deliver(1, &ids_only).await;
    bench.enrich().await;
    assert_eq!((bench.calls(), bench.assert_never_older().await.len()), (1, 1));
}

#[tokio::test]
async fn messages_made_at_the_same_time_have_to_agree() {
    for agree in [true, false] {
        let mut bench = Bench::new(steps(Kind::Sequential, 4));
        let body = |bench: &Bench, place: usize| {
            let step = bench.docusign.steps[place].clone();
            String::from_utf8(Message::first(step).body(&configuration(WHOLE))).unwrap()
        };
        let (first, last) = (body(&bench, 1), body(&bench, 2));
        let time = |text: &str| serde_json::from_str::<Value>(text).unwrap()["generatedDateTime"].clone();
        let (Value::String(old), Value::String(new)) = (time(&first), time(&last)) else { panic!() };
        let mut twin = first.replace(&old, &new);
        if agree {
            let summary = |text: &str| text[text.find("\"envelopeSummary\"").unwrap()..].to_owned();
            twin = twin.replace(&summary(&twin), &summary(&last));
        }
        bench.deliver(0, &configuration(WHOLE)).await;
        bench.deliver_bytes(2, last.into_bytes()).await;
        bench.deliver_bytes(1, twin.into_bytes()).await;
        bench.enrich().await;
        assert_eq!(bench.calls(), usize::from(!agree));
    }
}

#[tokio::test]
async fn what_is_known_from_elsewhere_is_fetched() {
    for format in [Format::Xml, Format::JsonAggregate] {
        let mut bench = Bench::new(steps(Kind::Sequential, 4));
        bench.deliver(0, &Configuration::new(format)).await;
        bench.deliver(1, &configuration(WHOLE)).await;
        bench.enrich().await;
        assert_eq!((bench.calls(), bench.assert_never_older().await.len()), (1, 1), "{format:?}");
    }
}

#[tokio::test]
async fn one_that_is_carried_is_no_fetch_that_the_next_one_has_to_wait_for() {
    let mut bench = Bench::new(steps(Kind::Sequential, 4));
    let clock = Arc::clone(&bench.docusign.clock);
    let enricher = Enricher::new(
        bench.store.clone(),
        bench.docusign.clone(),
        bench.metrics.clone(),
        clock,
        Dice::seeded(3),
    );
    bench.enricher = enricher.at_intervals(std::time::Duration::from_secs(365 * 86_400));
    let leaner = configuration(Include { tabs: false, ..WHOLE });
    let calls = async |bench: &mut Bench, place, configuration: &Configuration| {
        bench.deliver(place, configuration).await;
        bench.enrich().await;
        bench.calls()
    };
    assert_eq!(calls(&mut bench, 0, &configuration(WHOLE)).await, 0);
    assert_eq!(calls(&mut bench, 1, &leaner).await, 1, "the first fetch");
    // Hours later; what was made before a fetch was answered is older than that.
    assert_eq!(
        calls(&mut bench, 3, &configuration(WHOLE)).await,
        1,
        "within the interval, and it costs none"
    );
    assert_eq!(calls(&mut bench, 4, &leaner).await, 1, "and this one waits for the fetch before");
    assert_eq!(bench.assert_never_older().await.len(), 3);
    assert_eq!(bench.metrics.counted(Metric::PutOff, "interval"), 1);
}

/// How one message comes.
#[derive(Debug, Clone, Copy)]
enum Telling {
    Whole,
    WithoutTabs,
    IdsOnly,
    Xml,
    Aggregate,
}

impl Telling {
    fn configuration(self) -> Configuration {
        match self {
            Self::Whole => configuration(WHOLE),
            Self::WithoutTabs => configuration(Include { tabs: false, ..WHOLE }),
            Self::IdsOnly => Configuration { summary: false, ..configuration(WHOLE) },
            Self::Xml => Configuration::new(Format::Xml),
            Self::Aggregate => Configuration { include: WHOLE, ..Configuration::new(Format::JsonAggregate) },
        }
    }
}

fn tellings() -> impl Strategy<Value = Telling> {
    prop_oneof![
        12 => Just(Telling::Whole),
        2 => Just(Telling::WithoutTabs),
        1 => Just(Telling::IdsOnly),
        1 => Just(Telling::Xml),
        1 => Just(Telling::Aggregate),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn in_whichever_order_and_shape_messages_come_no_object_is_older_than_what_it_answers(
        kind in prop::sample::select(Kind::ALL.iter().copied().filter(|kind| *kind != Kind::Template).collect::<Vec<_>>()),
        seed in 0_u64..1_000,
        tellings in prop::collection::vec(tellings(), 40),
        swaps in prop::collection::vec((any::<Index>(), any::<Index>()), 0..6),
        again in prop::collection::vec(any::<Index>(), 0..4),
        pauses in prop::collection::vec(any::<bool>(), 50),
    ) {
        let steps = steps(kind, seed);
        let mut order: Vec<usize> = (0..steps.len()).collect();
        order.extend(again.iter().map(|at| at.index(steps.len())));
        for (one, other) in &swaps {
            let (one, other) = (one.index(order.len()), other.index(order.len()));
            order.swap(one, other);
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut bench = Bench::new(steps);
            for (number, place) in order.into_iter().enumerate() {
                let telling = tellings[(place + number / 7) % tellings.len()];
                bench.deliver(place, &telling.configuration()).await;
                if pauses[number % pauses.len()] {
                    bench.enrich().await;
                }
            }
            bench.enrich().await;
            bench.assert_never_older().await;
            bench.store.close().await;
        });
    }
}
