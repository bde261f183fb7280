//! A simulated DocuSign, a store that some of its messages reach, and a reconciler between the two.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use countersign::base::clock::ManualClock;
use countersign::base::{AccountId, ChangeId, Clock, Dice, SourceName};
use countersign::connect::signature::sign;
use countersign::docusign::connect_configuration::Here;
use countersign::receive::replay::{Page, Wanted, replay};
use countersign::receive::{Receiver, Request, Room, Source, Sources, Turns};
use countersign::reconcile::{Next, Order, Plan, Reconciler};
use countersign::rest::{self, Client};
use countersign::signing::Entry;
use countersign::simulator::connect::{Configuration, Format, Message};
use countersign::simulator::docusign::{Docusign, Running, Settings};
use countersign::simulator::life::{Kind, Life, Pace, Setting, Step};
use countersign::store::{self, FeedQuery, ReconcileRun, Store};
use countersign::telemetry::Metrics;
use futures_util::stream;
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;

const KEY: &str = "reconcile-test-key";
pub(crate) const EVERY: Duration = Duration::from_secs(3600);

pub(crate) struct World {
    pub(crate) docusign: Docusign,
    pub(crate) running: Running,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) store: Store,
    pub(crate) receiver: Receiver,
    pub(crate) metrics: Metrics,
    pub(crate) reconciler: Reconciler<Client>,
    _folder: tempfile::TempDir,
}

impl World {
    /// Pages of the usual size.
    pub(crate) async fn new() -> Self {
        Self::with_pages_of(200).await
    }

    /// With the account known from now on.
    pub(crate) async fn with_pages_of(page: u32) -> Self {
        // Another test of this process may have installed it already, which is as good.
        rest::install_tls();
        let clock = Arc::new(ManualClock::new("2026-11-23T10:00:00Z".parse().unwrap()));
        let years = SignedDuration::from_hours(24 * 3650);
        let settings = Settings { token_life: years, ..Settings::default() };
        let docusign = Docusign::new(settings, clock.clone(), Dice::seeded(5));
        let running = docusign.start("127.0.0.1:0").unwrap();
        let (dice, metrics) = (Dice::seeded(6), Metrics::default());
        let settings = rest::Settings {
            auth_url: running.url(),
            base_uri: Some(running.url()),
            access_token: Some(docusign.issue_token()),
            ..rest::Settings::default()
        };
        let client = Client::new(settings, clock.clone(), dice.clone(), metrics.clone()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let settings = store::Settings::sqlite(folder.path().join("countersign.sqlite"), false);
        let store = Store::open_by(&settings, clock.clone()).unwrap();
        let receiver = Receiver {
            sources: Sources::new(vec![Source::new(SourceName::default(), vec![SecretString::from(KEY)])]),
            store: store.clone(),
            spool: Arc::new(folder.path().join("spool")),
            body_bytes_max: 32 * 1024 * 1024,
            clock: clock.clone(),
            dice: dice.clone(),
            metrics: metrics.clone(),
            room: Room::shared(32 * 1024 * 1024),
            explaining: Turns::default(),
            crowded: Turns::default(),
        };
        receiver.prepare().unwrap();
        let here = Here { url: Some("https://hooks.example.com".into()), sources: vec!["sales".into()] };
        let plan = Plan { every: Some(EVERY), page, wants: Arc::new(|_| true), here };
        let reconciler = Reconciler::new(client, store.clone(), plan, metrics.clone(), clock.clone(), dice);
        let world = Self { docusign, running, clock, store, receiver, metrics, reconciler, _folder: folder };
        world.turn().await;
        world.pass(SignedDuration::from_mins(1));
        world
    }

    pub(crate) fn account(&self) -> AccountId {
        AccountId::new(&self.docusign.accounts()[0].id.to_string())
    }

    pub(crate) fn pass(&self, time: SignedDuration) {
        self.clock.advance(time);
    }

    /// A life of some kind that begins now and goes by within minutes.
    pub(crate) fn life(&self, kind: Kind, seed: u64) -> Vec<Step> {
        let account = Arc::clone(&self.docusign.accounts()[0]);
        let pace = Pace::Brisk(SignedDuration::from_secs(2), SignedDuration::from_secs(9));
        Life::new(kind, &Setting { account, start: self.clock.now(), pace }, Dice::seeded(seed)).collect()
    }

    /// Has Connect deliver a step; the outcome's word.
    pub(crate) async fn deliver(&self, step: &Step) -> &'static str {
        self.deliver_as(Format::Json, step).await
    }

