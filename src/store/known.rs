//! What is known of an account's signing requests without asking DocuSign: each one's newest whole object, and where it
//! was told to stand since.

use std::collections::HashMap;

use jiff::Timestamp;

use crate::base::{AccountId, SigningRequestId};
use crate::signing::State;
use crate::signing::change::ENRICHED_TYPE;

use super::feed::signed;
use super::ledger::read_state;
use super::session::{Row, Session, Value};
use super::{Error, Store};

/// A signing request as it is known.
#[derive(Debug, Clone)]
pub struct Known {
    /// Its place among all that are known: those first heard of later have a greater one.
    pub place: u64,
    /// Its id.
    pub id: SigningRequestId,
    /// Where it and its participants were told to stand.
    pub state: State,
    /// When something of it was last told.
    pub told_at: Timestamp,
    /// What it is as a whole; none where that was never had.
    pub whole: Option<Whole>,
}

/// The newest whole object of a signing request.
#[derive(Debug, Clone)]
pub struct Whole {
    /// The body of the enriched change.
    pub body: String,
    /// Its sequence.
    pub sequence: u64,
    /// When it was read at DocuSign.
    pub read_at: Timestamp,
    /// When it came to stand where its state says, and when that was told, where it was told after this.
    pub moved: Option<(Timestamp, Timestamp)>,
}

/// Which signing requests to read.
#[derive(Debug, Clone)]
pub struct KnownQuery {
    /// The account.
    pub account: AccountId,
    /// Those after this place; before it where `back`.
    pub from: u64,
    /// Whether to read towards the first, the nearest to `from` first.
    pub back: bool,
    /// At most so many.
    pub limit: usize,
}

/// A row of `subjects`, as of its newest delivery.
struct Subject {
    reference: i64,
    id: String,
    state: State,
    last_delivery: i64,
    told_at: Timestamp,
}

fn read_subject(row: &Row<'_>) -> Result<Subject, Error> {
    Ok(Subject {
        reference: row.int(0)?,
        id: row.text(1)?,
        state: read_state(&row.text(2)?)?,
        last_delivery: row.int(3)?,
        told_at: row.time(4)?,
    })
}

fn list(session: &Session, query: &KnownQuery) -> Result<Vec<Known>, Error> {
    // First: what is brought to its row in between is found there, and is the newer one.
    let late = late(session)?;
    let from = signed(query.from);
    let arguments: [Value<'_>; 3] =
        [query.account.as_str().into(), from.into(), signed(query.limit as u64).into()];
    let subjects = if query.back {
        session.rows(
            "SELECT ref, id, state, last_delivery, updated_at FROM subjects \
             WHERE account = ?1 AND ref < ?2 AND kind = 'signing_request' ORDER BY ref DESC LIMIT ?3",
            &arguments,
            read_subject,
        )?
    } else {
        session.rows(
            "SELECT ref, id, state, last_delivery, updated_at FROM subjects \
             WHERE account = ?1 AND ref > ?2 AND kind = 'signing_request' ORDER BY ref LIMIT ?3",
            &arguments,
            read_subject,
        )?
    };
    with_wholes(session, subjects, &late)
}

fn one(session: &Session, account: &AccountId, id: &SigningRequestId) -> Result<Option<Known>, Error> {
    let late = late(session)?;
    let subject = session.row(
        "SELECT ref, id, state, last_delivery, updated_at FROM subjects \
         WHERE id = ?1 AND kind = 'signing_request' AND account = ?2",
        &[id.as_str().into(), account.as_str().into()],
        read_subject,
    )?;
    Ok(with_wholes(session, subject.into_iter().collect(), &late)?.pop())
}

/// States that are not in their rows yet: the newest of each subject. Read as a whole, for the view `standing` would
/// look through it for each row; it holds some thousands at most.
fn late(session: &Session) -> Result<HashMap<i64, (i64, State, Timestamp)>, Error> {
    if session.is_shared() {
        return Ok(HashMap::new());
    }
    let rows =
        session.rows("SELECT ref, last_delivery, state, updated_at FROM late ORDER BY n", &[], |row| {
            Ok((row.int(0)?, row.int(1)?, row.text(2)?, row.time(3)?))
        })?;
    let newest: HashMap<i64, _> =
        rows.into_iter().map(|(reference, delivery, state, at)| (reference, (delivery, state, at))).collect();
    let read = |(reference, (delivery, state, at)): (i64, (i64, String, Timestamp))| -> Result<_, Error> {
        Ok((reference, (delivery, read_state(&state)?, at)))
    };
    newest.into_iter().map(read).collect()
}

fn with_wholes(
    session: &Session,
    mut subjects: Vec<Subject>,
    late: &HashMap<i64, (i64, State, Timestamp)>,
) -> Result<Vec<Known>, Error> {
    for subject in &mut subjects {
        if let Some((delivery, state, told_at)) = late.get(&subject.reference)
            && (*delivery, *told_at) >= (subject.last_delivery, subject.told_at)
        {
            (subject.state, subject.told_at) = (state.clone(), *told_at);
        }
    }
    // A quote within a text is escaped, so that this is the field and nothing else.
    let whole = "SELECT body, sequence, received_at FROM changes WHERE subject_ref = ?1 AND event_type = ?2 \
                 AND body LIKE '%\"error\":null%' ORDER BY sequence DESC LIMIT 1";
    let arguments: Vec<_> =
        subjects.iter().map(|one| vec![one.reference.into(), ENRICHED_TYPE.into()]).collect();
    let wholes = session.row_each(whole, &arguments, |row| {
        Ok(Whole { body: row.text(0)?, sequence: row.count(1)?, read_at: row.time(2)?, moved: None })
    })?;
    let moved = "SELECT occurred_at, received_at FROM changes WHERE subject_ref = ?1 AND sequence > ?2 AND what = ?3 \
                 AND routing_key LIKE 'signing_request.%' ORDER BY sequence DESC LIMIT 1";
    let arguments: Vec<Vec<Value<'_>>> = subjects
        .iter()
        .zip(&wholes)
        .map(|(one, whole)| {
            let after = whole.as_ref().map_or(u64::MAX, |whole| whole.sequence);
            vec![
                one.reference.into(),
                signed(after).into(),
                one.state.status().map(|status| status.id()).into(),
            ]
        })
        .collect();
    let moved = session.row_each(moved, &arguments, |row| Ok((row.time(0)?, row.time(1)?)))?;
    let known = subjects.into_iter().zip(wholes).zip(moved).map(|((subject, whole), moved)| Known {
        place: u64::try_from(subject.reference).unwrap_or_default(),
        id: SigningRequestId::new(&subject.id),
        state: subject.state,
        told_at: subject.told_at,
        whole: whole.map(|whole| Whole { moved, ..whole }),
    });
    Ok(known.collect())
}

impl Store {
    /// An account's signing requests in the order in which they were first heard of.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn known(&self, query: KnownQuery) -> Result<Vec<Known>, Error> {
        self.readers.read(move |session| list(session, &query)).await
    }

    /// One of an account's signing requests.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn known_one(
        &self,
        account: &AccountId,
        id: &SigningRequestId,
    ) -> Result<Option<Known>, Error> {
        let (account, id) = (account.clone(), id.clone());
        self.readers.read(move |session| one(session, &account, &id)).await
    }
}
