//! An outbox in memory, a relay over it, and the books that are held at the end of each test.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use countersign::base::{AccountId, ChangeId, Dice, Position, SigningRequestId, Subject, SystemClock};
use countersign::broker::{Mode, Queue, QueueKind, Settings, Status};
use countersign::relay::{Outbox, Relay};
use countersign::signing::{Entry, Receipt};
use countersign::store::{self, Parts};
use countersign::telemetry::{Metric, Metrics};
use futures_util::StreamExt as _;
use lapin::message::Delivery;
use lapin::options::{BasicConsumeOptions, BasicGetOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Connection, ConnectionProperties};
use secrecy::SecretString;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::support::wire::Wire;
use crate::support::{PATIENCE, eventually};

/// The account of all changes made here.
pub(crate) const ACCOUNT: &str = "acc-1";
/// The queue that hears everything.
pub(crate) const HEARD: &str = "heard";

/// An outbox in memory: what the relay asks of the store.
#[derive(Debug, Clone)]
pub(crate) struct Shelf {
    entries: Arc<Mutex<BTreeMap<u64, Entry>>>,
    last: watch::Sender<Position>,
    settled: Arc<Mutex<BTreeSet<u64>>>,
    /// So many settlings fail before one succeeds.
    failing: Arc<AtomicUsize>,
}

impl Shelf {
    fn new() -> Self {
        let last = watch::channel(Position(0)).0;
        Self { entries: Arc::default(), last, settled: Arc::default(), failing: Arc::default() }
    }

    fn entries(&self) -> MutexGuard<'_, BTreeMap<u64, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many changes are settled.
    pub(crate) fn settled(&self) -> usize {
        self.settled.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// How many changes wait.
    pub(crate) fn waiting(&self) -> usize {
        self.entries().len()
    }

    /// Lets the next settlings fail.
    pub(crate) fn fail(&self, times: usize) {
        self.failing.store(times, Ordering::SeqCst);
    }
}

impl Outbox for Shelf {
    fn parts(&self) -> watch::Receiver<Parts> {
        // The last one stays readable when its sender is gone.
        watch::channel(Parts::ALL).1
    }

    fn let_go(&self) {}

    async fn unsettled(&self, _: Parts, after: Position, limit: usize) -> Result<Vec<Entry>, store::Error> {
        Ok(self.entries().range(after.0 + 1..).take(limit).map(|(_, entry)| entry.clone()).collect())
    }

    async fn settle(&self, receipts: Vec<Receipt>) -> Result<(), store::Error> {
        let fails = |left: usize| left.checked_sub(1);
        if self.failing.fetch_update(Ordering::SeqCst, Ordering::SeqCst, fails).is_ok() {
            return Err(store::Error::Unavailable("the disk is full".into()));
        }
        let mut settled = self.settled.lock().unwrap_or_else(PoisonError::into_inner);
        for receipt in receipts {
            let position = receipt.position().0;
            assert!(self.entries().remove(&position).is_some(), "{position} is settled twice");
            settled.insert(position);
        }
        Ok(())
    }

    fn last_position(&self) -> watch::Receiver<Position> {
        self.last.subscribe()
    }
}

/// A relay under way, and the changes that it was given.
pub(crate) struct Running {
    pub(crate) shelf: Shelf,
    pub(crate) status: Status,
    pub(crate) metrics: Metrics,
    settings: Settings,
    stop: CancellationToken,
    task: Option<JoinHandle<()>>,
    /// Ids of each subject's changes, in order.
    given: BTreeMap<String, Vec<String>>,
}

/// Settings with one queue that hears everything.
pub(crate) fn settings(url: &str) -> Settings {
    Settings {
        urls: vec![SecretString::from(url)],
        queues: vec![queue(HEARD, &["#"], QueueKind::Quorum)],
        mode: Mode::Binary,
        audit_stream: false,
    }
}

/// A subscriber's queue.
pub(crate) fn queue(name: &str, bind: &[&str], kind: QueueKind) -> Queue {
    let bind = bind.iter().map(|pattern| (*pattern).to_owned()).collect();
    Queue { name: name.to_owned(), bind, kind, ..Queue::default() }
}

impl Running {
    /// Starts a relay over an empty outbox.
    pub(crate) fn start(settings: Settings) -> Self {
        let (shelf, status, metrics) = (Shelf::new(), Status::default(), Metrics::default());
        let stop = CancellationToken::new();
        let mut running = Self { shelf, status, metrics, settings, stop, task: None, given: BTreeMap::new() };
        running.launch();
        running
    }

