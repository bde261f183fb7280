//! Brings a database to the present shape, one numbered step after another.

use super::Error;
use super::session::Session;

/// A step, as each database is told it.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) sqlite: &'static str,
    pub(super) postgres: &'static str,
}

macro_rules! steps {
    ($($name:literal,)*) => {
        &[$(Step {
            sqlite: include_str!(concat!("migrations/sqlite/", $name, ".sql")),
            postgres: include_str!(concat!("migrations/postgres/", $name, ".sql")),
        },)*]
    };
}

/// The steps; a step that was released is never changed.
pub(super) const STEPS: &[Step] = steps![
    "0001_line",
    "0002_nodes",
    "0003_evidence",
    "0004_books",
    "0005_lines",
    "0006_late",
    "0007_accounts",
    "0008_reconcile",
    "0009_tokens",
    "0010_idempotency",
    "0011_known",
];

/// Runs the steps that are missing, each in a transaction of its own. Called by [`Session::migrate`], which keeps
/// other nodes out.
pub(super) fn run(session: &Session, steps: &[Step]) -> Result<(), Error> {
    session.batch("CREATE TABLE IF NOT EXISTS migrations (step BIGINT PRIMARY KEY)")?;
    let last =
        session.row("SELECT coalesce(max(step), 0) FROM migrations", &[], |row| row.count(0))?.unwrap_or(0);
    let last = usize::try_from(last).unwrap_or(usize::MAX);
    if last > steps.len() {
        return Err(Error::Unavailable(format!(
            "it was written by a newer version (step {last}, this one knows {}): run that version, or restore a backup",
            steps.len()
        )));
    }
    for (index, step) in steps.iter().enumerate().skip(last) {
        let number = index + 1;
        let text = session.dialect(step);
        session.batch(&format!("BEGIN; {text}; INSERT INTO migrations VALUES ({number}); COMMIT"))?;
    }
    Ok(())
}
