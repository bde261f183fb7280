//! The fields of a span, written as JSON once the span begins: each request has one, and few are ever logged.

use std::fmt::{self, Write as _};

use tracing::field::{Field, Visit};
use tracing::span::Record;
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::FormattedFields;
use tracing_subscriber::fmt::format::{FormatFields, Writer};

use crate::base::json::write_text;

/// Room for the fields of a request.
const ROOM: usize = 192;

/// Writes fields as the entries of an object, in their order. `tracing_subscriber`'s own makes a tree of values first
/// and sorts it, which takes three times the instructions.
#[derive(Debug)]
pub(super) struct JsonFields;

impl<'w> FormatFields<'w> for JsonFields {
    fn format_fields<R: RecordFields>(&self, mut to: Writer<'w>, fields: R) -> fmt::Result {
        let mut object = Entries(String::with_capacity(ROOM));
        object.0.push('{');
        fields.record(&mut object);
        object.0.push('}');
        to.write_str(&object.0)
    }

    fn add_fields(&self, present: &'w mut FormattedFields<Self>, fields: &Record<'_>) -> fmt::Result {
        let mut object = Entries(std::mem::take(&mut present.fields));
        // Its brace: there is more to come.
        object.0.pop();
        fields.record(&mut object);
        object.0.push('}');
        present.fields = object.0;
        Ok(())
    }
}

/// An object that is being written, without its last brace.
struct Entries(String);

impl Entries {
    fn key(&mut self, field: &Field) -> &mut String {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        write_text(&mut self.0, field.name());
        self.0.push(':');
        &mut self.0
    }

    fn bare(&mut self, field: &Field, value: impl fmt::Display) {
        let _ = write!(self.key(field), "{value}");
    }
}

impl Visit for Entries {
    fn record_str(&mut self, field: &Field, value: &str) {
        write_text(self.key(field), value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.bare(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.bare(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.bare(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        write_text(self.key(field), &format!("{value:?}"));
    }
}