    fn launch(&mut self) {
        let (clock, dice) = (Arc::new(SystemClock), Dice::seeded(7));
        let settings = self.settings.clone();
        let relay =
            Relay::new(self.shelf.clone(), settings, self.status.clone(), self.metrics.clone(), clock, dice);
        self.stop = CancellationToken::new();
        self.task = Some(tokio::spawn(relay.run(self.stop.clone())));
    }

    /// Appends changes, by the names of their subjects, in this order, as one commit of the store would.
    pub(crate) fn append<'a>(&mut self, subjects: impl IntoIterator<Item = &'a str>) {
        self.append_as("signing_request.sent", subjects);
    }

    /// The same with other first words of the routing key.
    pub(crate) fn append_as<'a>(&mut self, words: &str, subjects: impl IntoIterator<Item = &'a str>) {
        let mut entries = self.shelf.entries();
        let mut position = self.shelf.last.borrow().0;
        for subject in subjects {
            position += 1;
            let given = self.given.entry(subject.to_owned()).or_default();
            let entry = entry(position, subject, given.len() as u64 + 1, words);
            given.push(entry.id.to_string());
            entries.insert(position, entry);
        }
        drop(entries);
        self.shelf.last.send_replace(Position(position));
    }

    /// Appends one change whose body has so many bytes and more.
    pub(crate) fn append_large(&mut self, subject: &str, bytes: usize) {
        self.append([subject]);
        let mut entries = self.shelf.entries();
        if let Some(mut last) = entries.last_entry() {
            last.get_mut().body = serde_json::json!({ "filler": "x".repeat(bytes) }).to_string();
        }
    }

    /// Appends `count` changes of `subjects` subjects, taking turns.
    pub(crate) fn append_many(&mut self, count: usize, subjects: usize) {
        let names: Vec<_> = (0..subjects).map(|number| format!("request-{number}")).collect();
        self.append((0..count).map(|number| names[number % subjects].as_str()));
    }

    /// Waits until so many changes are settled in all.
    pub(crate) async fn settles(&self, count: usize) {
        let what = format!("{count} changes are settled; {:?}", self.status.view());
        eventually(&what, PATIENCE, async || (self.shelf.settled() >= count).then_some(())).await;
    }

    /// Waits until nothing waits any more.
    pub(crate) async fn settles_all(&self) {
        eventually("all changes are settled", PATIENCE, async || (self.shelf.waiting() == 0).then_some(()))
            .await;
    }

    /// Waits until the relay is connected.
    pub(crate) async fn connects(&self) {
        eventually("the relay connects", PATIENCE, async || self.status.view().connected.then_some(())).await;
    }

    /// Waits until the status is as `wanted`.
    pub(crate) async fn stands(&self, what: &str, wanted: impl Fn(&countersign::broker::View) -> bool) {
        eventually(what, PATIENCE, async || wanted(&self.status.view()).then_some(())).await;
    }

    /// How often changes had to be published again for this reason.
    pub(crate) fn retries(&self, reason: &'static str) -> u64 {
        self.metrics.counted(Metric::PublishRetries, reason)
    }

    /// Asks the relay to stop, and waits until it has.
    pub(crate) async fn stop(&mut self) {
        self.stop.cancel();
        let task = self.task.take().expect("a running relay");
        timeout(PATIENCE, task).await.expect("the relay stops").expect("the relay does not panic");
    }

    /// Holds the books: every change given was heard, each subject's in order by their first arrival. Gives the
    /// number of changes heard more than once.
    pub(crate) fn assert_sound(&self, heard: &[Message]) -> usize {
        let mut firsts: HashMap<&str, Vec<&str>> = HashMap::new();
        let mut seen = BTreeSet::new();
        for message in heard {
            if seen.insert(message.id.as_str()) {
                firsts.entry(&message.subject).or_default().push(&message.id);
            }
        }
        for (subject, given) in &self.given {
            let heard = firsts.remove(subject.as_str()).unwrap_or_default();
            assert_eq!(&heard, given, "{subject}: heard, given");
        }
        assert!(firsts.is_empty(), "never given: {firsts:?}");
        heard.len() - seen.len()
    }

    /// Fails where a message's body is not the one that was given.
    pub(crate) fn assert_unaltered(&self, heard: &[Message]) {
        for message in heard {
            let body: serde_json::Value = serde_json::from_slice(&message.delivery.data).expect("JSON");
            let given = &self.given[&message.subject];
            let sequence =
                given.iter().position(|id| *id == message.id).expect("a change that was given") + 1;
            assert_eq!(body, body_of(sequence as u64), "{}", message.id);
        }
    }

    /// Waits until another connection has gone through the wire than those `before`, and stands.
    pub(crate) async fn reconnects(&self, before: usize, wire: &Wire) {
        let again = async || (wire.visits() > before && self.status.view().connected).then_some(());
        eventually("the relay connects again", PATIENCE, again).await;
    }

    /// How many changes were given.
    pub(crate) fn given(&self) -> usize {
        self.given.values().map(Vec::len).sum()
    }
}

