//! A signing request as it is known without asking DocuSign: its newest whole object, brought up to what was told since.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use crate::base::ParticipantId;

use super::request::{SigningRequest, Status};
use super::{CarriedBy, ParticipantStatus, SigningRequestStatus, State};

/// Where an object comes from and how old it is, where it comes from the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = UnifiedSource)]
pub struct Source {
    /// Always `store`.
    pub from: &'static str,
    /// When the object was read at DocuSign, or DocuSign made the message that carried it; null where it was never told
    /// whole, and only what Connect told of it is known.
    pub as_of: Option<Timestamp>,
    /// When the status was told, where that was after `as_of`.
    pub status_as_of: Option<Timestamp>,
}

/// What an enriched message tells, as far as it is read back.
#[derive(Deserialize)]
struct Told<'a> {
    #[serde(borrow)]
    signing_request: &'a RawValue,
    #[serde(default)]
    carried_by: Option<CarriedBy>,
}

/// A signing request from the body of its newest enriched message. `moved` is when it came to stand where `state` says and
/// when that was told, where that was after the message. None where the body cannot be read.
pub fn whole(
    body: &str,
    state: &State,
    read_at: Timestamp,
    moved: Option<(Timestamp, Timestamp)>,
) -> Option<Map<String, Value>> {
    let told: Told<'_> = serde_json::from_str(body).ok()?;
    let mut request: Map<String, Value> = serde_json::from_str(told.signing_request.get()).ok()?;
    let known = request["status"]["id"].as_str().and_then(SigningRequestStatus::from_id);
    let newer = state.status().zip(moved).filter(|(status, _)| is_newer(*status, known));
    if let Some((status, (at, _))) = newer {
        request.insert("status".to_owned(), json!(Status::from(status)));
        request.insert("last_activity_at".to_owned(), json!(at));
        let updated = request.get("updated_at").and_then(time).max(Some(at));
        request.insert("updated_at".to_owned(), json!(updated));
    }
    for participant in request.get_mut("participants").and_then(Value::as_array_mut).into_iter().flatten() {
        bring_up(participant, state);
    }
    let status_as_of = newer.map(|(_, (_, told_at))| told_at);
    let source = Source {
        from: "store",
        as_of: Some(told.carried_by.map_or(read_at, |by| by.generated_at)),
        status_as_of,
    };
    request.insert("source".to_owned(), json!(source));
    Some(request)
}