    /// The same in another format.
    pub(crate) async fn deliver_as(&self, format: Format, step: &Step) -> &'static str {
        let body = Message::first(step.clone()).body(&Configuration::new(format));
        let headers = vec![("x-docusign-signature-1".to_owned(), sign(KEY, &body))];
        let request = Request { source: SourceName::default(), headers };
        let chunks = [Ok::<_, Infallible>(Bytes::from(body))];
        Arc::new(self.receiver.clone()).receive(request, stream::iter(chunks)).await.outcome.word()
    }

    /// Lets steps happen; Connect delivers those that `reach` lets through.
    pub(crate) async fn happen(&self, steps: &[Step], mut reach: impl FnMut(usize, &Step) -> bool) {
        for (number, step) in steps.iter().enumerate() {
            self.docusign.apply(step);
            if reach(number, step) {
                self.deliver(step).await;
            }
        }
    }

    /// Turns the flow until it waits; until when it does.
    pub(crate) async fn turn(&self) -> Timestamp {
        loop {
            if let Next::At(at) = self.reconciler.step().await {
                return at;
            }
        }
    }

    /// Lets an hour pass, and the look that is due then be made; its report.
    pub(crate) async fn look(&self) -> ReconcileRun {
        self.pass(SignedDuration::from_mins(61));
        self.turn().await;
        self.newest().await
    }

    /// Has a look made that somebody asks for; its report.
    pub(crate) async fn asked(&self, order: Order) -> ReconcileRun {
        self.pass(SignedDuration::from_mins(10));
        self.reconciler.order(order).await.unwrap();
        self.turn().await;
        self.newest().await
    }

    pub(crate) async fn newest(&self) -> ReconcileRun {
        self.store.reconcile_runs(1).await.unwrap().pop().unwrap()
    }

    /// The whole feed.
    pub(crate) async fn feed(&self) -> Vec<Entry> {
        let query = FeedQuery { limit: 100_000, ..FeedQuery::default() };
        self.store.feed(query).await.unwrap().into_iter().map(|row| row.entry).collect()
    }

    /// The ids of all changes of status; fails where one came twice.
    pub(crate) async fn statuses(&self) -> BTreeSet<ChangeId> {
        let mut ids = BTreeSet::new();
        for entry in self.feed().await.iter().filter(|entry| entry.event_type.contains("status_changed")) {
            assert!(ids.insert(entry.id), "it came twice: {}", entry.body);
        }
        ids
    }

    /// Fails unless sequences are whole, the books balance row by row, and replay finds nothing.
    pub(crate) async fn assert_sound(&self) {
        let mut last = std::collections::BTreeMap::new();
        for entry in self.feed().await {
            let before = last.insert(entry.subject_ref, entry.sequence).unwrap_or(0);
            assert_eq!(entry.sequence, before + 1, "{}", entry.body);
        }
        let (counts, rows) = self.store.books_by_hand().await.unwrap();
        let all = countersign::base::books::equations(&counts);
        let all: Vec<_> =
            all.into_iter().chain(countersign::base::books::row_equations(&counts, &rows)).collect();
        let wrong: Vec<_> = countersign::base::books::imbalances(&all).map(ToString::to_string).collect();
        assert!(wrong.is_empty(), "{wrong:?} {:?}", rows.places);
        let mut after = Some(0);
        while let Some(next) = after {
            let Page { findings, notes, next, .. } =
                replay(&self.receiver, &Wanted { after: next, ..Wanted::default() }).await.unwrap();
            assert!(findings.is_empty() && notes.is_empty(), "{findings:?} {notes:?}");
            after = next;
        }
    }
}