fn entry(position: u64, subject: &str, sequence: u64, words: &str) -> Entry {
    // Stable for a subject, and different for different ones: what the store's own numbers are.
    let subject_ref =
        subject.bytes().fold(7_i64, |hash, byte| hash.wrapping_mul(131).wrapping_add(byte.into()));
    Entry {
        position: Position(position),
        subject_ref,
        id: ChangeId(uuid::Uuid::from_u128(u128::from(position) << 64 | 0x8000_0000_0000_0000)),
        account: AccountId::new(ACCOUNT),
        subject: Subject::SigningRequest(SigningRequestId::new(subject)),
        sequence,
        routing_key: format!("{words}.{ACCOUNT}"),
        event_type: "countersign.signing_request.status_changed.v1".into(),
        occurred_at: "2026-11-23T10:00:00.123Z".parse().expect("a time"),
        traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into(),
        body: body_of(sequence).to_string(),
    }
}

fn body_of(sequence: u64) -> serde_json::Value {
    serde_json::json!({ "sequence": sequence, "filler": "x".repeat(900) })
}

/// A message as heard.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) id: String,
    pub(crate) subject: String,
    pub(crate) delivery: Delivery,
}

impl Message {
    fn of(delivery: Delivery) -> Self {
        let text = |value: &Option<lapin::types::ShortString>| {
            value.as_ref().map(ToString::to_string).unwrap_or_default()
        };
        let (id, subject) =
            (text(delivery.properties.message_id()), text(delivery.properties.correlation_id()));
        Self { id, subject, delivery }
    }

    /// A header's text.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        match self.delivery.properties.headers().as_ref()?.inner().get(name)? {
            AMQPValue::LongString(text) => Some(text.to_string()),
            other => panic!("{name} is no text but {other:?}"),
        }
    }
}

/// The virtual host that an address names.
pub(crate) fn vhost_of(url: &str) -> &str {
    url.rsplit('/').next().unwrap_or_default()
}

/// Opens a channel of the test's own.
pub(crate) async fn channel(url: &str) -> (Connection, Channel) {
    let connection = Connection::connect(url, ConnectionProperties::default()).await.expect("the broker");
    let channel = connection.create_channel().await.expect("a channel");
    (connection, channel)
}

/// Takes messages out of a queue until so many different ones are heard and it is empty.
pub(crate) async fn hear(url: &str, queue: &str, different: usize) -> Vec<Message> {
    let (connection, channel) = channel(url).await;
    let options = BasicConsumeOptions { no_ack: true, ..BasicConsumeOptions::default() };
    let mut consumer = channel
        .basic_consume(queue.into(), "".into(), options, FieldTable::default())
        .await
        .expect("the queue");
    let (mut heard, mut ids) = (Vec::new(), BTreeSet::new());
    while ids.len() < different {
        let next = timeout(PATIENCE, consumer.next()).await;
        let next = next.unwrap_or_else(|_| panic!("{queue}: {} of {different} heard", ids.len()));
        let message = Message::of(next.expect("a consumer").expect("a delivery"));
        ids.insert(message.id.clone());
        heard.push(message);
    }
    channel.basic_cancel(consumer.tag(), Default::default()).await.expect("an end");
    // What was on its way when the consumer ended.
    while let Ok(Some(Ok(delivery))) = timeout(PATIENCE, consumer.next()).await {
        heard.push(Message::of(delivery));
    }
    heard.extend(drain(&channel, queue).await);
    connection.close(200, "done".into()).await.expect("an end");
    heard
}

/// Takes what a queue holds now.
pub(crate) async fn hear_what_is_there(url: &str, queue: &str) -> Vec<Message> {
    let (connection, channel) = channel(url).await;
    let heard = drain(&channel, queue).await;
    connection.close(200, "done".into()).await.expect("an end");
    heard
}

async fn drain(channel: &Channel, queue: &str) -> Vec<Message> {
    let mut heard = Vec::new();
    while let Some(more) =
        channel.basic_get(queue.into(), BasicGetOptions { no_ack: true }).await.expect("the queue")
    {
        heard.push(Message::of(more.delivery));
    }
    heard
}

/// Declares a queue as a subscriber of its own might, with these arguments.
pub(crate) async fn declare(channel: &Channel, name: &str, arguments: &[(&str, AMQPValue)]) {
    let mut table = FieldTable::default();
    for (key, value) in arguments {
        table.insert((*key).into(), value.clone());
    }
    let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    channel.queue_declare(name.into(), options, table).await.expect("a queue");
}

/// A text as an argument of a declaration.
pub(crate) fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(value.into())
}
