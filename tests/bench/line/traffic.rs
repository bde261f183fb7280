//! Deliveries as DocuSign sends them, made and signed before any clock starts: whole lives of distinct envelopes, told
//! once and in order, so that each delivery means at least one change.

use std::collections::VecDeque;
use std::sync::Arc;

use clap::ValueEnum;
use countersign::base::Dice;
use countersign::connect::signature::sign;
use countersign::simulator::connect::{Configuration, Format, Message, Messages};
use countersign::simulator::life::{Account, CustomField, Kind, Life, Pace, Setting, Step};
use jiff::{SignedDuration, Timestamp};

/// The Connect key that everything here is signed with.
pub(crate) const KEY: &str = "bench-1dTqg0bq6p4mM4mFz0oI3l2jv1cV9c0c5xO6Jt3E=";
/// Lives that go on side by side. An envelope's next message comes this many deliveries after the one before, so that it
/// never overtakes it, whatever the number of connections.
const ALIVE: usize = 1_500;
/// Lives in a hundred that are told as legacy XML; the others are told as JSON, one message for each event.
const XML_IN_HUNDRED: u64 = 15;
/// Of small JSON messages, those in a hundred that carry the envelope's summary (`includeData` in Connect's settings).
const SUMMARY_IN_HUNDRED: u64 = 45;
/// Accounts that send.
const ACCOUNTS: usize = 8;
/// When the first life begins: 2026-09-01, so that all of it has happened.
const BEGINNING: i64 = 1_788_220_800;
/// Bytes of one custom field's value, where custom fields make a message larger.
const FIELD_BYTES: usize = 180;

/// About how large a delivery is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, ValueEnum)]
pub(crate) enum Size {
    /// About 2 KB in the mean: an event, with the envelope's summary (4 KB) or without (0.5 KB).
    #[value(name = "2k")]
    Small,
    /// About 16 KB: an event with the envelope's summary and many custom fields.
    #[value(name = "16k")]
    Medium,
    /// About 200 KB: the same with a short document inside.
    #[value(name = "200k")]
    Large,
    /// About 25 MB: the same with a long one.
    #[value(name = "25m")]
    Huge,
}

impl Size {
    /// As it is written on the command line and in reports.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Small => "2k",
            Self::Medium => "16k",
            Self::Large => "200k",
            Self::Huge => "25m",
        }
    }

    /// Bytes of custom fields that each message carries beyond its own.
    fn field_bytes(self) -> usize {
        if self == Self::Small { 0 } else { 13_000 }
    }

    /// Bytes of documents inside, all documents together, before base64.
    fn document_bytes(self) -> usize {
        match self {
            Self::Small | Self::Medium => 0,
            Self::Large => 138_000,
            Self::Huge => 18_500_000,
        }
    }
}

/// Which deliveries to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Recipe {
    /// How large.
    pub(crate) size: Size,
    /// How many.
    pub(crate) deliveries: usize,
    /// The same seed, the same deliveries. Different seeds have no envelope in common.
    pub(crate) seed: u64,
    /// Which formats.
    pub(crate) mix: Mix,
}

/// Which formats deliveries have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mix {
    /// As in real traffic: mostly JSON, some XML.
    Real,
    /// JSON alone: a stand-in for DocuSign's REST knows accounts by the ids that JSON tells.
    Json,
}

impl Recipe {
    /// Deliveries of both formats.
    pub(crate) fn real(size: Size, deliveries: usize, seed: u64) -> Self {
        Self { size, deliveries, seed, mix: Mix::Real }
    }

    /// Into so many parts the work is divided, and how many deliveries each makes.
    fn parts(self) -> Vec<usize> {
        let parts = std::thread::available_parallelism().map_or(1, usize::from).min(self.deliveries.max(1));
        (0..parts).map(|part| self.deliveries / parts + usize::from(part < self.deliveries % parts)).collect()
    }

    /// Every step that the deliveries tell, for whoever must know the same.
    pub(crate) fn steps(self) -> impl Iterator<Item = Step> {
        (0..).zip(self.parts()).flat_map(move |(part, deliveries)| {
            let mut telling = Bodies::new(self, part);
            (0..deliveries).filter_map(move |_| Some(telling.message()?.0.step))
        })
    }
}

/// A delivery's body, and what its headers say of it.
#[derive(Debug, Clone)]
pub(crate) struct Body {
    /// The bytes.
    pub(crate) bytes: Vec<u8>,
    /// `Content-Type`.
    pub(crate) content_type: &'static str,
    /// `X-DocuSign-AccountId`.
    pub(crate) account: String,
}

/// Requests ready to be written to a socket.
#[derive(Debug, Clone, Default)]
pub(crate) struct Requests {
    /// Head and body of each, in the order in which to send them.
    pub(crate) wire: Vec<Vec<u8>>,
    /// Bytes of all bodies.
    pub(crate) body_bytes: u64,
    /// How many are XML.
    pub(crate) xml: usize,
}

impl Requests {
    /// The mean size of a body.
    pub(crate) fn mean_bytes(&self) -> u64 {
        self.body_bytes / (self.wire.len() as u64).max(1)
    }
}

