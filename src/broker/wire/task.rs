//! The task that has the socket: writes what lanes hand in, reads what the broker says, and tells whom it concerns.

use std::collections::{BTreeMap, VecDeque};
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_io::{AsyncRead as _, AsyncWrite as _};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::frames::{Frame, HEADER, METHOD, Method, Outgoing, Payload, first, method};
use super::handshake::{Opened, Stream};
use super::{Order, Slip, Waiter};
use crate::broker::Standing;
use crate::broker::error::{Lost, NOT_FOUND};

/// Room for what is read at a time: confirms have some twenty bytes.
const READ_BYTES: usize = 16 * 1024;

/// One channel, as the broker was told of it.
#[derive(Debug, Default)]
struct Channel {
    /// Who waits for it to open.
    opening: Option<Waiter<u16>>,
    /// The batch under way.
    batch: Option<(Arc<Slip>, Waiter<()>)>,
    /// Why the message came back whose header comes next.
    returning: Option<String>,
    /// The broker has closed it, and this is why.
    closed: Option<Lost>,
    /// Nobody needs it; its number is free once the broker has taken note.
    shut: bool,
}

pub(super) struct Task {
    stream: Box<dyn Stream>,
    heard: Vec<u8>,
    frame_max: usize,
    channel_max: u16,
    heartbeat: Option<Duration>,
    standing: watch::Sender<Standing>,
    channels: BTreeMap<u16, Channel>,
    /// Bytes on their way, with the batch that they are, and how many of the first piece are written.
    out: VecDeque<(Vec<u8>, Option<Arc<Slip>>)>,
    written: usize,
    /// Something is written that may not have left yet: TLS keeps some.
    flushing: bool,
    /// Something was written since the last beat.
    spoke: bool,
    heard_at: Instant,
    /// Who waits for the end.
    closing: Option<oneshot::Sender<()>>,
}

impl Task {
    pub(super) fn new(opened: Opened, standing: watch::Sender<Standing>) -> Self {
        let Opened { stream, rest, frame_max, channel_max, heartbeat } = opened;
        Self {
            stream,
            heard: rest,
            frame_max,
            channel_max,
            heartbeat,
            standing,
            channels: BTreeMap::new(),
            out: VecDeque::new(),
            written: 0,
            flushing: false,
            spoke: true,
            heard_at: Instant::now(),
            closing: None,
        }
    }

    /// Runs until the connection has ended, or the other one to the same broker has.
    pub(super) async fn run(mut self, orders: mpsc::Receiver<Order>, link: watch::Receiver<Standing>) {
        let why = match self.serve(orders, link).await {
            Ok(()) => Lost::Broken("it was closed".to_owned()),
            Err(why) => why,
        };
        // Before those who wait are let go: they look here for the reason.
        drop(self.standing.send(Standing::Lost(why)));
        if let Some(closing) = self.closing.take() {
            // Nobody may be waiting any more.
            let _ = closing.send(());
        }
    }

