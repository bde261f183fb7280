//! Server-sent events, as far as our own stream uses them: `id`, `data`, comments, any line end.

use crate::base::limits;

/// One event of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Event {
    /// Its id; empty where it has none.
    pub id: String,
    /// Its data; several lines are joined by line ends.
    pub data: String,
}

/// Puts events together from bytes that arrive in any pieces.
#[derive(Debug, Default)]
pub struct Decoder {
    line: Vec<u8>,
    after_carriage_return: bool,
    event: Event,
    any_data: bool,
}

/// A line longer than the limit: whatever that is, it is no change.
#[derive(Debug, PartialEq, Eq)]
pub struct LineTooLong;

impl Decoder {
    /// Takes in bytes; the events that they complete.
    ///
    /// # Errors
    /// [`LineTooLong`]; the stream should be given up.
    pub fn take(&mut self, bytes: &[u8]) -> Result<Vec<Event>, LineTooLong> {
        let mut events = Vec::new();
        for &byte in bytes {
            let ends_pair = std::mem::take(&mut self.after_carriage_return) && byte == b'\n';
            match byte {
                _ if ends_pair => {}
                b'\r' | b'\n' => {
                    self.after_carriage_return = byte == b'\r';
                    events.extend(self.end_line());
                }
                _ if self.line.len() + self.event.data.len() >= limits::SSE_LINE_BYTES_MAX => {
                    return Err(LineTooLong);
                }
                _ => self.line.push(byte),
            }
        }
        Ok(events)
    }

    fn end_line(&mut self) -> Option<Event> {
        let line = std::mem::take(&mut self.line);
        let line = String::from_utf8_lossy(&line);
        if line.is_empty() {
            let event = std::mem::take(&mut self.event);
            return std::mem::take(&mut self.any_data).then_some(event);
        }
        let (field, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "id" => self.event.id = value.to_owned(),
            "data" => {
                if self.any_data {
                    self.event.data.push('\n');
                }
                self.any_data = true;
                self.event.data.push_str(value);
            }
            // `event` repeats the routing key; `retry` and comments are not for us.
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(id: &str, data: &str) -> Event {
        Event { id: id.into(), data: data.into() }
    }

    #[test]
    fn events_come_out_whatever_the_pieces_and_line_ends() {
        let text = "\u{feff}\n: keep-alive\n\nid: 1\nevent: late\ndata: {\"a\":\ndata:1}\n\nretry: 5\n\nid:2\ndata: é\n\n";
        let want = [event("1", "{\"a\":\n1}"), event("2", "é")];
        for line_end in ["\n", "\r\n", "\r"] {
            let bytes = text.replace('\n', line_end).into_bytes();
            for size in 1..=bytes.len() {
                let mut decoder = Decoder::default();
                let events: Vec<Event> =
                    bytes.chunks(size).flat_map(|piece| decoder.take(piece).unwrap()).collect();
                assert_eq!(events, want, "pieces of {size}, line end {line_end:?}");
            }
        }
    }

    #[test]
    fn an_event_that_was_cut_off_does_not_come_out() {
        let mut decoder = Decoder::default();
        assert_eq!(decoder.take(b"id: 1\ndata: {}\n"), Ok(vec![]));
    }

    #[test]
    fn a_line_without_end_is_given_up() {
        let mut decoder = Decoder::default();
        let chunk = vec![b'x'; 1 << 20];
        let given_up = (0..17).any(|_| decoder.take(&chunk).is_err());
        assert!(given_up);
    }
}