/// A signing request of which nothing but statuses was ever told.
pub fn partial(id: &str, state: &State, told_at: Timestamp) -> Map<String, Value> {
    let request = SigningRequest {
        id: id.to_owned(),
        name: state.name().map(str::to_owned),
        status: state.status().map(Status::from),
        is_partial_response: true,
        source: Some(Source { from: "store", as_of: None, status_as_of: Some(told_at) }),
        ..SigningRequest::default()
    };
    match json!(request) {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

/// Whether a status that was told after an object was read is news to it. DocuSign's own answer may be ahead of what
/// Connect tells: a status before the known one is late, and nothing but being deleted follows an end.
fn is_newer(told: SigningRequestStatus, known: Option<SigningRequestStatus>) -> bool {
    let Some(known) = known else { return true };
    match (told, known) {
        (told, known) if told == known => false,
        (_, SigningRequestStatus::Deleted) => false,
        (SigningRequestStatus::Correct, known) => !known.is_over(),
        (told, SigningRequestStatus::Correct) => told != SigningRequestStatus::Created,
        (told, known) => told.rank() > known.rank(),
    }
}

/// Brings a participant to where it was told to stand since.
fn bring_up(participant: &mut Value, state: &State) {
    let Some(id) = participant["id"].as_str().map(ParticipantId::new) else { return };
    let known = participant["status"]["id"].as_str().and_then(ParticipantStatus::from_id);
    let told = state.participant_status(&id);
    if let Some(told) = told.filter(|told| known.is_none_or(|known| told.rank() > known.rank()))
        && let Some(fields) = participant.as_object_mut()
    {
        fields.insert("status".to_owned(), json!(Status::from(told)));
    }
}

/// A field that is a time.
pub fn time(value: &Value) -> Option<Timestamp> {
    value.as_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use SigningRequestStatus as S;

    use super::*;

    const READ_AT: &str = "2026-11-26T10:00:00Z";

    fn state(bits: &[S], participants: &[(&str, ParticipantStatus)]) -> State {
        let people: Map<_, _> =
            participants.iter().map(|(id, status)| ((*id).to_owned(), json!({"s": status.bit()}))).collect();
        let seen = bits.iter().fold(0, |seen, status| seen | status.bit());
        let ended = bits.iter().find(|status| status.is_final());
        serde_json::from_value(json!({"n": 9, "s": seen, "f": ended, "p": people})).expect("a state")
    }

    fn body(status: &str, participant: &str) -> String {
        json!({"signing_request": {
            "id": "e", "name": "Lease", "status": {"id": status, "name": status}, "updated_at": "2026-11-26T09:00:00Z",
            "participants": [{"id": "1", "status": {"id": participant, "name": ""}}, {"id": "2", "status": null}, {}],
        }})
        .to_string()
    }

    fn known(status: &str, told: S) -> Map<String, Value> {
        let at = |text: &str| text.parse().expect("a time");
        let moved = Some((at("2026-11-26T11:00:00Z"), at("2026-11-26T11:00:01Z")));
        whole(&body(status, "sent"), &state(&[told], &[]), at(READ_AT), moved).expect("an object")
    }

    #[test]
    fn an_object_that_a_message_carried_is_as_old_as_the_message() {
        let mut told: Value = serde_json::from_str(&body("sent", "sent")).expect("JSON");
        let made = "2026-11-26T09:59:58Z";
        told["carried_by"] =
            json!({"delivery_id": "0199f1f0-7f5c-7a4e-9c1d-2f6a7b8c9d0e", "generated_at": made});
        let read_at = READ_AT.parse().expect("a time");
        let request = whole(&told.to_string(), &state(&[S::Sent], &[]), read_at, None).expect("an object");
        assert_eq!(request["source"]["as_of"], made);
    }

    #[test]
    fn a_status_told_since_is_applied_and_one_from_before_is_not() {
        for (known_as, told, want) in [
            ("sent", S::Completed, "completed"),
            ("sent", S::Delivered, "delivered"),
            ("completed", S::Delivered, "completed"),
            ("completed", S::Voided, "completed"),
            ("completed", S::Deleted, "deleted"),
            ("deleted", S::Completed, "deleted"),
            ("completed", S::Correct, "completed"),
            ("unheard_of", S::Sent, "sent"),
        ] {
            let request = known(known_as, told);
            assert_eq!(request["status"]["id"], want, "{known_as} {told:?}");
            assert_eq!(request["source"]["as_of"], READ_AT);
            let moved = want != known_as;
            assert_eq!(request["source"]["status_as_of"].is_string(), moved, "{known_as} {told:?}");
            let updated = if moved { "2026-11-26T11:00:00Z" } else { "2026-11-26T09:00:00Z" };
            assert_eq!(request["updated_at"], updated);
        }
    }

    #[test]
    fn participants_are_brought_to_where_they_were_told_to_stand() {
        use ParticipantStatus as P;
        let state = state(&[S::Sent], &[("1", P::Delivered), ("2", P::Sent), ("3", P::Sent)]);
        let read_at = READ_AT.parse().expect("a time");
        for (told, want) in [("sent", "delivered"), ("completed", "completed")] {
            let request = whole(&body("sent", told), &state, read_at, None).expect("an object");
            let participants = &request["participants"];
            assert_eq!(
                (&participants[0]["status"]["id"], &participants[1]["status"]["id"]),
                (&json!(want), &json!("sent"))
            );
            assert_eq!(request["source"]["status_as_of"], Value::Null);
        }
    }

    #[test]
    fn of_what_was_never_read_as_a_whole_its_status_is_told_and_that_there_is_more() {
        let request = partial("e", &state(&[S::Sent], &[]), READ_AT.parse().expect("a time"));
        assert_eq!((&request["id"], &request["status"]["id"]), (&json!("e"), &json!("sent")));
        assert_eq!(request["is_partial_response"], true);
        assert_eq!(request["source"], json!({"from": "store", "as_of": null, "status_as_of": READ_AT}));
        assert!(whole("{}", &State::default(), READ_AT.parse().expect("a time"), None).is_none());
    }
}
