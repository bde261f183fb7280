//! Server-sent events as `events tail` reads them: the same in any pieces, and as a plainer reader reads them.

use std::path::Path;

use countersign::cli::sse::{Decoder, Event};

use super::cut;

pub(crate) fn check(data: &[u8]) {
    let wanted = read(data);
    for pieces in cut::ways(data) {
        let mut decoder = Decoder::default();
        let events: Vec<_> = pieces
            .into_iter()
            .flat_map(|piece| decoder.take(piece).expect("no line of here is too long"))
            .collect();
        assert_eq!(events, wanted);
    }
}

/// The same, with all of it at hand.
fn read(data: &[u8]) -> Vec<Event> {
    let mut lines: Vec<Vec<u8>> = vec![Vec::new()];
    for (at, byte) in data.iter().enumerate() {
        match byte {
            b'\n' if at > 0 && data[at - 1] == b'\r' => {}
            b'\r' | b'\n' => lines.push(Vec::new()),
            byte => lines.last_mut().unwrap().push(*byte),
        }
    }
    // What no line end has ended is not there yet.
    lines.pop();
    let lines: Vec<_> = lines.iter().map(|line| String::from_utf8_lossy(line)).collect();
    let mut events = Vec::new();
    let blocks: Vec<_> = lines.split(|line| line.is_empty()).collect();
    // Nor is an event that no empty line has ended.
    for block in &blocks[..blocks.len().saturating_sub(1)] {
        let values = |wanted: &str| {
            let fields = block.iter().map(|line| line.split_once(':').unwrap_or((line, "")));
            let named = fields.filter(|(field, _)| *field == wanted);
            named.map(|(_, value)| value.strip_prefix(' ').unwrap_or(value).to_owned()).collect::<Vec<_>>()
        };
        let data = values("data");
        if !data.is_empty() {
            events.push(Event { id: values("id").pop().unwrap_or_default(), data: data.join("\n") });
        }
    }
    events
}

pub(crate) fn seeds(_: &Path) -> Vec<Vec<u8>> {
    [
        "retry: 2000\n\nid: 1\nevent: late\ndata: {\"a\":1}\n\n: keep-alive\n\nid:2\ndata\ndata:b\n\n",
        "\u{feff}id: 7\r\ndata: x\r\n\r\ndata: y\r\rid\n\ndata: {\n",
    ]
    .map(|text| text.as_bytes().to_vec())
    .into()
}
