//! Structured logs: text for people at a terminal, JSON lines for machines.

use std::io::{self, IsTerminal as _};

use tracing::Subscriber;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::field::MakeExt as _;
use tracing_subscriber::filter::{Directive, LevelFilter};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::{FormatFields, debug_fn};

use super::fields::JsonFields;

/// How logs look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// Text at a terminal, JSON lines elsewhere.
    #[default]
    Auto,
    /// For people.
    Text,
    /// For machines.
    Json,
}

impl Format {
    /// All formats.
    pub const ALL: [Self; 3] = [Self::Auto, Self::Text, Self::Json];

    /// The format's word in settings.
    pub fn word(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Text => "text",
            Self::Json => "json",
        }
    }
}

/// Begins to write logs to stderr: stdout is for data. `level` is a level (`info`) or a list of directives
/// (`info,countersign::relay=debug`); one that cannot be read counts as `info`, and that is logged.
///
/// Only the first call in a process counts, so that tests may call it as well.
pub fn init(format: Format, level: &str) {
    let terminal = io::stderr().is_terminal();
    let json = match format {
        Format::Auto => !terminal,
        Format::Text => false,
        Format::Json => true,
    };
    let (filter, fault) = filter(level);
    if tracing::subscriber::set_global_default(subscriber(filter, json, terminal, io::stderr)).is_ok()
        && let Some(fault) = fault
    {
        tracing::warn!(level, fault, "the log level cannot be read: info is used");
    }
}

/// Libraries that tell too much of themselves: what lapin calls an error, the broker's door reports once and in our
/// words; what actix_http calls one, any client can make happen as often as it likes. A directive of the operator's wins.
const QUIET: &str = "actix_server=warn,actix_http=off,lapin=off";

/// The filter for `level`, and what is wrong with it.
fn filter(level: &str) -> (EnvFilter, Option<String>) {
    let (filter, fault) = match level.trim() {
        "" => (info(), None),
        level => match EnvFilter::builder().parse(format!("{QUIET},{level}")) {
            Ok(filter) => (filter, None),
            Err(error) => (info(), Some(error.to_string())),
        },
    };
    // lapin writes each returned message there, body and all.
    match "lapin::returned_messages=off".parse::<Directive>() {
        Ok(quiet) => (filter.add_directive(quiet), fault),
        Err(error) => (EnvFilter::default().add_directive(LevelFilter::OFF.into()), Some(error.to_string())),
    }
}

fn info() -> EnvFilter {
    EnvFilter::builder().parse_lossy(format!("{QUIET},info"))
}

fn subscriber<W>(filter: EnvFilter, json: bool, colours: bool, to: W) -> Box<dyn Subscriber + Send + Sync>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(to);
    if json {
        // The fields of an event beside its level and time; those of its spans (request ids) likewise.
        let lines = logs.json().flatten_event(true).with_current_span(true).with_span_list(false);
        Box::new(lines.fmt_fields(JsonFields).finish())
    } else {
        Box::new(logs.with_ansi(colours).fmt_fields(one_line()).finish())
    }
}

fn escaped(c: char) -> Box<dyn Iterator<Item = char>> {
    if c.is_control() { Box::new(c.escape_default()) } else { Box::new(std::iter::once(c)) }
}

