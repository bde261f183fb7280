//! Rows that wait to be written together: those of one statement one after the other, in memory that is used again.

use std::ops::Range;

use crate::store::session::Value;

/// What waits, by statement: in the order in which each was first written, and its rows in theirs.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    kinds: Vec<Rows>,
    /// Memory of statements that waited before.
    spare: Vec<Rows>,
    bytes: usize,
}

/// Rows of one statement.
#[derive(Debug)]
pub(super) struct Rows {
    sql: &'static str,
    /// Arguments of each row.
    width: usize,
    count: usize,
    arguments: Vec<Kept>,
    texts: String,
    blobs: Vec<u8>,
}

/// An argument; of a text or blob where its bytes are.
#[derive(Debug)]
enum Kept {
    Null,
    Int(i64),
    Text(Range<usize>),
    Blob(Range<usize>),
}

impl Waiting {
    pub(super) fn is_empty(&self) -> bool {
        self.kinds.is_empty()
    }

    /// About how many bytes wait.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn add(&mut self, sql: &'static str, arguments: &[Value<'_>]) {
        self.bytes += weight(arguments);
        // By address: no text is looked at. One statement at two addresses would only wait in two places.
        let place = self.kinds.iter().position(|rows| std::ptr::eq(rows.sql, sql)).unwrap_or_else(|| {
            let known = self.spare.iter().position(|rows| std::ptr::eq(rows.sql, sql));
            self.kinds.push(known.map_or_else(|| Rows::of(sql), |known| self.spare.swap_remove(known)));
            self.kinds.len() - 1
        });
        self.kinds[place].add(arguments);
    }

    pub(super) fn kinds(&self) -> &[Rows] {
        &self.kinds
    }

    /// Forgets what waits.
    pub(super) fn clear(&mut self) {
        self.bytes = 0;
        self.kinds.iter_mut().for_each(Rows::clear);
        self.spare.append(&mut self.kinds);
    }
}

/// About how many bytes a row takes.
pub(super) fn weight(arguments: &[Value<'_>]) -> usize {
    let bytes = |argument: &Value<'_>| match argument {
        Value::Null | Value::Int(_) => 0,
        Value::Text(text) => text.len(),
        Value::Blob(bytes) => bytes.len(),
    };
    arguments.iter().map(bytes).sum::<usize>() + size_of_val(arguments)
}

impl Rows {
    fn of(sql: &'static str) -> Self {
        Self { sql, width: 0, count: 0, arguments: Vec::new(), texts: String::new(), blobs: Vec::new() }
    }

    fn add(&mut self, arguments: &[Value<'_>]) {
        self.width = arguments.len();
        self.count += 1;
        for argument in arguments {
            let kept = match *argument {
                Value::Null => Kept::Null,
                Value::Int(number) => Kept::Int(number),
                Value::Text(text) => {
                    let from = self.texts.len();
                    self.texts.push_str(text);
                    Kept::Text(from..self.texts.len())
                }
                Value::Blob(bytes) => {
                    let from = self.blobs.len();
                    self.blobs.extend_from_slice(bytes);
                    Kept::Blob(from..self.blobs.len())
                }
            };
            self.arguments.push(kept);
        }
    }

    fn clear(&mut self) {
        self.count = 0;
        self.arguments.clear();
        self.texts.clear();
        self.blobs.clear();
    }

    pub(super) fn sql(&self) -> &'static str {
        self.sql
    }

    /// The arguments of each row.
    pub(super) fn each(&self) -> impl Iterator<Item = impl Iterator<Item = Value<'_>>> {
        (0..self.count).map(|row| {
            self.arguments[row * self.width..][..self.width].iter().map(|kept| match kept {
                Kept::Null => Value::Null,
                Kept::Int(number) => Value::Int(*number),
                Kept::Text(place) => Value::Text(&self.texts[place.clone()]),
                Kept::Blob(place) => Value::Blob(&self.blobs[place.clone()]),
            })
        })
    }
}
