//! Everything known about one signing request, as one list in the order of time, and what is still to come.

mod milestones;
mod missing;

use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::base::limits;
use crate::store::{self, FeedRow};

use super::caller::Caller;
use super::message::Status;
use super::params::{Params, bad};
use super::{Api, BrokerView, Problem, ProblemBody};

use milestones::Milestone;
use missing::Missing;

/// The timelines of a signing request: one for each account that has it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Timelines {
    /// By account.
    result: Vec<Timeline>,
}

/// What one account knows of a signing request.
#[derive(Debug, Serialize, ToSchema)]
struct Timeline {
    /// The account's id.
    account: String,
    /// The signing request as it stands.
    signing_request: Standing,
    /// Its participants as they stand.
    participants: Vec<ParticipantStanding>,
    /// The fetch that is outstanding.
    #[schema(required = true)]
    enrichment: Option<Outstanding>,
    /// What happened, oldest first: of deliveries and of changes, the newest 1,000 each.
    milestones: Vec<Milestone>,
    /// What should follow and has not yet, or should be there and is not.
    missing: Vec<Missing>,
}

/// A signing request as it stands.
#[derive(Debug, Serialize, ToSchema)]
struct Standing {
    /// Its id.
    id: String,
    /// Its name, where told.
    #[schema(required = true)]
    name: Option<String>,
    /// Null before its first status was told.
    #[schema(required = true)]
    status: Option<Status>,
}

/// A participant as they stand.
#[derive(Debug, Serialize, ToSchema)]
struct ParticipantStanding {
    /// Unique within the signing request.
    id: String,
    /// The name told last.
    #[schema(required = true)]
    name: Option<String>,
    /// Routing order, where told.
    #[schema(required = true)]
    routing_order: Option<u32>,
    /// Null before the first status was told.
    #[schema(required = true)]
    status: Option<Status>,
}

/// A fetch that is outstanding.
#[derive(Debug, Serialize, ToSchema)]
struct Outstanding {
    /// Not before.
    due_at: Timestamp,
    /// Failed attempts so far.
    attempts: u32,
    /// Why the last one failed.
    #[schema(required = true)]
    last_error: Option<String>,
}