/// Fields for people. What callers sent in (names, paths, reasons) is among them: its control characters are written
/// as escapes, so that it neither begins a line of its own nor speaks to the terminal.
fn one_line() -> impl for<'w> FormatFields<'w> + Send + Sync + 'static {
    debug_fn(|to, field, value| {
        let mut text = format!("{value:?}");
        if text.contains(char::is_control) {
            text = text.chars().flat_map(escaped).collect();
        }
        if field.name() == "message" { write!(to, "{text}") } else { write!(to, "{field}={text}") }
    })
    .delimited(" ")
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What is written at `level` of three events, one of them lapin's own.
    fn written(level: &str, json: bool) -> String {
        let kept = Kept::default();
        let to = kept.clone();
        let logs = subscriber(filter(level).0, json, false, move || to.clone());
        tracing::subscriber::with_default(logs, || {
            let span = tracing::info_span!("request", request_id = "abc");
            let _within = span.enter();
            tracing::info!(position = 7, "stored");
            tracing::debug!("looked");
            tracing::error!(target: "lapin::returned_messages", "jane@example.com and her message");
        });
        String::from_utf8(kept.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn lapins_copy_of_returned_messages_is_never_written() {
        for level in [
            "info",
            "trace",
            "",
            "lapin=trace",
            "lapin::returned_messages=trace",
            "warn,lapin=debug",
            "lo ud",
        ] {
            for json in [false, true] {
                let text = written(level, json);
                assert!(!text.contains("jane"), "{level}: {text}");
            }
        }
    }

    #[test]
    fn a_line_for_machines_is_one_json_object_with_the_requests_id() {
        let text = written("info", true);
        let line: serde_json::Value = serde_json::from_str(text.trim()).expect("one line of JSON");
        assert_eq!(
            (line["message"].as_str(), line["position"].as_u64()),
            (Some("stored"), Some(7)),
            "{line}"
        );
        assert_eq!(line["span"]["request_id"], "abc", "{line}");
        assert_eq!(line["level"], "INFO", "{line}");
    }

    #[test]
    fn the_fields_of_a_span_are_those_that_the_library_itself_would_write() {
        let (ours, theirs) = (Kept::default(), Kept::default());
        let (to_ours, to_theirs) = (ours.clone(), theirs.clone());
        let theirs_too = tracing_subscriber::fmt().json().with_writer(move || to_theirs.clone()).finish();
        let logs: [Box<dyn Subscriber + Send + Sync>; 2] =
            [subscriber(filter("info").0, true, false, move || to_ours.clone()), Box::new(theirs_too)];
        for logs in logs {
            tracing::subscriber::with_default(logs, || {
                let text = "\"quoted\" \\ \u{1b}[31m\nzażółć";
                let token = tracing::field::Empty;
                let span = tracing::info_span!("request", token, text, shown = %text, seen = ?text, count = 7_u64,
                    below = -7, yes = true);
                let empty = tracing::info_span!("request", token);
                for span in [span, empty] {
                    span.in_scope(|| tracing::info!("without"));
                    span.record("token", tracing::field::display("a-b"));
                    span.in_scope(|| tracing::info!("with"));
                }
            });
        }
        let spans = |kept: &Kept| -> Vec<serde_json::Value> {
            let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
            text.lines()
                .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["span"].take())
                .collect()
        };
        assert_eq!(spans(&ours).len(), 4);
        assert_eq!(spans(&ours)[3]["token"], "a-b");
        assert_eq!(spans(&ours), spans(&theirs));
    }

    #[test]
    fn a_line_for_people_has_no_colours_where_there_is_no_terminal() {
        let text = written("debug", false);
        assert!(text.contains("stored") && text.contains("looked") && text.contains("abc"), "{text}");
        assert!(!text.contains('\u{1b}'), "{text}");
    }

    #[test]
    fn what_callers_sent_in_stays_on_its_line() {
        let kept = Kept::default();
        let to = kept.clone();
        let logs = subscriber(filter("info").0, false, false, move || to.clone());
        tracing::subscriber::with_default(logs, || {
            let span = tracing::info_span!("request", path = "/a\nb");
            let _within = span.enter();
            tracing::warn!(source = %"x\n1999-01-01 ERROR forged \u{1b}[31m", "told\rover");
        });
        let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text.matches('\n').count(), 1, "{text}");
        assert!(!text.trim_end().contains(char::is_control), "{text:?}");
        assert!(
            text.contains(r"source=x\n1999-01-01 ERROR forged \u{1b}[31m") && text.contains(r"told\rover"),
            "{text}"
        );
    }

    #[test]
    fn a_level_that_cannot_be_read_is_info_and_said_so() {
        assert_eq!(filter("info,countersign=debug").1, None);
        assert!(filter("countersign=loud").1.is_some());
        assert!(written("countersign=loud", false).contains("stored"));
    }
}
