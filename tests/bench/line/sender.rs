//! Sends requests that are ready made, over connections that are kept alive, from one thread that costs little: one
//! write and one read for each, and readiness told for many at once.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use serde::Serialize;

use super::spread::{Percentiles, Spread};

/// How long a connection may take, and how long nothing may be heard at all before what is left counts as unanswered.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// The largest answer: a head and one line of JSON fit in many times over.
const ANSWER_BYTES_MAX: usize = 16 * 1_024;

/// What to send, where to and how fast.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan<'a> {
    /// The server.
    pub(crate) address: SocketAddr,
    /// Connections at once.
    pub(crate) connections: usize,
    /// Requests a second; none: as fast as answers come, one after the other on each connection.
    pub(crate) rate: Option<f64>,
    /// When to send no more, should not all be sent before.
    pub(crate) time: Option<Duration>,
    /// Requests as they go over the wire.
    pub(crate) wire: &'a [Vec<u8>],
    /// Whether to begin again at the first after the last: for servers to which all are the same.
    pub(crate) again: bool,
}

/// How it went.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub(crate) struct Sent {
    /// Requests written, each once.
    pub(crate) sent: u64,
    /// Answers by status.
    pub(crate) by_status: BTreeMap<u16, u64>,
    /// Requests whose connection broke before they were answered.
    pub(crate) broken: u64,
    /// Requests that nobody answered in time.
    pub(crate) unanswered: u64,
    /// From the first request to the last answer.
    pub(crate) seconds: f64,
    /// Answers a second.
    pub(crate) rate: f64,
    /// Time to the answer, in milliseconds: from the moment a request was to be sent, where there is a rate (so that one
    /// that had to wait for others counts as late), else from its first byte.
    pub(crate) answer_ms: Percentiles,
    /// CPU time of the sending thread for each answer, in microseconds.
    pub(crate) cpu_us_each: f64,
}

impl Sent {
    /// Answers of 200.
    pub(crate) fn accepted(&self) -> u64 {
        self.by_status.get(&200).copied().unwrap_or(0)
    }

    /// All that was not answered 200.
    pub(crate) fn not_accepted(&self) -> u64 {
        self.sent - self.accepted()
    }
}

/// Connects, says that it begins, and sends until all is answered.
pub(crate) fn send(plan: &Plan<'_>, begins: impl FnOnce()) -> io::Result<Sent> {
    let mut sender = Sender::connect(plan)?;
    begins();
    sender.run()?;
    Ok(sender.close())
}

struct Sender<'a> {
    plan: Plan<'a>,
    epoll: OwnedFd,
    wires: Vec<Wire>,
    idle: VecDeque<usize>,
    began: Instant,
    cpu_before: u64,
    next: usize,
    in_flight: usize,
    last_heard: Instant,
    spread: Spread,
    sent: Sent,
}

/// One connection, and the request on it.
struct Wire {
    stream: TcpStream,
    request: usize,
    written: usize,
    busy: bool,
    since: Instant,
    answer: Vec<u8>,
    heeds_room: bool,
}

/// What came over a wire.
enum Heard {
    Nothing,
    Answer(u16),
    End,
}

impl<'a> Sender<'a> {
    fn connect(plan: &Plan<'a>) -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let wires =
            (0..plan.connections).map(|_| Wire::open(plan.address)).collect::<io::Result<Vec<_>>>()?;
        for (place, wire) in wires.iter().enumerate() {
            epoll::add(&epoll, &wire.stream, epoll::EventData::new_u64(place as u64), epoll::EventFlags::IN)?;
        }
        let idle = (0..wires.len()).collect();
        let began = Instant::now();
        Ok(Self {
            plan: *plan,
            epoll,
            wires,
            idle,
            began,
            cpu_before: cpu_nanos(),
            next: 0,
            in_flight: 0,
            last_heard: began,
            spread: Spread::default(),
            sent: Sent::default(),
        })
    }