/// Makes and signs all deliveries of a recipe, on all cores.
pub(crate) fn requests(recipe: Recipe) -> Requests {
    let xml = Format::Xml.content_type();
    let make = |part, deliveries| -> Vec<(Vec<u8>, usize, bool)> {
        let bodies = Bodies::new(recipe, part).take(deliveries);
        bodies.map(|body| (wired(&body), body.bytes.len(), body.content_type == xml)).collect()
    };
    let made: Vec<_> = std::thread::scope(|scope| {
        let parts = (0..).zip(recipe.parts());
        let workers: Vec<_> =
            parts.map(|(part, deliveries)| scope.spawn(move || make(part, deliveries))).collect();
        // A worker can only have panicked, and then nothing here is worth going on with.
        workers.into_iter().map(|worker| worker.join().unwrap_or_default()).collect()
    });
    let mut requests = Requests { wire: Vec::with_capacity(recipe.deliveries), ..Requests::default() };
    let mut workers: Vec<_> = made.into_iter().map(Vec::into_iter).collect();
    // In turn, so that what each part holds apart stays apart.
    loop {
        let before = requests.wire.len();
        for worker in &mut workers {
            if let Some((wire, bytes, xml)) = worker.next() {
                requests.body_bytes += bytes as u64;
                requests.xml += usize::from(xml);
                requests.wire.push(wire);
            }
        }
        if requests.wire.len() == before {
            return requests;
        }
    }
}

/// A body as a whole HTTP request.
fn wired(body: &Body) -> Vec<u8> {
    let head = format!(
        "POST /connect HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {}\r\nX-DocuSign-AccountId: {}\r\n\
         X-Authorization-Digest: HMACSHA256\r\nX-DocuSign-Signature-1: {}\r\nContent-Length: {}\r\n\r\n",
        body.content_type,
        body.account,
        sign(KEY, &body.bytes),
        body.bytes.len(),
    );
    let mut wire = Vec::with_capacity(head.len() + body.bytes.len());
    wire.extend_from_slice(head.as_bytes());
    wire.extend_from_slice(&body.bytes);
    wire
}

/// Bodies without end: lives side by side, each telling one message in its turn.
struct Bodies {
    recipe: Recipe,
    accounts: Vec<Arc<Account>>,
    alive: VecDeque<Telling>,
    dice: Dice,
    born: u64,
}

struct Telling {
    messages: Messages<Life>,
    configuration: Configuration,
}

/// The accounts that send.
pub(crate) fn accounts() -> Vec<Arc<Account>> {
    let dice = Dice::seeded(7);
    (0..ACCOUNTS).map(|_| Arc::new(Account::invented(&dice))).collect()
}

impl Bodies {
    /// The bodies of one part of a recipe.
    fn new(recipe: Recipe, part: u64) -> Self {
        let dice = Dice::seeded(recipe.seed.wrapping_mul(1_000).wrapping_add(part));
        Self { recipe, accounts: accounts(), alive: VecDeque::new(), dice, born: 0 }
    }

    fn life(&mut self) -> Telling {
        let account = &self.accounts[(self.born as usize) % self.accounts.len()];
        let start = Timestamp::from_second(BEGINNING).unwrap_or_default();
        let start =
            start.checked_add(SignedDuration::from_secs((self.born % 2_000_000) as i64)).unwrap_or(start);
        self.born += 1;
        let xml = self.recipe.mix == Mix::Real && self.dice.below(100) < XML_IN_HUNDRED;
        let format = if xml { Format::Xml } else { Format::Json };
        let own = Dice::seeded(self.dice.below(u64::MAX));
        let setting = Setting { account: Arc::clone(account), start, pace: Pace::Lifelike };
        let mut kind = Kind::drawn(&own);
        if format == Format::Xml && kind == Kind::AuthenticationFailed {
            // A snapshot after that tells no change, and here each delivery is to mean one.
            kind = Kind::Sequential;
        }
        let mut life = Life::new(kind, &setting, own.clone());
        // JSON tells the certificate among the documents.
        let documents = life.envelope().map_or(1, |envelope| envelope.documents.len());
        let documents = documents + usize::from(format == Format::Json);
        let size = self.recipe.size;
        let summary = size != Size::Small || self.dice.below(100) < SUMMARY_IN_HUNDRED;
        self.enlarge(&mut life, &own);
        let document_bytes = size.document_bytes() / documents.max(1);
        Telling {
            messages: Messages::of(life, format),
            configuration: Configuration { document_bytes, summary, ..Configuration::new(format) },
        }
    }

    /// The next message, of whichever life has its turn.
    fn message(&mut self) -> Option<(Message, Configuration)> {
        loop {
            while self.alive.len() < ALIVE {
                let life = self.life();
                self.alive.push_back(life);
            }
            let mut telling = self.alive.pop_front()?;
            let Some(message) = telling.messages.next() else { continue };
            let configuration = telling.configuration.clone();
            self.alive.push_back(telling);
            return Some((message, configuration));
        }
    }

    /// Gives an envelope the custom fields of an account that keeps many.
    fn enlarge(&self, life: &mut Life, dice: &Dice) {
        let Some(mut envelope) = life.envelope().cloned() else { return };
        let count = self.recipe.size.field_bytes() / (FIELD_BYTES + 100);
        for number in 0..count {
            let value = format!("{:016x} ", dice.below(u64::MAX)).repeat(FIELD_BYTES / 17 + 1);
            let field = CustomField {
                id: (10_000_000 + number).to_string(),
                name: format!("contract field {number}"),
                value: value[..FIELD_BYTES].to_owned(),
            };
            envelope.custom_fields.push(field);
        }
        life.continue_with(&envelope);
    }
}

impl Iterator for Bodies {
    type Item = Body;

    fn next(&mut self) -> Option<Body> {
        self.message().map(|(message, configuration)| written(&message, &configuration))
    }
}

fn written(message: &Message, configuration: &Configuration) -> Body {
    Body {
        bytes: message.body(configuration),
        content_type: configuration.format.content_type(),
        account: message.account_id().to_string(),
    }
}
