//! AMQP 0-9-1 as bytes: the few frames that publishing needs, written without a copy and read without trust.

use crate::broker::error::Lost;

/// Frame types.
pub(super) const METHOD: u8 = 1;
pub(super) const HEADER: u8 = 2;
const BODY: u8 = 3;
const HEARTBEAT: u8 = 8;
/// The last byte of every frame.
const END: u8 = 0xCE;
/// Bytes of a frame around its payload.
pub(super) const AROUND: usize = 8;
/// What a client says first.
pub(super) const GREETING: &[u8] = b"AMQP\x00\x00\x09\x01";

/// A method's class and number in it.
pub(super) type Method = (u16, u16);

/// The methods in use, named as the specification names them.
pub(super) mod method {
    use super::Method;

    pub(crate) const CONNECTION_START: Method = (10, 10);
    pub(crate) const CONNECTION_START_OK: Method = (10, 11);
    pub(crate) const CONNECTION_SECURE: Method = (10, 20);
    pub(crate) const CONNECTION_SECURE_OK: Method = (10, 21);
    pub(crate) const CONNECTION_TUNE: Method = (10, 30);
    pub(crate) const CONNECTION_TUNE_OK: Method = (10, 31);
    pub(crate) const CONNECTION_OPEN: Method = (10, 40);
    pub(crate) const CONNECTION_OPEN_OK: Method = (10, 41);
    pub(crate) const CONNECTION_CLOSE: Method = (10, 50);
    pub(crate) const CONNECTION_CLOSE_OK: Method = (10, 51);
    pub(crate) const CONNECTION_BLOCKED: Method = (10, 60);
    pub(crate) const CONNECTION_UNBLOCKED: Method = (10, 61);
    pub(crate) const CHANNEL_OPEN: Method = (20, 10);
    pub(crate) const CHANNEL_CLOSE: Method = (20, 40);
    pub(crate) const CHANNEL_CLOSE_OK: Method = (20, 41);
    pub(crate) const BASIC_PUBLISH: Method = (60, 40);
    pub(crate) const BASIC_RETURN: Method = (60, 50);
    pub(crate) const BASIC_ACK: Method = (60, 80);
    pub(crate) const BASIC_NACK: Method = (60, 120);
    pub(crate) const CONFIRM_SELECT: Method = (85, 10);
    pub(crate) const CONFIRM_SELECT_OK: Method = (85, 11);
}

/// The properties of a message, by the bit that says that one is there.
pub(in crate::broker) mod property {
    pub(in crate::broker) const CONTENT_TYPE: u16 = 1 << 15;
    pub(super) const CONTENT_ENCODING: u16 = 1 << 14;
    pub(in crate::broker) const HEADERS: u16 = 1 << 13;
    pub(in crate::broker) const DELIVERY_MODE: u16 = 1 << 12;
    pub(super) const PRIORITY: u16 = 1 << 11;
    pub(in crate::broker) const CORRELATION_ID: u16 = 1 << 10;
    pub(super) const REPLY_TO: u16 = 1 << 9;
    pub(super) const EXPIRATION: u16 = 1 << 8;
    pub(in crate::broker) const MESSAGE_ID: u16 = 1 << 7;
    pub(in crate::broker) const TIMESTAMP: u16 = 1 << 6;
    pub(in crate::broker) const TYPE: u16 = 1 << 5;
    pub(in crate::broker) const APP_ID: u16 = 1 << 3;
}

/// Frames on their way out, one behind the other.
#[derive(Debug, Default)]
pub(in crate::broker) struct Outgoing(pub(super) Vec<u8>);

impl Outgoing {
    /// Frames are written into this room.
    pub(in crate::broker) fn into_room(room: Vec<u8>) -> Self {
        Self(room)
    }

    fn frame(&mut self, kind: u8, channel: u16, payload: impl FnOnce(&mut Self)) {
        self.octet(kind);
        self.short(channel);
        self.sized(payload);
        self.octet(END);
    }

    /// What follows its own length in four bytes.
    fn sized(&mut self, what: impl FnOnce(&mut Self)) {
        let at = self.0.len();
        self.0.extend_from_slice(&[0; 4]);
        what(self);
        // Lengths are far below 4 GiB: bodies are cut to frames, all else is bounded by what a change holds.
        let length = (self.0.len() - at - 4) as u32;
        self.0[at..at + 4].copy_from_slice(&length.to_be_bytes());
    }

    pub(super) fn method(&mut self, channel: u16, method: Method, arguments: impl FnOnce(&mut Self)) {
        self.frame(METHOD, channel, |out| {
            out.short(method.0);
            out.short(method.1);
            arguments(out);
        });
    }

    pub(super) fn heartbeat(&mut self) {
        self.frame(HEARTBEAT, 0, |_| {});
    }

