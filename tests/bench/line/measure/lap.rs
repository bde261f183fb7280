//! One lap: traffic sent to one contender, its messages confirmed, and what that cost it and the broker.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde::Serialize;

use super::contender::{Contender, Kind, Totals};
use super::world::{World, say};
use super::{usage, wait};
use crate::sender::{self, Plan, Sent};
use crate::traffic::{Recipe, Requests, Size};

/// How often the queue is looked at while a contender publishes.
const WATCH_EVERY: Duration = Duration::from_millis(10);
/// Added to the seed of what is sent before the clock starts, so that code is compiled, connections are open and caches filled.
const WARM_SEED: u64 = 500_000;

/// What to send in a lap.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Course {
    /// Which deliveries.
    pub(crate) recipe: Recipe,
    /// Connections at once.
    pub(crate) connections: usize,
    /// Deliveries a second; none: as fast as answers come.
    pub(crate) rate: Option<f64>,
    /// When to send no more.
    pub(crate) time: Option<Duration>,
    /// Queues that take each message.
    pub(crate) queues: usize,
}

/// What came of it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Lap {
    /// Who.
    pub(crate) contender: &'static str,
    /// About how large each delivery was.
    pub(crate) size: &'static str,
    /// Bytes of a body, in the mean.
    pub(crate) body_bytes: u64,
    /// Connections at once.
    pub(crate) connections: usize,
    /// How it was answered.
    pub(crate) sent: Sent,
    /// From the first delivery to the last confirmed message.
    pub(crate) confirmed_seconds: f64,
    /// Deliveries whose messages were all confirmed, a second.
    pub(crate) confirmed_rate: f64,
    /// CPU time for each delivery, in milliseconds.
    pub(crate) cpu_ms_each: f64,
    /// The broker's CPU time for each delivery.
    pub(crate) broker_cpu_ms_each: f64,
    /// The most memory held, since the start.
    pub(crate) peak_mib: f64,
    /// Messages published.
    pub(crate) messages: u64,
    /// What does not add up; empty where all is well.
    pub(crate) wrong: Vec<String>,
}

impl Lap {
    /// One line for people.
    pub(crate) fn line(&self) -> String {
        let Self { contender, size, connections, sent, .. } = self;
        format!(
            "{contender:<11} {size:>4} {connections:>3} connections: {:>6.0} answered/s, {:>6.0} confirmed/s, p50 {:.1}, \
             p99 {:.1} ms, CPU {:.3} ms each, broker {:.3}, peak {:.0} MiB{}",
            sent.rate,
            self.confirmed_rate,
            sent.answer_ms.p50,
            sent.answer_ms.p99,
            self.cpu_ms_each,
            self.broker_cpu_ms_each,
            self.peak_mib,
            if self.wrong.is_empty() { String::new() } else { format!("  WRONG: {}", self.wrong.join("; ")) }
        )
    }
}

impl Course {
    /// A course at full speed, in which nothing is sent twice.
    pub(crate) fn full(size: Size, connections: usize, seconds: f64) -> Self {
        // More than any contender with a broker takes in that time, as far as memory goes.
        let most = match size {
            Size::Small => 120_000,
            Size::Medium => 32_000,
            Size::Large => 3_000,
            Size::Huge => 40,
        };
        let deliveries = most.min((seconds * 30_000.0) as usize);
        Self {
            recipe: Recipe::real(size, deliveries, 1),
            connections,
            rate: None,
            time: Some(Duration::from_secs_f64(seconds)),
            queues: 1,
        }
    }

    /// A course at a steady rate.
    pub(crate) fn steady(size: Size, connections: usize, rate: f64, seconds: f64) -> Self {
        let deliveries = (rate * seconds) as usize;
        Self {
            recipe: Recipe::real(size, deliveries, 1),
            connections,
            rate: Some(rate),
            time: None,
            queues: 1,
        }
    }
}

