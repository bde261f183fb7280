//! Values on their way to PostgreSQL and back.

use bytes::{BufMut as _, BytesMut};
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

use crate::store::session::damaged;

use super::{Error, Value};

/// An argument that can wait.
#[derive(Debug)]
pub(super) enum Owned {
    Null,
    Int(i64),
    Text(Box<str>),
    Blob(Box<[u8]>),
}

impl Owned {
    /// About how many bytes it takes on the wire.
    pub(super) fn length(&self) -> usize {
        match self {
            Self::Null => 4,
            Self::Int(_) => 12,
            Self::Text(text) => 4 + text.len(),
            Self::Blob(bytes) => 4 + bytes.len(),
        }
    }
}

pub(super) fn owned(arguments: &[Value<'_>]) -> Vec<Owned> {
    let own = |argument: &Value<'_>| match *argument {
        Value::Null => Owned::Null,
        Value::Int(number) => Owned::Int(number),
        // PostgreSQL's texts hold no NUL, which a hostile message may well contain. Asked for, it is replaced alike.
        Value::Text(text) if text.contains('\0') => Owned::Text(text.replace('\0', "\u{fffd}").into()),
        Value::Text(text) => Owned::Text(text.into()),
        Value::Blob(bytes) => Owned::Blob(bytes.into()),
    };
    arguments.iter().map(own).collect()
}

pub(super) type Fault = Box<dyn std::error::Error + Sync + Send>;

impl ToSql for Owned {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Fault> {
        match self {
            Self::Null => return Ok(IsNull::Yes),
            Self::Int(number) => match *kind {
                Type::INT8 => out.put_i64(*number),
                Type::INT4 => out.put_i32(i32::try_from(*number)?),
                _ => return Err(format!("a number cannot be sent as {kind}").into()),
            },
            Self::Text(text) => out.put_slice(text.as_bytes()),
            Self::Blob(bytes) => out.put_slice(bytes),
        }
        Ok(IsNull::No)
    }

    fn accepts(kind: &Type) -> bool {
        [Type::INT8, Type::INT4, Type::TEXT, Type::BYTEA].contains(kind)
    }

    to_sql_checked!();
}

/// A whole number of whatever width; yes and no are 1 and 0.
struct Whole(i64);

impl<'a> FromSql<'a> for Whole {
    fn from_sql(kind: &Type, raw: &'a [u8]) -> Result<Self, Fault> {
        Ok(Self(match *kind {
            Type::BOOL => i64::from(bool::from_sql(kind, raw)?),
            Type::INT4 => i64::from(i32::from_sql(kind, raw)?),
            _ => i64::from_sql(kind, raw)?,
        }))
    }

    fn accepts(kind: &Type) -> bool {
        [Type::INT8, Type::INT4, Type::BOOL].contains(kind)
    }
}

pub(in crate::store::session) fn int(row: &Row, column: usize) -> Result<Option<i64>, Error> {
    row.try_get::<_, Option<Whole>>(column)
        .map(|found| found.map(|Whole(number)| number))
        .map_err(|_| damaged())
}

pub(in crate::store::session) fn text(row: &Row, column: usize) -> Result<Option<String>, Error> {
    row.try_get(column).map_err(|_| damaged())
}

pub(in crate::store::session) fn blob(row: &Row, column: usize) -> Result<Option<Vec<u8>>, Error> {
    row.try_get(column).map_err(|_| damaged())
}