    /// A message to be published, mandatory: what no queue takes comes back instead of being dropped behind a
    /// positive confirm.
    pub(in crate::broker) fn publish(
        &mut self,
        to: &Target<'_>,
        routing_key: &str,
        properties: impl FnOnce(&mut Self),
        body: &[u8],
    ) {
        const MANDATORY: u8 = 1;
        self.method(to.channel, method::BASIC_PUBLISH, |out| {
            out.short(0);
            out.short_text(to.exchange);
            out.short_text(routing_key);
            out.octet(MANDATORY);
        });
        self.frame(HEADER, to.channel, |out| {
            out.short(method::BASIC_PUBLISH.0);
            out.short(0);
            out.long_long(body.len() as u64);
            properties(out);
        });
        for piece in body.chunks(to.frame_max.saturating_sub(AROUND).max(1)) {
            self.frame(BODY, to.channel, |out| out.0.extend_from_slice(piece));
        }
    }

    pub(in crate::broker) fn octet(&mut self, number: u8) {
        self.0.push(number);
    }

    pub(in crate::broker) fn short(&mut self, number: u16) {
        self.0.extend_from_slice(&number.to_be_bytes());
    }

    pub(super) fn long(&mut self, number: u32) {
        self.0.extend_from_slice(&number.to_be_bytes());
    }

    pub(in crate::broker) fn long_long(&mut self, number: u64) {
        self.0.extend_from_slice(&number.to_be_bytes());
    }

    /// A short string, which ends at 255 bytes. Ids, types and routing keys are shorter by how they are made; should
    /// one ever not be, it is cut.
    pub(in crate::broker) fn short_text(&mut self, text: &str) {
        let text = &text[..text.floor_char_boundary(255)];
        self.octet(text.len() as u8);
        self.0.extend_from_slice(text.as_bytes());
    }

    pub(super) fn long_text(&mut self, text: &[u8]) {
        self.sized(|out| out.0.extend_from_slice(text));
    }

    pub(in crate::broker) fn table(&mut self, fields: impl FnOnce(&mut Self)) {
        self.sized(fields);
    }

    /// A field of a table: a text, of one name and several pieces.
    pub(in crate::broker) fn text_field(&mut self, name: &[&str], pieces: &[&str]) {
        // Names are ours, and short.
        self.octet(name.iter().map(|piece| piece.len()).sum::<usize>() as u8);
        name.iter().for_each(|piece| self.0.extend_from_slice(piece.as_bytes()));
        self.octet(b'S');
        self.sized(|out| pieces.iter().for_each(|piece| out.0.extend_from_slice(piece.as_bytes())));
    }

    /// A field that is a table itself.
    pub(super) fn table_field(&mut self, name: &str, fields: impl FnOnce(&mut Self)) {
        self.short_text(name);
        self.octet(b'F');
        self.table(fields);
    }

    /// A field that is true.
    pub(super) fn yes_field(&mut self, name: &str) {
        self.short_text(name);
        self.octet(b't');
        self.octet(1);
    }
}

/// Where a message goes.
#[derive(Debug, Clone, Copy)]
pub(in crate::broker) struct Target<'a> {
    pub(in crate::broker) exchange: &'a str,
    pub(in crate::broker) channel: u16,
    /// Bytes of one frame at most.
    pub(in crate::broker) frame_max: usize,
}

/// What came is no AMQP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Garbled;

impl From<Garbled> for Lost {
    fn from(_: Garbled) -> Self {
        Self::Broken("the broker sent what is no AMQP".to_owned())
    }
}

/// A frame that has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Frame<'a> {
    pub(super) kind: u8,
    pub(super) channel: u16,
    pub(super) payload: Payload<'a>,
}

/// The first frame of what has come, and its length; none where it is not there whole.
pub(super) fn first(bytes: &[u8], frame_max: usize) -> Result<Option<(Frame<'_>, usize)>, Garbled> {
    let mut head = Payload(bytes);
    let (Ok(kind), Ok(channel), Ok(length)) = (head.octet(), head.short(), head.long()) else {
        return Ok(None);
    };
    let length = length as usize;
    if !matches!(kind, METHOD | HEADER | BODY | HEARTBEAT) || length > frame_max {
        return Err(Garbled);
    }
    match (head.0.get(..length), head.0.get(length)) {
        (Some(payload), Some(&END)) => {
            Ok(Some((Frame { kind, channel, payload: Payload(payload) }, length + AROUND)))
        }
        (_, Some(_)) => Err(Garbled),
        (_, None) => Ok(None),
    }
}

/// Bytes that are read field by field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Payload<'a>(&'a [u8]);

impl<'a> Payload<'a> {
    pub(super) fn of(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// What has not been read.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.0
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], Garbled> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(Garbled)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Garbled> {
        self.take(N)?.try_into().map_err(|_| Garbled)
    }

