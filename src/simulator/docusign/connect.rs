//! Connect over REST: the account's configurations, and having messages published again.

use std::collections::{HashMap, VecDeque};

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::base::limits;
use crate::simulator::life::Step;

use super::envelopes::account;
use super::errors::{Answer, ApiError};
use super::{Shared, lock};

/// What Connect remembers: each account's configurations, and what it never sent.
#[derive(Debug, Default)]
pub(super) struct Connect {
    configurations: HashMap<Uuid, Vec<Map<String, Value>>>,
    last_id: u64,
    unsent: VecDeque<Step>,
}

impl Connect {
    /// Keeps a step whose message was dropped, until somebody asks for it; the oldest are forgotten.
    pub(super) fn drop_step(&mut self, step: Step) {
        self.unsent.push_back(step);
        while self.unsent.len() > limits::SIMULATOR_UNSENT_MAX {
            self.unsent.pop_front();
        }
    }

    /// What was never sent of some envelopes, in the order in which it happened.
    fn take_unsent(&mut self, account: Uuid, envelopes: &[Uuid]) -> Vec<Step> {
        let wanted = |step: &Step| {
            let envelope = step.subject.envelope();
            envelope.is_some_and(|one| one.account.id == account && envelopes.contains(&one.id))
        };
        let (taken, left): (Vec<_>, Vec<_>) = self.unsent.drain(..).partition(wanted);
        self.unsent = left.into();
        taken
    }
}

fn no_such_configuration() -> ApiError {
    let message = "The Connect configuration specified does not exist.";
    ApiError::new(StatusCode::NOT_FOUND, "CONNECT_CONFIGURATION_NOT_FOUND", message)
}

/// What a new configuration has where it says nothing: DocuSign's defaults, which send nothing.
fn defaults() -> Map<String, Value> {
    let all = json!({
        "configurationType": "custom", "allowEnvelopePublish": "false", "allUsers": "false",
        "deliveryMode": "SIM", "includeHMAC": "false", "integratorManaged": "false",
        "requiresAcknowledgement": "false", "enableLog": "true", "pausePublish": "false",
        "events": [], "envelopeEvents": [], "recipientEvents": [], "userIds": [],
        "eventData": {"version": "legacy", "includeData": []},
    });
    all.as_object().cloned().unwrap_or_default()
}

fn body_of(body: &Bytes) -> Result<Map<String, Value>, ApiError> {
    serde_json::from_slice(body).map_err(ApiError::invalid_body)
}

/// `GET …/connect`.
pub(super) async fn list(path: web::Path<String>, shared: web::Data<Shared>) -> Answer {
    let account = account(&shared, &path)?;
    let all = lock(&shared.connect).configurations.get(&account).cloned().unwrap_or_default();
    Ok(HttpResponse::Ok().json(json!({"totalRecords": all.len().to_string(), "configurations": all})))
}

/// `POST …/connect`.
pub(super) async fn create(path: web::Path<String>, body: Bytes, shared: web::Data<Shared>) -> Answer {
    let account = account(&shared, &path)?;
    let mut configuration = defaults();
    configuration.extend(body_of(&body)?);
    let address = configuration.get("urlToPublishTo").and_then(Value::as_str).unwrap_or_default();
    if address.is_empty() {
        return Err(ApiError::invalid("'urlToPublishTo' is required."));
    }
    let mut connect = lock(&shared.connect);
    connect.last_id += 1;
    configuration.insert("connectId".into(), json!((10_363_000 + connect.last_id).to_string()));
    let all = connect.configurations.entry(account).or_default();
    if all.len() >= limits::SIMULATOR_CONFIGURATIONS_MAX {
        return Err(ApiError::invalid("There are too many configurations."));
    }
    all.push(configuration.clone());
    Ok(HttpResponse::Created().json(configuration))
}

/// `PUT …/connect`: what the body says, in the configuration that it names.
pub(super) async fn update(path: web::Path<String>, body: Bytes, shared: web::Data<Shared>) -> Answer {
    let account = account(&shared, &path)?;
    let said = body_of(&body)?;
    let mut connect = lock(&shared.connect);
    let all = connect.configurations.entry(account).or_default();
    let named = all.iter_mut().find(|one| one.get("connectId") == said.get("connectId"));
    let configuration = named.ok_or_else(no_such_configuration)?;
    // Once it may publish again, it is not disabled any more.
    if said.get("allowEnvelopePublish") == Some(&json!("true")) {
        configuration.remove("disabledBy");
    }
    configuration.extend(said);
    Ok(HttpResponse::Ok().json(&*configuration))
}

/// `GET …/connect/{id}`.
pub(super) async fn get(path: web::Path<(String, String)>, shared: web::Data<Shared>) -> Answer {
    let account = account(&shared, &path.0)?;
    let connect = lock(&shared.connect);
    let all = connect.configurations.get(&account).map(Vec::as_slice).unwrap_or_default();
    let found = all.iter().find(|one| one.get("connectId") == Some(&json!(path.1)));
    Ok(HttpResponse::Ok().json(json!({
        "totalRecords": "1", "configurations": [found.ok_or_else(no_such_configuration)?],
    })))
}

/// `DELETE …/connect/{id}`.
pub(super) async fn delete(path: web::Path<(String, String)>, shared: web::Data<Shared>) -> Answer {
    let account = account(&shared, &path.0)?;
    let mut connect = lock(&shared.connect);
    let all = connect.configurations.entry(account).or_default();
    let before = all.len();
    all.retain(|one| one.get("connectId") != Some(&json!(path.1)));
    if all.len() == before { Err(no_such_configuration()) } else { Ok(HttpResponse::Ok().finish()) }
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Retry {
    envelope_ids: Vec<String>,
    synchronous: Option<Value>,
}

/// `PUT …/connect/envelopes/retry_queue`.
pub(super) async fn retry(path: web::Path<String>, body: Bytes, shared: web::Data<Shared>) -> Answer {
    let account = account(&shared, &path)?;
    let retry: Retry = serde_json::from_slice(&body).map_err(ApiError::invalid_body)?;
    if retry.synchronous.is_some_and(|told| told != json!("false")) {
        return Err(ApiError::invalid("'synchronous' must be \"false\"."));
    }
    publish_again(&shared, account, &retry.envelope_ids)
}

/// `PUT …/connect/envelopes/{envelope}/retry_queue`.
pub(super) async fn retry_one(path: web::Path<(String, String)>, shared: web::Data<Shared>) -> Answer {
    let account = account(&shared, &path.0)?;
    publish_again(&shared, account, std::slice::from_ref(&path.1))
}

fn publish_again(shared: &Shared, account: Uuid, envelopes: &[String]) -> Answer {
    let known =
        |id: &String| id.parse().ok().filter(|id| lock(&shared.world).envelope(account, *id).is_some());
    let ids: Vec<Option<Uuid>> = envelopes.iter().map(known).collect();
    let rows: Vec<Value> = envelopes
        .iter()
        .zip(&ids)
        .map(|(envelope, id)| {
            let (status, message) = match id {
                Some(_) => ("queued", ""),
                None => ("failed", "The envelope does not exist."),
            };
            json!({"envelopeId": envelope, "status": status, "statusMessage": message})
        })
        .collect();
    let ids: Vec<Uuid> = ids.into_iter().flatten().collect();
    let steps = lock(&shared.connect).take_unsent(account, &ids);
    shared.tell(steps, None);
    Ok(HttpResponse::Ok().json(json!({"retryQueue": rows})))
}
