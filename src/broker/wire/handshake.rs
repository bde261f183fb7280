//! Connecting and logging in.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Poll, ready};
use std::time::Duration;

use futures_io::{AsyncRead, AsyncWrite};
use lapin::tcp::AMQPUriTcpExt as _;
use lapin::uri::{AMQPUri, SASLMechanism};

use super::frames::{GREETING, METHOD, Method, Outgoing, Payload, first, method};
use super::task::{ended_by, refusal};
use crate::broker::address::Address;
use crate::broker::error::Lost;

/// Both directions of a connection, with TLS or without.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A connection that is logged in.
pub(super) struct Opened {
    pub(super) stream: Box<dyn Stream>,
    /// Came behind what was asked for.
    pub(super) rest: Vec<u8>,
    pub(super) frame_max: usize,
    pub(super) channel_max: u16,
    /// How long either side is silent at most; none where that is not watched.
    pub(super) heartbeat: Option<Duration>,
}

/// Frames up to this size are taken before both sides have agreed on one.
const FRAME_MAX_AT_FIRST: usize = 64 * 1024;
/// Where neither side names a bound: RabbitMQ's own.
const FRAME_MAX: u32 = 128 * 1024;
/// The protocol's own least bound.
const FRAME_MIN: u32 = 4096;

/// Connects, logs in and opens the virtual host.
pub(super) async fn connect(address: &Address) -> Result<Opened, Lost> {
    let broken = |why: &dyn std::fmt::Display| Lost::Broken(why.to_string());
    let tls = address.certificates().read().await.map_err(|why| broken(&why))?;
    let uri = address.uri();
    let runtime = lapin::runtime::default_runtime().map_err(|why| broken(&why))?;
    let stream = uri.connect_with_config_async(tls.as_ref(), &runtime).await.map_err(|why| broken(&why))?;
    let mut talk = Talk { stream: Box::new(stream), heard: Vec::new() };
    talk.say(GREETING).await?;
    talk.hear(method::CONNECTION_START).await?;
    talk.say(&start_ok(&uri)).await?;
    let (channel_max, frame_max, heartbeat) = talk.tuned(&uri).await?;
    let mut out = Outgoing::default();
    out.method(0, method::CONNECTION_TUNE_OK, |out| {
        out.short(channel_max);
        out.long(frame_max);
        out.short(heartbeat);
    });
    out.method(0, method::CONNECTION_OPEN, |out| {
        out.short_text(&uri.vhost);
        out.short_text("");
        out.octet(0);
    });
    talk.say(&out.0).await?;
    talk.hear(method::CONNECTION_OPEN_OK).await?;
    Ok(Opened {
        stream: talk.stream,
        rest: talk.heard,
        frame_max: frame_max as usize,
        channel_max,
        heartbeat: (heartbeat > 0).then(|| Duration::from_secs(heartbeat.into())),
    })
}

/// Who we are, what we can, and how we log in.
fn start_ok(uri: &AMQPUri) -> Vec<u8> {
    let mechanism = uri.query.auth_mechanism.unwrap_or_default();
    let mut out = Outgoing::default();
    out.method(0, method::CONNECTION_START_OK, |out| {
        out.table(|out| {
            out.text_field(&["product"], &[env!("CARGO_PKG_NAME")]);
            out.text_field(&["version"], &[env!("CARGO_PKG_VERSION")]);
            out.text_field(&["connection_name"], &["countersign publishing"]);
            out.table_field("capabilities", |out| {
                let able = [
                    "publisher_confirms",
                    "basic.nack",
                    "connection.blocked",
                    "authentication_failure_close",
                ];
                able.into_iter().for_each(|word| out.yes_field(word));
            });
        });
        out.short_text(mechanism.name());
        out.long_text(&response(uri, mechanism));
        out.short_text("en_US");
    });
    out.0
}

