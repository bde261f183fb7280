//! Connections that stall are ended: whoever holds one without taking it anywhere would hold it for ever.
//!
//! actix limits the time for the first head on a connection and the time between requests. It does not limit the time
//! for a later head, nor how long an answer may wait for a client that does not read it. [`Paced`] limits both: on
//! every connection something must be written every [`limits::WIRE_QUIET`], or every [`limits::ANSWER_TIMEOUT`] while
//! a request is under way.
//!
//! Nor does actix look at what has come before it has 128 KiB of it or there is no more, and its buffer stays as large
//! as it became. So [`Paced`] gives it [`limits::WIRE_TURN_BYTES`] at a time.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf, Take};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::base::limits;

// A stream of events that has nothing to tell is no stalled connection.
const _: () = assert!(limits::WIRE_QUIET.as_secs() > limits::STREAM_HEARTBEAT.as_secs());
const _: () = assert!(limits::ANSWER_TIMEOUT.as_secs() > limits::DELIVERY_READ_TIMEOUT.as_secs());

/// When a connection must have written something: what its requests can put off.
#[derive(Debug, Clone)]
pub struct Pulse(Rc<Cell<Instant>>);

impl Pulse {
    fn beat(&self, within: Duration) {
        self.0.set(Instant::now() + within);
    }

    /// A head has come whole, so an answer is due.
    pub(super) fn asked(&self) {
        self.beat(limits::ANSWER_TIMEOUT);
    }
}

/// A connection that ends when it stalls.
#[derive(Debug)]
pub struct Paced<T> {
    /// What is left of its turn is the limit of what is read.
    wire: Take<T>,
    pulse: Pulse,
    /// While the client takes nothing: when that must have changed, whatever it asks for meanwhile.
    unread_until: Option<Instant>,
    timer: Pin<Box<Sleep>>,
}

impl<T: AsyncRead> Paced<T> {
    /// A connection that was made just now.
    pub fn new(wire: T) -> Self {
        let due = Instant::now() + limits::WIRE_QUIET;
        let (wire, pulse) = (wire.take(limits::WIRE_TURN_BYTES), Pulse(Rc::new(Cell::new(due))));
        Self { wire, pulse, unread_until: None, timer: Box::pin(sleep_until(due)) }
    }

    /// Its pulse, for the requests that come on it.
    pub fn pulse(&self) -> Pulse {
        self.pulse.clone()
    }

    fn due(&self) -> Instant {
        let due = self.pulse.0.get();
        self.unread_until.map_or(due, |unread| unread.min(due))
    }

    /// Whether it has stalled; else it is looked at again when that is due.
    fn stalled(&mut self, context: &mut Context<'_>) -> bool {
        while self.timer.as_mut().poll(context).is_ready() {
            let due = self.due();
            if due <= Instant::now() {
                return true;
            }
            self.timer.as_mut().reset(due);
        }
        false
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Paced<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.stalled(context) {
            // As if the client had said its last: what is under way may still be answered.
            return Poll::Ready(Ok(()));
        }
        let mut read = Poll::Pending;
        if self.wire.limit() > 0 {
            read = Pin::new(&mut self.wire).poll_read(context, buffer);
        } else {
            // There may be more, and nobody else tells.
            context.waker().wake_by_ref();
        }
        if read.is_pending() {
            self.wire.set_limit(limits::WIRE_TURN_BYTES);
        }
        read
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Paced<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(self.wire.get_mut()).poll_write(context, bytes);
        match &written {
            Poll::Ready(Ok(count)) if *count > 0 => {
                self.unread_until = None;
                self.pulse.beat(limits::WIRE_QUIET);
            }
            Poll::Ready(_) => {}
            Poll::Pending => {
                if self.unread_until.is_none() {
                    self.unread_until = Some(Instant::now() + limits::WIRE_QUIET);
                    let due = self.due();
                    self.timer.as_mut().reset(due);
                }
                if self.stalled(context) {
                    return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
                }
            }
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.wire.get_mut()).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.wire.get_mut()).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_is_only_spoken_to_ends_however_much_is_said() {
        let (mut client, server) = duplex(64);
        let mut server = Paced::new(server);
        let began = Instant::now();
        let trickle = async {
            loop {
                client.write_all(b"x").await.unwrap();
                tokio::time::sleep(SECOND).await;
            }
        };
        let listen = async {
            let mut byte = [0];
            while server.read(&mut byte).await.unwrap() > 0 {}
            began.elapsed()
        };
        let lasted = tokio::select! { lasted = listen => lasted, () = trickle => unreachable!() };
        assert_eq!(lasted.as_secs(), limits::WIRE_QUIET.as_secs());
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_does_not_read_is_cut_off_and_whoever_reads_slowly_is_not() {
        let (mut client, server) = duplex(16);
        let mut server = Paced::new(server);
        let slow = async {
            let mut byte = [0];
            for _ in 0..100 {
                client.read_exact(&mut byte).await.unwrap();
                tokio::time::sleep(2 * SECOND).await;
            }
        };
        let (told, ()) = tokio::join!(server.write_all(&[0; 100]), slow);
        told.expect("a slow reader is served");
        let began = Instant::now();
        server.pulse().asked();
        let told = server.write_all(&[0; 100]).await.expect_err("nobody reads");
        assert_eq!(told.kind(), io::ErrorKind::TimedOut);
        assert!(began.elapsed() <= limits::WIRE_QUIET + SECOND, "{:?}", began.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_under_way_has_the_time_that_its_answer_needs() {
        let (_client, server) = duplex(64);
        let mut server = Paced::new(server);
        let began = Instant::now();
        server.pulse().asked();
        assert_eq!(server.read(&mut [0]).await.unwrap(), 0);
        assert_eq!(began.elapsed().as_secs(), limits::ANSWER_TIMEOUT.as_secs());
    }

    #[tokio::test(start_paused = true)]
    async fn what_waits_to_be_read_comes_a_turn_at_a_time_and_whole() {
        let (mut client, server) = duplex(1 << 20);
        let mut server = Paced::new(server);
        let said: Vec<u8> = (0..300_000_u32).map(|at| at as u8).collect();
        client.write_all(&said).await.unwrap();
        client.shutdown().await.unwrap();
        let (mut heard, mut bytes) = (Vec::new(), [0; 4_000]);
        std::future::poll_fn(|context| {
            let mut turn = 0;
            loop {
                let mut buffer = ReadBuf::new(&mut bytes);
                let Poll::Ready(told) = Pin::new(&mut server).poll_read(context, &mut buffer) else {
                    return Poll::Pending;
                };
                told.unwrap();
                if buffer.filled().is_empty() {
                    return Poll::Ready(());
                }
                heard.extend_from_slice(buffer.filled());
                turn += buffer.filled().len() as u64;
                assert!(turn <= limits::WIRE_TURN_BYTES);
            }
        })
        .await;
        assert_eq!(heard, said);
    }
}