/// Starts a contender on fresh queues, warms it, runs it over the course and ends it.
pub(crate) async fn fresh(world: &World, kind: Kind, course: Course) -> anyhow::Result<Lap> {
    world.fresh_queues(course.queues).await?;
    let contender = Contender::start(kind, &world.places).await?;
    warm(world, &contender, course).await?;
    run(world, &contender, course).await
}

/// What warms a contender that is to get deliveries of a recipe.
pub(crate) fn warm_recipe(recipe: Recipe) -> Recipe {
    let deliveries = match recipe.size {
        Size::Small => 2_000,
        Size::Medium => 1_000,
        Size::Large => 100,
        Size::Huge => 1,
    };
    Recipe { deliveries, seed: WARM_SEED + recipe.seed, ..recipe }
}

/// Sends a little, and waits until it is published.
pub(crate) async fn warm(world: &World, contender: &Contender, course: Course) -> anyhow::Result<()> {
    let recipe = warm_recipe(course.recipe);
    let requests = Arc::new(crate::traffic::requests(recipe));
    let plan = Course { recipe, rate: None, time: None, ..course };
    send(contender, &requests, plan, || {}).await?;
    if publishes(&contender.kind) {
        contender.drained().await?;
    }
    world.quiet().await;
    Ok(())
}

fn publishes(kind: &Kind) -> bool {
    match kind {
        Kind::Countersign(settings) => settings.broker.is_some(),
        Kind::FloorRead => false,
        Kind::Express | Kind::Fastapi | Kind::FloorLine => true,
    }
}

/// Runs a contender that is warm over a course, up to the last confirm where it publishes.
pub(crate) async fn run(world: &World, contender: &Contender, course: Course) -> anyhow::Result<Lap> {
    measure(world, contender, course, publishes(&contender.kind)).await
}

/// Runs a contender over a course while there is nobody to publish to.
pub(crate) async fn unpublished(world: &World, contender: &Contender, course: Course) -> anyhow::Result<Lap> {
    measure(world, contender, course, false).await
}

async fn measure(
    world: &World,
    contender: &Contender,
    course: Course,
    publishes: bool,
) -> anyhow::Result<Lap> {
    let requests = world.requests(course.recipe)?;
    let queued_before = if publishes { world.messages(0).await? } else { 0 };
    let totals_before = contender.counted(|_| true).await?.unwrap_or_default();
    let (pid, broker) = (contender.pid(), world.rabbit.pid());
    let (tell, told) = std::sync::mpsc::channel();
    let begins = move || {
        // The other end waits for it.
        let _ = tell.send(Moment::of(pid, broker));
    };
    let sent = send(contender, &requests, course, begins).await?;
    let began = told.recv()?;
    let mut ended = Moment::of(pid, broker);
    // Whoever answers after the confirm is done with the last answer; of others, the queue tells when all was there.
    let totals = if publishes && contender.totals()?.is_some() {
        let (totals, last) = settled(world, contender, ended).await?;
        ended = last;
        Some(totals)
    } else {
        contender.counted(|_| true).await?
    };
    let answered = sent.accepted().max(1) as f64;
    let seconds = (ended.at - began.at).as_secs_f64();
    let mut lap = Lap {
        contender: contender.kind.word(),
        size: course.recipe.size.word(),
        body_bytes: requests.mean_bytes(),
        connections: course.connections,
        confirmed_seconds: seconds,
        confirmed_rate: answered / seconds,
        cpu_ms_each: (ended.cpu - began.cpu) / answered,
        broker_cpu_ms_each: (ended.broker_cpu - began.broker_cpu) / answered,
        peak_mib: usage::peak_mib(pid),
        messages: 0,
        wrong: Vec::new(),
        sent,
    };
    lap.check(world, totals.map(|totals| totals.since(totals_before)), publishes.then_some(queued_before))
        .await?;
    say(&lap.line());
    if !lap.wrong.is_empty() {
        say(&format!("{} said:\n{}", contender.kind.word(), contender.log()));
    }
    Ok(lap)
}

