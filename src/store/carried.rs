//! What was told of a signing request since it was last told whole, for a claim that may need no fetch.
//!
//! Read from its newest delivery back along the line, as far as the first that made one of the claim's changes. Its
//! state is read together with the number of that newest delivery, so that none is missing which the state knows of.

use std::collections::HashSet;

use bytes::Bytes;

use crate::base::{DeliveryId, limits};
use crate::signing::change::{ENRICHED_TYPE, told_in_json_by};
use crate::signing::{State, Told};

use super::body::{self, Large};
use super::feed::signed;
use super::ledger::read_state;
use super::session::Session;
use super::{Enrichment, Error, StoredBody};

/// A delivery of the line, without its bytes.
struct Link {
    seq: i64,
    id: DeliveryId,
    bytes: u64,
    /// Whether it came as one of Connect's JSON messages, in time.
    plain: bool,
}

/// What was told since the last enriched change; none where something is past its bound, or is known from elsewhere
/// than a JSON message of Connect's that is kept in the database.
pub(super) fn told(session: &Session, claim: &Enrichment, large: &Large) -> Result<Option<Told>, Error> {
    let Some(mut wanted) = causes(session, claim)? else { return Ok(None) };
    let Some((state, newest)) = standing(session, claim.subject_ref)? else { return Ok(None) };
    let (mut messages, mut bytes) = (Vec::new(), 0);
    for link in line(session, newest)? {
        bytes += link.bytes;
        if !link.plain || bytes > limits::CARRIED_BYTES_MAX {
            return Ok(None);
        }
        let Some(body) = inline(session, &link, large)? else { return Ok(None) };
        messages.push((link.id, body));
        wanted.remove(&link.id);
        if wanted.is_empty() {
            let (account, signing_request) = (claim.account.clone(), claim.signing_request.clone());
            let before = before(session, claim.subject_ref)?;
            return Ok(Some(Told { account, signing_request, state, before, messages }));
        }
    }
    Ok(None)
}

/// The deliveries that made the claim's changes.
fn causes(session: &Session, claim: &Enrichment) -> Result<Option<HashSet<DeliveryId>>, Error> {
    let (Some(first), Some(last)) = (claim.covers.first(), claim.covers.last()) else { return Ok(None) };
    if claim.covers.len() > limits::CARRIED_LOOK_MAX {
        return Ok(None);
    }
    let bodies = session.rows(
        "SELECT body FROM changes WHERE subject_ref = ?1 AND sequence >= ?2 AND sequence <= ?3 AND event_type <> ?4",
        &[
            claim.subject_ref.into(),
            signed(first.sequence).into(),
            signed(last.sequence).into(),
            ENRICHED_TYPE.into(),
        ],
        |row| row.text(0),
    )?;
    let all_there = bodies.len() == claim.covers.len();
    Ok(bodies.iter().map(|body| told_in_json_by(body)).collect::<Option<_>>().filter(|_| all_there))
}

/// Where it stands, and the number of its newest delivery: of one row, and so as of one moment.
fn standing(session: &Session, reference: i64) -> Result<Option<(State, i64)>, Error> {
    let sql = "SELECT state, last_delivery FROM standing WHERE ref = ?1";
    session.row(sql, &[reference.into()], |row| Ok((read_state(&row.text(0)?)?, row.int(1)?)))
}

/// The newest of a line, newest first.
fn line(session: &Session, newest: i64) -> Result<Vec<Link>, Error> {
    session.rows(
        line_of_deliveries!(
            "SELECT d.seq, d.id, d.body_bytes, d.format, d.outcome FROM deliveries d \
             WHERE d.seq IN (SELECT seq FROM line) ORDER BY d.seq DESC"
        ),
        &[newest.into(), signed(limits::CARRIED_LOOK_MAX as u64).into()],
        |row| {
            let json = row.text_maybe(3)?.as_deref() == Some("json");
            let in_time = matches!(row.text(4)?.as_str(), "accepted" | "duplicate");
            let (seq, id) = (row.int(0)?, DeliveryId(row.uuid(1)?));
            Ok(Link { seq, id, bytes: row.count(2)?, plain: json && in_time })
        },
    )
}

/// A delivery's bytes where they are in the database whole.
fn inline(session: &Session, link: &Link, large: &Large) -> Result<Option<Bytes>, Error> {
    let sql = "SELECT encoding, body FROM bodies WHERE seq = ?1";
    let kept = session.row(sql, &[link.seq.into()], |row| Ok((row.int(0)?, row.blob(1)?)))?;
    let Some((encoding, bytes)) = kept.filter(|(encoding, _)| body::is_inline(*encoding)) else {
        return Ok(None);
    };
    Ok(match body::unpack(session, encoding, bytes, large, link.id)? {
        StoredBody::Inline(bytes) => Some(bytes),
        StoredBody::File(_) => None,
    })
}

/// The body of the newest enriched change.
fn before(session: &Session, reference: i64) -> Result<Option<String>, Error> {
    session.row(
        "SELECT body FROM changes WHERE subject_ref = ?1 AND event_type = ?2 ORDER BY sequence DESC LIMIT 1",
        &[reference.into(), ENRICHED_TYPE.into()],
        |row| row.text(0),
    )
}