    fn run(&mut self) -> io::Result<()> {
        (self.began, self.cpu_before) = (Instant::now(), cpu_nanos());
        self.last_heard = self.began;
        let mut events = Vec::with_capacity(self.wires.len().max(1));
        loop {
            let wait = self.hand_out()?;
            if self.in_flight == 0 && wait.is_none() {
                return Ok(());
            }
            if self.in_flight > 0 && self.last_heard.elapsed() > PATIENCE {
                self.sent.unanswered = self.in_flight as u64;
                return Ok(());
            }
            let wait = wait.unwrap_or(Duration::from_secs(1));
            let timeout = Timespec { tv_sec: wait.as_secs() as i64, tv_nsec: i64::from(wait.subsec_nanos()) };
            events.clear();
            match epoll::wait(&self.epoll, spare_capacity(&mut events), Some(&timeout)) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(why) => return Err(why.into()),
            }
            for event in events.drain(..) {
                let (place, flags) = (event.data.u64() as usize, event.flags);
                if flags.contains(epoll::EventFlags::OUT) {
                    self.write(place)?;
                }
                if flags.intersects(epoll::EventFlags::IN | epoll::EventFlags::HUP | epoll::EventFlags::ERR) {
                    self.read(place)?;
                }
            }
        }
    }

    /// Gives idle connections what is due; how long until the next is due, none where nothing is left to send.
    fn hand_out(&mut self) -> io::Result<Option<Duration>> {
        while self.is_more() {
            let elapsed = self.began.elapsed();
            let due = self.plan.rate.map(|rate| Duration::from_secs_f64(self.next as f64 / rate));
            if let Some(wait) = due.and_then(|due| due.checked_sub(elapsed)).filter(|wait| !wait.is_zero()) {
                return Ok(Some(wait.min(Duration::from_secs(1))));
            }
            // All are busy: the next answer lets it go on.
            let Some(place) = self.idle.pop_front() else { return Ok(Some(Duration::from_secs(1))) };
            self.start(place, self.began + due.unwrap_or(elapsed))?;
        }
        Ok(None)
    }

    fn is_more(&self) -> bool {
        let left = !self.plan.wire.is_empty() && (self.plan.again || self.next < self.plan.wire.len());
        // With a rate, the time is up for what was to be sent later, not for what is late.
        let time = match self.plan.rate {
            Some(rate) => Duration::from_secs_f64(self.next as f64 / rate),
            None => self.began.elapsed(),
        };
        left && self.plan.time.is_none_or(|most| time < most)
    }

    fn start(&mut self, place: usize, since: Instant) -> io::Result<()> {
        let wire = &mut self.wires[place];
        wire.request = self.next % self.plan.wire.len();
        (wire.written, wire.since, wire.busy) = (0, since, true);
        self.next += 1;
        self.in_flight += 1;
        self.sent.sent += 1;
        self.write(place)
    }

    fn write(&mut self, place: usize) -> io::Result<()> {
        let wire = &mut self.wires[place];
        let request = &self.plan.wire[wire.request];
        while wire.busy && wire.written < request.len() {
            match wire.stream.write(&request[wire.written..]) {
                Ok(written) => wire.written += written,
                Err(why) if why.kind() == ErrorKind::WouldBlock => break,
                Err(why) if why.kind() == ErrorKind::Interrupted => {}
                // What the server said before it closed may still be read.
                Err(_) => wire.written = request.len(),
            }
        }
        let blocked = wire.busy && wire.written < request.len();
        if blocked != wire.heeds_room {
            wire.heeds_room = blocked;
            let room = if blocked { epoll::EventFlags::OUT } else { epoll::EventFlags::empty() };
            let data = epoll::EventData::new_u64(place as u64);
            epoll::modify(&self.epoll, &wire.stream, data, epoll::EventFlags::IN | room)?;
        }
        Ok(())
    }

    fn read(&mut self, place: usize) -> io::Result<()> {
        let wire = &mut self.wires[place];
        let heard = wire.hear()?;
        self.last_heard = Instant::now();
        let was_busy = wire.busy;
        match heard {
            Heard::Nothing => return Ok(()),
            Heard::Answer(status) => {
                self.spread.add(self.last_heard - wire.since);
                *self.sent.by_status.entry(status).or_default() += 1;
                wire.busy = false;
                // One that was refused before all of it was written leaves a connection that cannot be used on.
                if wire.written < self.plan.wire[wire.request].len() {
                    self.replace(place)?;
                }
            }
            Heard::End => {
                self.sent.broken += u64::from(was_busy);
                self.replace(place)?;
            }
        }
        if was_busy {
            self.in_flight -= 1;
            if self.plan.rate.is_none() && self.is_more() {
                return self.start(place, self.last_heard);
            }
            self.idle.push_back(place);
        }
        Ok(())
    }

    /// Puts a new connection in the place of one that ended.
    fn replace(&mut self, place: usize) -> io::Result<()> {
        self.wires[place] = Wire::open(self.plan.address)?;
        let data = epoll::EventData::new_u64(place as u64);
        Ok(epoll::add(&self.epoll, &self.wires[place].stream, data, epoll::EventFlags::IN)?)
    }

    fn close(mut self) -> Sent {
        let answers: u64 = self.sent.by_status.values().sum();
        self.sent.seconds = (self.last_heard - self.began).as_secs_f64();
        self.sent.rate = answers as f64 / self.sent.seconds.max(1e-9);
        self.sent.answer_ms = self.spread.percentiles();
        let cpu = cpu_nanos().saturating_sub(self.cpu_before);
        self.sent.cpu_us_each = cpu as f64 / 1e3 / (answers as f64).max(1.0);
        self.sent
    }
}