/// What a timeline reads back from a message. Everything may be absent: other versions wrote other messages.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Told {
    received_at: Option<Timestamp>,
    verdict: Option<String>,
    cause: ToldCause,
    participant: Option<ToldPerson>,
    signing_request: Option<ToldRequest>,
    covers: Vec<ToldCover>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ToldCause {
    delivery_id: Option<Uuid>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ToldRequest {
    name: Option<String>,
    participants: Vec<ToldPerson>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ToldPerson {
    id: Option<String>,
    name: Option<String>,
    routing_order: Option<u32>,
    status: Option<Status>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ToldCover {
    sequence: u64,
}

/// Shows the life of a signing request
///
/// Where it and its participants stand, its deliveries and changes as one list of milestones (received, verified,
/// stored, published, enriched, each with its time), and what is still missing, with the reason.
#[utoipa::path(
    get, path = "/v1/signing-requests/{id}/timeline", tag = "signing requests", operation_id = "getTimeline",
    params(
        ("id" = String, Path, description = "The signing request: the id of DocuSign's envelope"),
        ("account" = Option<String>, Query, description = "Only this account's"),
    ),
    responses(
        (status = 200, description = "Its timelines, by account", body = Timelines),
        (status = "4XX", description = "Not let in, or not found", body = ProblemBody),
        (status = "5XX", description = "Try again later", body = ProblemBody),
    ),
)]
pub(super) async fn show(
    caller: Caller,
    id: Path<String>,
    request: HttpRequest,
    api: Data<Api>,
) -> Result<HttpResponse, Problem> {
    let account = Params::read(&request, &["account"])?.account()?;
    if id.len() > limits::WORD_BYTES_MAX {
        return Err(bad("id", format!("is longer than {} bytes", limits::WORD_BYTES_MAX)));
    }
    account.as_ref().map_or(Ok(()), |account| caller.require_account(account))?;
    let mut found = api.store.timelines(&id).await?;
    found.retain(|timeline| caller.may_use(&timeline.account));
    found.retain(|timeline| account.as_ref().is_none_or(|account| timeline.account == *account));
    if found.is_empty() {
        return Err(Problem::SigningRequestUnknown);
    }
    let broker = (api.broker)();
    let result = found.into_iter().map(|timeline| Timeline::new(timeline, &broker)).collect();
    Ok(HttpResponse::Ok().json(Timelines { result }))
}

impl Timeline {
    fn new(timeline: store::Timeline, broker: &BrokerView) -> Self {
        let changes: Vec<(FeedRow, Told)> = timeline
            .changes
            .into_iter()
            .map(|row| {
                let told = serde_json::from_str(&row.entry.body).unwrap_or_default();
                (row, told)
            })
            .collect();
        let told_name =
            || changes.iter().rev().find_map(|(_, told)| told.signing_request.as_ref()?.name.clone());
        let status = timeline.state.status();
        let stored = milestones::stored(&timeline.deliveries, &changes);
        let missing =
            missing::missing(&timeline.state, &changes, &stored, timeline.enrichment.as_ref(), broker);
        Self {
            account: timeline.account.as_str().to_owned(),
            signing_request: Standing {
                id: timeline.signing_request.as_str().to_owned(),
                name: timeline.state.name().map(str::to_owned).or_else(told_name),
                status: status.map(|s| Status { id: s.id().to_owned(), name: s.name().to_owned() }),
            },
            participants: participants(&timeline.state, &changes),
            enrichment: timeline.enrichment.map(|(due_at, attempts, last_error)| Outstanding {
                due_at,
                attempts,
                last_error,
            }),
            milestones: milestones::milestones(timeline.deliveries, changes, &stored),
            missing,
        }
    }
}

/// The participants that deliveries told of, and those that only a fetch did.
fn participants(state: &crate::signing::State, changes: &[(FeedRow, Told)]) -> Vec<ParticipantStanding> {
    let fetched = changes.iter().rev().find_map(|(_, told)| {
        told.signing_request.as_ref().map(|r| &r.participants).filter(|people| !people.is_empty())
    });
    let fetched = fetched.map(Vec::as_slice).unwrap_or_default();
    let named = changes.iter().rev().filter_map(|(_, told)| told.participant.as_ref());
    let people: Vec<&ToldPerson> = named.chain(fetched).collect();
    let is = |person: &ToldPerson, id: &str| person.id.as_deref().is_some_and(|p| p.eq_ignore_ascii_case(id));
    let mut standing: Vec<ParticipantStanding> = state
        .participants()
        .map(|(id, status)| {
            let told = || people.iter().filter(|person| is(person, id.as_str()));
            ParticipantStanding {
                id: id.as_str().to_owned(),
                name: told().find_map(|person| person.name.clone()),
                routing_order: told().find_map(|person| person.routing_order),
                status: status.map(|s| Status { id: s.id().to_owned(), name: s.name().to_owned() }),
            }
        })
        .collect();
    // Legacy XML tells other ids than REST does: where none of them meet, these would be the same people again.
    let known = |person: &ToldPerson| standing.iter().any(|known| is(person, &known.id));
    if standing.is_empty() || fetched.iter().any(known) {
        let more: Vec<_> = fetched.iter().filter(|person| !known(person)).collect();
        standing.extend(more.into_iter().filter_map(|person| {
            Some(ParticipantStanding {
                id: person.id.clone()?,
                name: person.name.clone(),
                routing_order: person.routing_order,
                status: person.status.clone(),
            })
        }));
    }
    standing.sort_by(|a, b| {
        let order = |p: &ParticipantStanding| p.routing_order.unwrap_or(u32::MAX);
        order(a).cmp(&order(b)).then_with(|| a.id.len().cmp(&b.id.len())).then_with(|| a.id.cmp(&b.id))
    });
    standing
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use serde_json::{Value, json};

    use super::*;
    use crate::base::{AccountId, SigningRequestId};
    use crate::signing::State;
    use crate::signing::change::ENRICHED_TYPE;
    use crate::web::bench::{Bench, now};

    fn row(position: u64, published: bool, event_type: &str, body: &Value) -> FeedRow {
        let mut row = Bench::row(position);
        row.published = published;
        row.published_at = (position == 3).then(|| now() + SignedDuration::from_millis(1_250));
        row.entry.event_type = event_type.into();
        row.entry.body = body.to_string();
        row
    }

    fn shown(state: Value, changes: Vec<FeedRow>) -> Value {
        let state: State = serde_json::from_value(state).unwrap();
        let (account, signing_request) = (AccountId::new("a"), SigningRequestId::new("r"));
        let timeline = store::Timeline {
            account,
            signing_request,
            state,
            deliveries: Vec::new(),
            changes,
            enrichment: None,
        };
        serde_json::to_value(Timeline::new(timeline, &BrokerView::default())).unwrap()
    }

    fn fetched(people: Value) -> FeedRow {
        row(
            9,
            false,
            ENRICHED_TYPE,
            &json!({"received_at": now(), "signing_request": {"participants": people}}),
        )
    }

    #[test]
    fn a_published_change_has_a_milestone_after_it_was_stored() {
        let told = json!({"received_at": now(), "verdict": "advance"});
        let changes =
            vec![row(1, true, "x", &told), row(2, false, "x", &told), row(3, true, ENRICHED_TYPE, &told)];
        let timeline = shown(json!({"n": 3, "s": 0}), changes);
        let miles: Vec<String> = timeline["milestones"]
            .as_array()
            .unwrap()
            .iter()
            .map(|m| {
                format!(
                    "{} {}",
                    m["milestone"].as_str().unwrap(),
                    m["change"]["position"].as_u64().or(m["position"].as_u64()).unwrap()
                )
            })
            .collect();
        assert_eq!(miles, ["stored 1", "stored 2", "enriched 3", "published 1", "published 3"]);
        assert_eq!(timeline["milestones"][3]["at"], Value::Null, "an older version did not write it down");
        assert_eq!(timeline["milestones"][4]["at"], "2026-11-23T10:00:01.25Z");
        assert_eq!(timeline["milestones"][4]["took_ms"], 1_250);
    }

    #[test]
    fn a_message_that_cannot_be_read_back_leaves_its_milestone() {
        let mut damaged = row(1, false, "x", &Value::Null);
        damaged.entry.body = "{".into();
        let timeline = shown(json!({"n": 1, "s": 0}), vec![damaged]);
        assert_eq!(timeline["milestones"][0]["at"], now().to_string(), "when it happened stands in");
    }

    #[test]
    fn participants_that_only_a_fetch_told_of_join_those_that_deliveries_told_of() {
        let state = json!({"n": 1, "s": 2, "p": {"2": {"s": 2}}});
        let people = json!([
            {"id": "1", "name": "One", "routing_order": 1, "status": {"id": "completed", "name": "Completed"}},
            {"id": "2", "name": "Two", "routing_order": 2, "status": {"id": "completed", "name": "Completed"}},
        ]);
        let timeline = shown(state, vec![fetched(people)]);
        let people: Vec<_> = timeline["participants"]
            .as_array()
            .unwrap()
            .iter()
            .map(|p| (&p["name"], &p["status"]["id"]))
            .collect();
        assert_eq!(
            people,
            [(&json!("One"), &json!("completed")), (&json!("Two"), &json!("sent"))],
            "ours wins"
        );
    }

    #[test]
    fn participants_under_other_ids_are_not_shown_twice() {
        let state = json!({"n": 1, "s": 2, "p": {"guid-of-one": {"s": 2}}});
        let timeline = shown(state, vec![fetched(json!([{"id": "1", "name": "One"}]))]);
        assert_eq!(timeline["participants"].as_array().map(Vec::len), Some(1), "{timeline}");
    }
}