    pub(super) fn octet(&mut self) -> Result<u8, Garbled> {
        self.array().map(u8::from_be_bytes)
    }

    pub(super) fn short(&mut self) -> Result<u16, Garbled> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn long(&mut self) -> Result<u32, Garbled> {
        self.array().map(u32::from_be_bytes)
    }

    pub(super) fn long_long(&mut self) -> Result<u64, Garbled> {
        self.array().map(u64::from_be_bytes)
    }

    pub(super) fn method(&mut self) -> Result<Method, Garbled> {
        Ok((self.short()?, self.short()?))
    }

    pub(super) fn short_text(&mut self) -> Result<String, Garbled> {
        let length = self.octet()?;
        self.take(length.into()).map(|text| String::from_utf8_lossy(text).into_owned())
    }

    fn skip_sized(&mut self) -> Result<(), Garbled> {
        let length = self.long()?;
        self.take(length as usize).map(drop)
    }

    /// Of a content header, the message id; empty where there is none.
    pub(super) fn message_id(&mut self) -> Result<String, Garbled> {
        // Class, weight and the body's size.
        self.take(2 + 2 + 8)?;
        let flags = self.short()?;
        let has = |property: u16| flags & property != 0;
        for _ in [property::CONTENT_TYPE, property::CONTENT_ENCODING].into_iter().filter(|one| has(*one)) {
            self.short_text()?;
        }
        if has(property::HEADERS) {
            self.skip_sized()?;
        }
        for _ in [property::DELIVERY_MODE, property::PRIORITY].into_iter().filter(|one| has(*one)) {
            self.octet()?;
        }
        let before = [property::CORRELATION_ID, property::REPLY_TO, property::EXPIRATION];
        for _ in before.into_iter().filter(|one| has(*one)) {
            self.short_text()?;
        }
        if has(property::MESSAGE_ID) { self.short_text() } else { Ok(String::new()) }
    }
}

/// The payloads of what was written, frame by frame.
#[cfg(test)]
pub(in crate::broker) fn frames_of(out: &Outgoing) -> Vec<Vec<u8>> {
    let (mut rest, mut payloads) = (out.0.as_slice(), Vec::new());
    while let Some((frame, length)) = first(rest, 4_096).unwrap() {
        assert!(length <= 4_096);
        payloads.push(frame.payload.0.to_vec());
        rest = &rest[length..];
    }
    assert!(rest.is_empty());
    payloads
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_frame_is_read_once_it_is_there_whole() {
        let mut out = Outgoing::default();
        out.method(7, method::BASIC_ACK, |out| {
            out.long_long(300);
            out.octet(1);
        });
        out.heartbeat();
        let bytes = out.0;
        for part in 0..21 {
            assert_eq!(first(&bytes[..part], 4_096), Ok(None), "{part}");
        }
        let (frame, length) = first(&bytes, 4_096).unwrap().unwrap();
        let mut payload = frame.payload;
        assert_eq!((frame.kind, frame.channel, length), (METHOD, 7, 21));
        assert_eq!(payload.method(), Ok(method::BASIC_ACK));
        assert_eq!((payload.long_long(), payload.octet(), payload.octet()), (Ok(300), Ok(1), Err(Garbled)));
        let (frame, _) = first(&bytes[length..], 4_096).unwrap().unwrap();
        assert_eq!((frame.kind, frame.channel), (HEARTBEAT, 0));
    }

    #[test]
    fn what_is_no_frame_is_refused_and_not_waited_for() {
        let end_missing = [METHOD, 0, 0, 0, 0, 0, 1, 9, 9];
        let too_large = [BODY, 0, 1, 0, 1, 0, 0];
        let of_no_kind = *b"HTTP/1.1 400";
        for bytes in [&end_missing[..], &too_large, &of_no_kind] {
            assert_eq!(first(bytes, 4_096), Err(Garbled), "{bytes:?}");
        }
    }

    #[test]
    fn a_message_id_is_found_among_all_properties() {
        let mut out = Outgoing::default();
        out.short(method::BASIC_PUBLISH.0);
        out.short(0);
        out.long_long(5);
        out.short(0b1111_1111_1000_0000);
        out.short_text("application/json");
        out.short_text("gzip");
        out.table(|out| out.text_field(&["a"], &["b", "c"]));
        out.octet(2);
        out.octet(0);
        for text in ["correlation", "reply", "expiration", "the id"] {
            out.short_text(text);
        }
        assert_eq!(Payload(&out.0).message_id().as_deref(), Ok("the id"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_harm(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(Some((frame, length))) = first(&bytes, 4_096) {
                prop_assert!(length <= bytes.len());
                let mut payload = frame.payload;
                let _ = (payload.method(), payload.short_text());
            }
            let _ = Payload(&bytes).message_id();
        }
    }
}