/// A moment, and the CPU time used up to it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    /// When.
    pub(crate) at: Instant,
    /// The contender's, in milliseconds.
    pub(crate) cpu: f64,
    /// The broker's.
    pub(crate) broker_cpu: f64,
}

impl Moment {
    /// Now, for a contender's process and the broker's.
    pub(crate) fn of(contender: u32, broker: u32) -> Self {
        Self { at: Instant::now(), cpu: usage::cpu_ms(contender), broker_cpu: usage::cpu_ms(broker) }
    }
}

/// Waits until all is published; the contender's counts, and the moment after `since` at which the last message came into the
/// queue: the contender's own counts are up to a second late.
pub(crate) async fn settled(
    world: &World,
    contender: &Contender,
    since: Moment,
) -> anyhow::Result<(Totals, Moment)> {
    let (mut last, mut queued) = (since, world.messages(0).await?);
    let watch = async {
        loop {
            let now = world.messages(0).await?;
            if now != queued {
                (last, queued) = (Moment::of(contender.pid(), world.rabbit.pid()), now);
            }
            wait::pause(WATCH_EVERY).await;
        }
    };
    let totals = tokio::select! {
        failed = watch => return failed,
        totals = contender.drained() => totals?.context("counts")?,
    };
    Ok((totals, last))
}

impl Lap {
    /// Holds answers, the contender's own counts and the queue against one another.
    async fn check(
        &mut self,
        world: &World,
        totals: Option<Totals>,
        queued_before: Option<u64>,
    ) -> anyhow::Result<()> {
        let answered = self.sent.accepted();
        if self.sent.not_accepted() > 0 {
            let Sent { by_status, broken, unanswered, .. } = &self.sent;
            self.wrong.push(format!("answers {by_status:?}, {broken} broken, {unanswered} unanswered"));
        }
        // Each delivery of ours is one message of a peer, and at least one of the program.
        self.messages = totals.map_or(answered, |totals| totals.published);
        if let Some(Totals { accepted, changes, published, duplicates, quarantined, .. }) = totals {
            if accepted != answered || duplicates + quarantined > 0 {
                self.wrong.push(format!(
                    "{answered} answered 200, but {accepted} accepted, {duplicates} duplicate, {quarantined} quarantined"
                ));
            }
            if changes < answered || (queued_before.is_some() && published != changes) {
                self.wrong.push(format!("{answered} answered 200, {changes} changes, {published} published"));
            }
        }
        if let Some(before) = queued_before {
            let queued = world.settles_at(0, before + self.messages).await? - before;
            if queued != self.messages {
                self.wrong.push(format!("{} messages confirmed, but {queued} in the queue", self.messages));
            }
        }
        Ok(())
    }
}

impl Totals {
    fn since(self, before: Self) -> Self {
        Self {
            changes: self.changes - before.changes,
            published: self.published - before.published,
            accepted: self.accepted - before.accepted,
            duplicates: self.duplicates - before.duplicates,
            quarantined: self.quarantined - before.quarantined,
            signing_requests: self.signing_requests - before.signing_requests,
            enrich_pending: self.enrich_pending,
        }
    }
}

/// Sends a course's deliveries, on a thread of its own.
pub(crate) async fn send(
    contender: &Contender,
    requests: &Arc<Requests>,
    course: Course,
    begins: impl FnOnce() + Send + 'static,
) -> anyhow::Result<Sent> {
    // So that it is known what was counted before.
    contender.counted(|_| true).await?;
    let (requests, address) = (Arc::clone(requests), contender.address);
    // Whoever does not look into them may have them again, for as long as there is time.
    let again = contender.kind == Kind::FloorRead && course.time.is_some();
    let sending = tokio::task::spawn_blocking(move || {
        let Course { connections, rate, time, .. } = course;
        sender::send(&Plan { address, connections, rate, time, wire: &requests.wire, again }, begins)
    });
    let sent = sending.await??;
    contender.has_answered(sent.accepted());
    Ok(sent)
}