impl Wire {
    fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let answer = Vec::with_capacity(1_024);
        let since = Instant::now();
        Ok(Self { stream, request: 0, written: 0, busy: false, since, answer, heeds_room: false })
    }

    /// Reads what has come; the answer's status once all of it has.
    fn hear(&mut self) -> io::Result<Heard> {
        let mut chunk = [0; 4_096];
        let read = match self.stream.read(&mut chunk) {
            Ok(0) => return Ok(Heard::End),
            Ok(read) => read,
            Err(why) if matches!(why.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
                return Ok(Heard::Nothing);
            }
            Err(_) => return Ok(Heard::End),
        };
        self.answer.extend_from_slice(&chunk[..read]);
        let Some((status, length)) = framed(&self.answer)? else { return Ok(Heard::Nothing) };
        if self.answer.len() < length {
            return Ok(Heard::Nothing);
        }
        self.answer.clear();
        Ok(Heard::Answer(status))
    }
}

/// An answer's status and its whole length, once its head is there.
fn framed(answer: &[u8]) -> io::Result<Option<(u16, usize)>> {
    let strange = |what: &str| io::Error::new(ErrorKind::InvalidData, format!("the server's answer {what}"));
    let Some(head_end) = memchr::memmem::find(answer, b"\r\n\r\n") else {
        return if answer.len() > ANSWER_BYTES_MAX {
            Err(strange("has no end of its head"))
        } else {
            Ok(None)
        };
    };
    let head = str::from_utf8(&answer[..head_end]).map_err(|_| strange("is not text"))?;
    let status =
        head.get(9..12).and_then(|status| status.parse().ok()).ok_or_else(|| strange("has no status"))?;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    let length = length.ok_or_else(|| strange("does not say how long it is"))?;
    Ok(Some((status, head_end + 4 + length)))
}

/// CPU time of this thread so far, by the kernel's scheduler.
fn cpu_nanos() -> u64 {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    told.split_whitespace().next().and_then(|nanos| nanos.parse().ok()).unwrap_or(0)
}
