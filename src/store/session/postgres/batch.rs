//! One statement for many: what a statement would be told row by row goes over as arrays, one for each argument.

use bytes::{BufMut as _, BytesMut};
use tokio_postgres::types::{IsNull, Kind, ToSql, Type, to_sql_checked};

use super::value::{Fault, Owned};

/// The statement that does for many rows what `sql` does for one; none where it cannot be put so. `kinds` are those of
/// its arguments.
pub(super) fn for_many(sql: &str, kinds: &[Type]) -> Option<String> {
    let arrays: Vec<String> =
        kinds.iter().zip(1..).map(|(kind, n)| format!("${n}::{}[]", kind.name())).collect();
    let (arrays, count) = (arrays.join(", "), kinds.len());
    if sql.starts_with("INSERT ") {
        let (head, values) = sql.split_once(" VALUES (")?;
        let each: Vec<String> = (1..=count).map(|n| format!("?{n}")).collect();
        return (values.strip_suffix(')')? == each.join(", "))
            .then(|| format!("{head} SELECT * FROM unnest({arrays})"));
    }
    let columns: Vec<String> = (1..=count).map(|n| format!("c{n}")).collect();
    let columns = columns.join(", ");
    if sql.starts_with("UPDATE ") {
        let (change, key) = sql.split_once(" WHERE ")?;
        // By its key alone, so that no row is changed twice where no key is told twice.
        key.strip_suffix(" = ?1").filter(|key| !key.contains(' '))?;
        let (change, key) = (of_row(change, count), of_row(key, count));
        return Some(format!("{change} FROM unnest({arrays}) AS n ({columns}) WHERE {key}"));
    }
    let query = of_row(sql, count);
    sql.starts_with("SELECT ").then(|| {
        format!(
            "SELECT q.*, n.place FROM unnest({arrays}) WITH ORDINALITY AS n ({columns}, place) \
             CROSS JOIN LATERAL ({query}) AS q ORDER BY n.place"
        )
    })
}

/// `?1` as the first column of the present row.
fn of_row(sql: &str, count: usize) -> String {
    // From the last, so that the first is not found in the tenth.
    (1..=count).rev().fold(sql.to_owned(), |sql, n| sql.replace(&format!("?{n}"), &format!("n.c{n}")))
}

/// One argument of many rows, as an array.
#[derive(Debug)]
pub(super) struct Column<'a>(Vec<&'a Owned>);

/// The arguments of many rows, column by column.
pub(super) fn columns<'a>(rows: &[&'a [Owned]]) -> Vec<Column<'a>> {
    let count = rows.first().map_or(0, |row| row.len());
    (0..count).map(|at| Column(rows.iter().map(|row| &row[at]).collect())).collect()
}

impl ToSql for Column<'_> {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Fault> {
        let Kind::Array(member) = kind.kind() else { return Err(format!("{kind} is no array").into()) };
        let nulls = self.0.iter().any(|value| matches!(value, Owned::Null));
        // One dimension, whether there are nulls, of what, how many, and the number of the first.
        out.put_i32(1);
        out.put_i32(nulls.into());
        out.put_u32(member.oid());
        out.put_i32(self.0.len().try_into()?);
        out.put_i32(1);
        for value in &self.0 {
            let at = out.len();
            out.put_i32(-1);
            if matches!(value.to_sql(member, out)?, IsNull::No) {
                let length = i32::try_from(out.len() - at - 4)?;
                out[at..at + 4].copy_from_slice(&length.to_be_bytes());
            }
        }
        Ok(IsNull::No)
    }

    fn accepts(kind: &Type) -> bool {
        matches!(kind.kind(), Kind::Array(member) if Owned::accepts(member))
    }

    to_sql_checked!();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_statements_are_put_for_many_rows_and_others_are_left_alone() {
        let many = |sql| for_many(sql, &[Type::INT8, Type::TEXT]);
        assert_eq!(
            many("INSERT INTO t (a, b) VALUES (?1, ?2)").unwrap(),
            "INSERT INTO t (a, b) SELECT * FROM unnest($1::int8[], $2::text[])"
        );
        assert_eq!(
            many("UPDATE t SET b = ?2 WHERE a = ?1").unwrap(),
            "UPDATE t SET b = n.c2 FROM unnest($1::int8[], $2::text[]) AS n (c1, c2) WHERE a = n.c1"
        );
        assert_eq!(
            many("SELECT c FROM t WHERE a = ?1 AND b = ?2").unwrap(),
            "SELECT q.*, n.place FROM unnest($1::int8[], $2::text[]) WITH ORDINALITY AS n (c1, c2, place) \
             CROSS JOIN LATERAL (SELECT c FROM t WHERE a = n.c1 AND b = n.c2) AS q ORDER BY n.place"
        );
        for sql in [
            "INSERT INTO t (a, b) VALUES (?1, ?2) ON CONFLICT (a) DO NOTHING",
            "INSERT INTO t (a, b) VALUES (?2, ?1)",
            "UPDATE t SET b = b + ?2 WHERE one = 1 AND a = ?1",
            "DELETE FROM t WHERE a = ?1 AND b = ?2",
        ] {
            assert_eq!(many(sql), None, "{sql}");
        }
    }
}
