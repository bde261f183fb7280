//! Brings a database to the present shape, one numbered step after another.

use super::Error;
use super::session::Session;

/// The steps; a step that was released is never changed.
const STEPS: [&str; 2] =
    [include_str!("migrations/sqlite/0001_line.sql"), include_str!("migrations/sqlite/0002_books.sql")];

/// Runs the steps that are missing, each in a transaction of its own.
pub(super) fn migrate(session: &Session) -> Result<(), Error> {
    session.batch("CREATE TABLE IF NOT EXISTS migrations (step INTEGER PRIMARY KEY)")?;
    let last =
        session.row("SELECT coalesce(max(step), 0) FROM migrations", &[], |row| row.count(0))?.unwrap_or(0);
    let last = usize::try_from(last).unwrap_or(usize::MAX);
    if last > STEPS.len() {
        return Err(Error::Unavailable(format!(
            "it was written by a newer version (step {last}, this one knows {}): run that version, or restore a backup",
            STEPS.len()
        )));
    }
    for (index, step) in STEPS.iter().enumerate().skip(last) {
        session.begin()?;
        session.batch(step)?;
        session.execute("INSERT INTO migrations VALUES (?1)", &[(index as i64 + 1).into()])?;
        session.commit()?;
    }
    Ok(())
}