fn response(uri: &AMQPUri, mechanism: SASLMechanism) -> Vec<u8> {
    let (user, password) = (&uri.authority.userinfo.username, &uri.authority.userinfo.password);
    match mechanism {
        SASLMechanism::Plain => format!("\0{user}\0{password}").into_bytes(),
        SASLMechanism::AMQPlain => {
            let mut out = Outgoing::default();
            out.text_field(&["LOGIN"], &[user]);
            out.text_field(&["PASSWORD"], &[password]);
            out.0
        }
        SASLMechanism::RabbitCrDemo => user.clone().into_bytes(),
        SASLMechanism::External | SASLMechanism::Anonymous => Vec::new(),
    }
}

/// A connection while it is made: one says something, the other answers.
struct Talk {
    stream: Box<dyn Stream>,
    heard: Vec<u8>,
}

impl Talk {
    async fn say(&mut self, mut bytes: &[u8]) -> Result<(), Lost> {
        poll_fn(|context| {
            while !bytes.is_empty() {
                match ready!(Pin::new(&mut self.stream).poll_write(context, bytes)) {
                    Ok(count) if count > 0 => bytes = &bytes[count..],
                    ended => return Poll::Ready(Err(ended_by(ended))),
                }
            }
            Pin::new(&mut self.stream).poll_flush(context).map_err(|why| ended_by(Err(why)))
        })
        .await
    }

    /// The next method and its arguments.
    async fn next(&mut self) -> Result<(Method, Vec<u8>), Lost> {
        let mut piece = [0; 4096];
        loop {
            while let Some((frame, length)) = first(&self.heard, FRAME_MAX_AT_FIRST)? {
                let mut payload = frame.payload;
                let heard = if frame.kind == METHOD { Some(payload.method()?) } else { None };
                let arguments = payload.rest().to_vec();
                self.heard.drain(..length);
                if let Some(heard) = heard {
                    return Ok((heard, arguments));
                }
            }
            let read = poll_fn(|context| Pin::new(&mut self.stream).poll_read(context, &mut piece)).await;
            match read {
                Ok(count) if count > 0 => self.heard.extend_from_slice(&piece[..count]),
                ended => return Err(ended_by(ended)),
            }
        }
    }

    /// The arguments of the next method, which must be this one.
    async fn hear(&mut self, wanted: Method) -> Result<Vec<u8>, Lost> {
        match self.next().await? {
            (heard, arguments) if heard == wanted => Ok(arguments),
            (method::CONNECTION_CLOSE, arguments) => {
                Err(Lost::Broken(refusal(&mut Payload::of(&arguments))?.1))
            }
            _ => Err(Lost::Broken("the broker answered something else than was asked".to_owned())),
        }
    }

    /// Ends the login, and settles between what the broker proposes and the address asks for: channels, bytes of a
    /// frame, seconds between heartbeats.
    async fn tuned(&mut self, uri: &AMQPUri) -> Result<(u16, u32, u16), Lost> {
        let demo = uri.query.auth_mechanism == Some(SASLMechanism::RabbitCrDemo);
        if demo {
            self.hear(method::CONNECTION_SECURE).await?;
            let answer = format!("My password is {}", uri.authority.userinfo.password);
            let mut out = Outgoing::default();
            out.method(0, method::CONNECTION_SECURE_OK, |out| out.long_text(answer.as_bytes()));
            self.say(&out.0).await?;
        }
        let proposed = self.hear(method::CONNECTION_TUNE).await?;
        let mut proposed = Payload::of(&proposed);
        let channels = least(proposed.short()?, uri.query.channel_max.unwrap_or(0));
        let frame = least(proposed.long()?, uri.query.frame_max.unwrap_or(0));
        let heartbeat = least(proposed.short()?, uri.query.heartbeat.unwrap_or(0));
        Ok((
            if channels == 0 { u16::MAX } else { channels },
            if frame == 0 { FRAME_MAX } else { frame.max(FRAME_MIN) },
            heartbeat,
        ))
    }
}

/// The lesser of two bounds, of which zero is none.
fn least<T: Ord + Default>(one: T, other: T) -> T {
    if one == T::default() || (other != T::default() && other < one) { other } else { one }
}
