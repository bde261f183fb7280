//! `unified`: what it costs to ask us instead of DocuSign. The same questions go, in turns and one at a time, to a simulated
//! DocuSign and through us to that same one, over connections that are kept alive.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use countersign::base::{Clock as _, Dice, SystemClock};
use countersign::rest::Include;
use countersign::simulator::docusign::{Docusign, Limits, Running, Settings as Traits};
use countersign::simulator::life::{Act, Envelope, Person, Recipient, Role, perform};
use jiff::SignedDuration;
use secrecy::ExposeSecret as _;
use serde_json::json;

use super::Asked;
use crate::measure::contender::{Contender, Kind, Settings};
use crate::measure::report::{Chart, Findings, Goal, Table};
use crate::measure::stats::{Middle, quantile};
use crate::measure::usage;
use crate::measure::world::{World, say};

/// Signing requests that DocuSign has: a page of a list is a part of them.
const ENVELOPES: i64 = 200;
/// A page of a list.
const PAGE: usize = 50;
/// Rounds of questions before the clock starts.
const WARM: usize = 30;
/// The most that we may add, in milliseconds.
const MOST_MS: f64 = 2.0;
/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A question, as it is put to DocuSign and to us.
struct Question {
    /// What it asks for.
    what: &'static str,
    /// The path at DocuSign.
    direct: String,
    /// The ways through us: name and path.
    ways: [(&'static str, String); 2],
}

pub(super) async fn run(world: &World, asked: &Asked) -> anyhow::Result<Findings> {
    let (docusign, running) = docusign()?;
    let account = docusign.accounts()[0].id.to_string();
    let more = format!(
        "reconcile_every = \"off\"\n[docusign]\nauth_url = \"{0}\"\nbase_uri = \"{0}\"\naccess_token = \"{1}\"\n",
        running.url(),
        docusign.issue_token().expose_secret(),
    );
    let kind = Kind::Countersign(Settings { more, ..Settings::default() });
    let program = Contender::start(kind, &world.places).await?;
    program.ready().await?;
    let (token, one) = (docusign.issue_token(), put(&docusign));
    let questions = questions(&account, &one);
    let (at_docusign, at_us) = (running.address, program.address);
    let before = usage::load();
    let mut laps = Vec::new();
    for round in 0..asked.rounds {
        say(&format!("unified, round {} of {}", round + 1, asked.rounds));
        let (seconds, token) = (asked.seconds, token.expose_secret().to_owned());
        let questions = Arc::clone(&questions);
        let lap = tokio::task::spawn_blocking(move || {
            let direct = Wire::open(at_docusign, Some(&token))?;
            ask(direct, Wire::open(at_us, None)?, &questions, seconds)
        });
        laps.push(lap.await?.with_context(|| program.log())?);
    }
    running.stop().await;
    Ok(found(&questions, &laps, before))
}

/// A DocuSign that answers as many calls as it is asked.
fn docusign() -> anyhow::Result<(Docusign, Running)> {
    let limits = Limits { hourly: 100_000_000, burst: 100_000_000, ..Limits::default() };
    let traits = Traits { limits, token_life: SignedDuration::from_hours(24 * 365), ..Traits::default() };
    let docusign = Docusign::new(traits, Arc::new(SystemClock), Dice::seeded(61));
    let running = docusign.start("127.0.0.1:0")?;
    Ok((docusign, running))
}

/// Gives it signing requests that wait for their signer; the id of one.
fn put(docusign: &Docusign) -> String {
    let (dice, now) = (Dice::seeded(62), SystemClock.now());
    let mut one = String::new();
    for number in 0..ENVELOPES {
        let at = now - SignedDuration::from_mins(number + 1);
        let account = Arc::clone(&docusign.accounts()[0]);
        let mut envelope = Envelope::draft(account, format!("Lease {number}"), at, &dice);
        envelope.add_document("Lease.pdf".to_owned(), &dice);
        let mut signer = Recipient::new("1".to_owned(), Role::Signer, Person::invented(&dice), 1, &dice);
        signer.sign_in("1");
        envelope.recipients.push(signer);
        perform(&Act::Send, &mut envelope, at, &dice);
        one = envelope.id.to_string();
        docusign.put(envelope);
    }
    one
}

/// A page of a list and a single object, each as we ask DocuSign for it ourselves.
fn questions(account: &str, one: &str) -> Arc<[Question]> {
    let of_lists = Include::words(&[Include::Recipients, Include::Folders, Include::CustomFields]);
    let list = format!(
        "/restapi/v2.1/accounts/{account}/envelopes?order_by=created&order=desc&include={of_lists}\
         &from_to_status=created&from_date=2003-01-01T00:00:00Z&start_position=0&count={PAGE}"
    );
    let get =
        format!("/restapi/v2.1/accounts/{account}/envelopes/{one}?include={}", Include::words(&Include::ALL));
    let unified = "/unified/e-signature/signing_requests";
    let of = format!("integrated_account_id={account}");
    let question = |what, direct: String, unified| {
        let ways = [("unified", unified), ("proxy", format!("/proxy{direct}"))];
        Question { what, direct, ways }
    };
    Arc::new([
        question("list of 50", list, format!("{unified}?{of}&limit={PAGE}")),
        question("get one", get, format!("{unified}/{one}?{of}")),
    ])
}

/// Times of one question in one round, in milliseconds: straight from DocuSign, and by each way through us.
#[derive(Debug, Default)]
struct Lap {
    direct: Vec<f64>,
    ways: [Vec<f64>; 2],
}

/// Asks everything in turns for so long.
fn ask(mut direct: Wire, mut us: Wire, questions: &[Question], seconds: f64) -> anyhow::Result<Vec<Lap>> {
    let mut laps: Vec<_> = questions.iter().map(|_| Lap::default()).collect();
    for _ in 0..WARM {
        for question in questions {
            direct.ask(&question.direct)?;
            for (_, path) in &question.ways {
                us.ask(path)?;
            }
        }
    }
    let began = Instant::now();
    while began.elapsed().as_secs_f64() < seconds {
        for (question, lap) in questions.iter().zip(&mut laps) {
            lap.direct.push(direct.ask(&question.direct)?);
            for ((_, path), times) in question.ways.iter().zip(&mut lap.ways) {
                times.push(us.ask(path)?);
            }
        }
    }
    Ok(laps)
}

/// A connection that is kept alive.
struct Wire {
    stream: BufReader<TcpStream>,
    /// What follows the first line of each request.
    head: String,
    body: Vec<u8>,
}

impl Wire {
    fn open(address: SocketAddr, token: Option<&str>) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let token = token.map_or_else(String::new, |token| format!("Authorization: Bearer {token}\r\n"));
        let head = format!(" HTTP/1.1\r\nHost: {address}\r\nAccept: application/json\r\n{token}\r\n");
        Ok(Self { stream: BufReader::with_capacity(1 << 18, stream), head, body: Vec::new() })
    }

    /// Asks, reads the answer whole, and gives how long both took, in milliseconds.
    fn ask(&mut self, path: &str) -> anyhow::Result<f64> {
        let request = format!("GET {path}{}", self.head);
        let began = Instant::now();
        self.stream.get_mut().write_all(request.as_bytes())?;
        let mut line = self.line()?;
        ensure!(line.starts_with("HTTP/1.1 200"), "{path}: {line}");
        let mut length = None;
        while !line.is_empty() {
            line = self.line()?.to_ascii_lowercase();
            if let Some(told) = line.strip_prefix("content-length:") {
                length = Some(told.trim().parse()?);
            }
        }
        self.body.clear();
        match length {
            Some(length) => self.take(length)?,
            None => self.chunks()?,
        }
        let time = began.elapsed().as_secs_f64() * 1e3;
        ensure!(self.body.first() == Some(&b'{'), "{path}: no JSON object");
        Ok(time)
    }

    fn line(&mut self) -> anyhow::Result<String> {
        let mut line = String::new();
        ensure!(self.stream.read_line(&mut line)? > 0, "the connection was closed");
        Ok(line.trim_end().to_owned())
    }

    fn take(&mut self, length: usize) -> anyhow::Result<()> {
        let before = self.body.len();
        self.body.resize(before + length, 0);
        Ok(self.stream.read_exact(&mut self.body[before..])?)
    }

    fn chunks(&mut self) -> anyhow::Result<()> {
        loop {
            let line = self.line()?;
            let length = usize::from_str_radix(&line, 16).with_context(|| format!("no chunk: {line:?}"))?;
            self.take(length)?;
            self.line()?;
            if length == 0 {
                return Ok(());
            }
        }
    }
}

/// The time within which this share of the answers came.
fn at(times: &[f64], share: f64) -> f64 {
    let mut sorted = times.to_vec();
    sorted.sort_by(f64::total_cmp);
    quantile(&sorted, share)
}

fn found(questions: &[Question], laps: &[Vec<Lap>], before: f64) -> Findings {
    let mut findings = Findings::default();
    let title = format!(
        "One connection that is kept alive, everything in turns, ms: median [quartiles] of the rounds; load of the \
         machine before and after: {before:.1} and {:.1}",
        usage::load()
    );
    let head = ["", "answers each", "p50", "p99", "added to p50", "added to p99", "p99 of what each adds"];
    let mut table = Table::new(title, &head);
    for (place, question) in questions.iter().enumerate() {
        let of = || laps.iter().map(|lap| &lap[place]);
        let direct = |share| Middle::of(of().map(|lap| at(&lap.direct, share)));
        let count: usize = of().map(|lap| lap.direct.len()).sum();
        let mut bars = vec![("DocuSign, simulated".to_owned(), direct(0.99))];
        table.rows.push(vec![
            format!("{}: DocuSign, simulated", question.what),
            count.to_string(),
            direct(0.5).text(2),
            direct(0.99).text(2),
            String::new(),
            String::new(),
            String::new(),
        ]);
        for (number, (way, _)) in question.ways.iter().enumerate() {
            let ours = |share| Middle::of(of().map(|lap| at(&lap.ways[number], share)));
            let added =
                |share| Middle::of(of().map(|lap| at(&lap.ways[number], share) - at(&lap.direct, share)));
            let each = Middle::of(of().map(|lap| {
                let pairs = lap.ways[number].iter().zip(&lap.direct);
                at(&pairs.map(|(ours, direct)| ours - direct).collect::<Vec<_>>(), 0.99)
            }));
            table.rows.push(vec![
                format!("{}: {way}", question.what),
                count.to_string(),
                ours(0.5).text(2),
                ours(0.99).text(2),
                added(0.5).text(2),
                added(0.99).text(2),
                each.text(2),
            ]);
            bars.push((format!("through {way}"), ours(0.99)));
            let what = format!("added to DocuSign's own p99, one connection: {way}, {}", question.what);
            findings.goals.push(Goal::at_most(what, MOST_MS, added(0.99), 2, " ms"));
            for (round, lap) in of().enumerate() {
                let figures = |times: &[f64]| json!({ "p50_ms": at(times, 0.5), "p99_ms": at(times, 0.99) });
                findings.note(
                    &json!({
                        "question": question.what, "way": way, "round": round, "answers": lap.direct.len(),
                        "direct": figures(&lap.direct), "ours": figures(&lap.ways[number]),
                    }),
                    &[],
                );
            }
        }
        findings.charts.push(Chart { title: format!("p99, {}, ms", question.what), bars });
    }
    findings.tables.push(table);
    findings
}