    /// Until it is closed by either side.
    async fn serve(
        &mut self,
        mut orders: mpsc::Receiver<Order>,
        mut link: watch::Receiver<Standing>,
    ) -> Result<(), Lost> {
        // Twice in its time, as the protocol advises.
        let mut beat = interval(self.heartbeat.map_or(Duration::from_secs(3600), |time| time / 2));
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                turned = poll_fn(|context| self.turn(context)) => {
                    turned?;
                    if self.take_in()? {
                        return Ok(());
                    }
                }
                Some(order) = orders.recv() => self.follow(order),
                _ = beat.tick() => self.beat()?,
                lost = lost(&mut link) => return Err(lost),
            }
        }
    }

    /// Writes what it can; ready once something was read.
    fn turn(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Lost>> {
        let mut stream = Pin::new(&mut self.stream);
        while let Some((piece, _)) = self.out.front() {
            match stream.as_mut().poll_write(context, &piece[self.written..]) {
                Poll::Ready(Ok(count)) if count > 0 => {
                    (self.flushing, self.spoke) = (true, true);
                    self.written += count;
                    if self.written == piece.len() {
                        self.written = 0;
                        if let Some((frames, Some(slip))) = self.out.pop_front() {
                            slip.spent(frames);
                        }
                    }
                }
                Poll::Ready(ended) => return Poll::Ready(Err(ended_by(ended))),
                Poll::Pending => break,
            }
        }
        if self.flushing {
            match stream.as_mut().poll_flush(context) {
                Poll::Ready(Ok(())) => self.flushing = false,
                Poll::Ready(Err(why)) => return Poll::Ready(Err(ended_by(Err(why)))),
                Poll::Pending => {}
            }
        }
        let length = self.heard.len();
        self.heard.resize(length + READ_BYTES, 0);
        let read = stream.poll_read(context, &mut self.heard[length..]);
        let count = if let Poll::Ready(Ok(count)) = &read { *count } else { 0 };
        self.heard.truncate(length + count);
        match read {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(count)) if count > 0 => {
                self.heard_at = Instant::now();
                Poll::Ready(Ok(()))
            }
            Poll::Ready(ended) => Poll::Ready(Err(ended_by(ended))),
        }
    }

    /// Takes in all frames that are there whole; true once the connection is closed.
    fn take_in(&mut self) -> Result<bool, Lost> {
        let heard = std::mem::take(&mut self.heard);
        let mut at = 0;
        while let Some((frame, length)) = first(&heard[at..], self.frame_max)? {
            at += length;
            if self.hear(frame)? {
                return Ok(true);
            }
        }
        self.heard = heard;
        self.heard.drain(..at);
        Ok(false)
    }

    fn hear(&mut self, frame: Frame<'_>) -> Result<bool, Lost> {
        let mut payload = frame.payload;
        match frame.kind {
            METHOD => match (frame.channel, payload.method()?) {
                (0, method) => return self.hear_of_connection(method, &mut payload),
                (number, method) => self.hear_of_channel(number, method, &mut payload)?,
            },
            HEADER => {
                if let Some(channel) = self.channels.get_mut(&frame.channel)
                    && let (Some(why), Some((slip, _))) = (channel.returning.take(), &channel.batch)
                {
                    slip.came_back(payload.message_id()?, why);
                }
            }
            // A heartbeat, or the body of what came back.
            _ => {}
        }
        Ok(false)
    }

    /// True once the connection is closed.
    fn hear_of_connection(&mut self, method: Method, arguments: &mut Payload<'_>) -> Result<bool, Lost> {
        match method {
            method::CONNECTION_BLOCKED => {
                drop(self.standing.send(Standing::Blocked(arguments.short_text()?)));
            }
            method::CONNECTION_UNBLOCKED => drop(self.standing.send(Standing::Open)),
            method::CONNECTION_CLOSE => return Err(Lost::Broken(refusal(arguments)?.1)),
            method::CONNECTION_CLOSE_OK => return Ok(true),
            _ => {}
        }
        Ok(false)
    }

    fn hear_of_channel(
        &mut self,
        number: u16,
        method: Method,
        arguments: &mut Payload<'_>,
    ) -> Result<(), Lost> {
        let Some(channel) = self.channels.get_mut(&number) else { return Ok(()) };
        match method {
            method::CONFIRM_SELECT_OK => {
                let waits = channel.opening.take();
                if waits.is_none_or(|waits| waits.send(Ok(number)).is_err()) {
                    self.shut(number);
                }
            }
            method::BASIC_ACK | method::BASIC_NACK => {
                let (tag, flags) = (arguments.long_long()?, arguments.octet()?);
                let taken = method == method::BASIC_ACK;
                if let Some((slip, done)) = channel.batch.take() {
                    if slip.answer(tag, flags & 1 == 1, taken) {
                        // Who gave up waiting needs no answer.
                        let _ = done.send(Ok(()));
                    } else {
                        channel.batch = Some((slip, done));
                    }
                }
            }
            method::BASIC_RETURN => {
                let (code, why) = (arguments.short()?, arguments.short_text()?);
                channel.returning = Some(format!("{code} {why}"));
            }
            method::CHANNEL_CLOSE => {
                let (code, why) = refusal(arguments)?;
                // What is wrong with a message itself closes its channel alone; an exchange that is gone does too.
                let why = if code == NOT_FOUND { Lost::Broken(why) } else { Lost::Rejected(why) };
                let mut out = Outgoing::default();
                out.method(number, method::CHANNEL_CLOSE_OK, |_| {});
                self.out.push_back((out.0, None));
                if let Some(waits) = channel.opening.take() {
                    let _ = waits.send(Err(why.clone()));
                    channel.shut = true;
                }
                if let Some((_, done)) = channel.batch.take() {
                    let _ = done.send(Err(why.clone()));
                }
                if channel.shut {
                    self.channels.remove(&number);
                } else {
                    channel.closed = Some(why);
                }
            }
            method::CHANNEL_CLOSE_OK => drop(self.channels.remove(&number)),
            _ => {}
        }
        Ok(())
    }

    fn follow(&mut self, order: Order) {
        match order {
            Order::Open(waits) => {
                let Some(number) = (1..=self.channel_max).find(|number| !self.channels.contains_key(number))
                else {
                    let _ = waits.send(Err(Lost::Broken("no channel is free".to_owned())));
                    return;
                };
                let mut out = Outgoing::default();
                out.method(number, method::CHANNEL_OPEN, |out| out.short_text(""));
                out.method(number, method::CONFIRM_SELECT, |out| out.octet(0));
                self.out.push_back((out.0, None));
                self.channels.insert(number, Channel { opening: Some(waits), ..Channel::default() });
            }
            Order::Publish { channel: number, frames, slip, done } => match self.channels.get_mut(&number) {
                Some(Channel { closed: Some(why), .. }) => drop(done.send(Err(why.clone()))),
                Some(channel) => {
                    channel.batch = Some((Arc::clone(&slip), done));
                    self.out.push_back((frames.0, Some(slip)));
                }
                None => drop(done.send(Err(Lost::Broken("the channel is closed".to_owned())))),
            },
            Order::Shut(number) => self.shut(number),
            Order::Close(done) => {
                self.closing = Some(done);
                self.close(0, method::CONNECTION_CLOSE);
            }
        }
    }

    fn shut(&mut self, number: u16) {
        match self.channels.get_mut(&number) {
            Some(Channel { closed: Some(_), .. }) => drop(self.channels.remove(&number)),
            Some(channel) if !channel.shut => {
                channel.shut = true;
                self.close(number, method::CHANNEL_CLOSE);
            }
            _ => {}
        }
    }

    /// Asks to close the connection or a channel: both have the same arguments.
    fn close(&mut self, number: u16, method: Method) {
        const DONE: u16 = 200;
        let mut out = Outgoing::default();
        out.method(number, method, |out| {
            out.short(DONE);
            out.short_text("done");
            out.short(0);
            out.short(0);
        });
        self.out.push_back((out.0, None));
    }

    /// Says that we are there where nothing else has, and listens whether the broker is.
    fn beat(&mut self) -> Result<(), Lost> {
        let Some(heartbeat) = self.heartbeat else { return Ok(()) };
        if self.heard_at.elapsed() > 2 * heartbeat {
            return Err(Lost::Broken("the broker has fallen silent: no heartbeat".to_owned()));
        }
        if !std::mem::take(&mut self.spoke) && self.out.is_empty() {
            let mut out = Outgoing::default();
            out.heartbeat();
            self.out.push_back((out.0, None));
        }
        Ok(())
    }
}

/// Waits until a connection is lost: the reason.
pub(in crate::broker) async fn lost(link: &mut watch::Receiver<Standing>) -> Lost {
    match link.wait_for(|stands| matches!(stands, Standing::Lost(_))).await.as_deref() {
        Ok(Standing::Lost(why)) => why.clone(),
        _ => Lost::Broken("nobody watches the connection any more".to_owned()),
    }
}

/// Why a read or write was the last one.
pub(super) fn ended_by(last: std::io::Result<usize>) -> Lost {
    Lost::Broken(last.err().map_or_else(|| "the connection has ended".to_owned(), |why| why.to_string()))
}

/// The code and words with which the broker closes something.
pub(super) fn refusal(arguments: &mut Payload<'_>) -> Result<(u16, String), Lost> {
    Ok((arguments.short()?, arguments.short_text()?))
}
