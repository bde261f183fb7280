//! Folders: those of the system, those that somebody made inside one another, and moving envelopes among them.

use std::collections::HashMap;
use std::sync::Arc;

use actix_web::{HttpResponse, web};
use bytes::Bytes;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::simulator::estate::OwnFolder;
use crate::simulator::life::{Account, Act, Envelope, EnvelopeStatus, Filed};
use crate::simulator::shape::{SystemFolder, lies_in, seven_digits};

use super::body::{items, object, scalar, text};
use super::envelopes::account;
use super::errors::{Answer, ApiError};
use super::page::{FOLDERS, Query, given, page, says};
use super::{Shared, lock};

/// An account's folders and what lies in them.
struct Shelves {
    account: Arc<Account>,
    own: Vec<OwnFolder>,
    lying: HashMap<Uuid, Vec<Arc<Envelope>>>,
    templates: HashMap<Uuid, usize>,
}

impl Shelves {
    fn of(shared: &Shared, named: &str) -> Result<Self, ApiError> {
        let id = account(shared, named)?;
        let world = lock(&shared.world);
        let account = world.account(id).cloned().ok_or_else(ApiError::no_such_account)?;
        let mut lying: HashMap<Uuid, Vec<_>> = HashMap::new();
        for envelope in world.envelopes(id) {
            lying.entry(lies_in(envelope).0).or_default().push(Arc::clone(envelope));
        }
        lying.values_mut().for_each(|list| list.sort_by_key(|e| (e.created_at, e.id)));
        let mut templates: HashMap<Uuid, usize> = HashMap::new();
        let estate = world.estate(id).ok_or_else(ApiError::no_such_account)?;
        for template in &estate.templates {
            *templates.entry(template.folder).or_default() += 1;
        }
        Ok(Self { account, own: estate.folders.clone(), lying, templates })
    }

    fn system(&self) -> impl Iterator<Item = (Uuid, SystemFolder)> {
        SystemFolder::ALL.into_iter().map(|folder| (folder.id(&self.account), folder))
    }

    /// A folder by its GUID, or a system folder by its type.
    fn find(&self, named: &str) -> Option<Uuid> {
        let by_word =
            self.system().find(|(_, folder)| folder.word == named || named == format!("{}s", folder.word));
        let by_id = || {
            let id: Uuid = named.parse().ok()?;
            let known = self.system().any(|(own, _)| own == id) || self.own.iter().any(|own| own.id == id);
            known.then_some(id)
        };
        by_word.map(|(id, _)| id).or_else(by_id)
    }

    fn base(&self, id: Uuid, name: &str, kind: &str) -> Value {
        let sender = &self.account.sender;
        let held = self.lying.get(&id).map_or(0, Vec::len) + self.templates.get(&id).copied().unwrap_or(0);
        json!({
            "name": name, "type": kind, "folderId": id, "uri": format!("/folders/{id}"), "hasAccess": "true",
            "owner": {"userId": sender.user_id, "userName": sender.name, "email": sender.email},
            "itemCount": held.to_string(), "subFolderCount": "0", "hasSubFolders": "false",
        })
    }

    fn system_view(&self, (id, folder): (Uuid, SystemFolder)) -> Value {
        self.base(id, folder.name, folder.word)
    }

    /// A folder with those inside of it.
    fn own_view(&self, folder: &OwnFolder) -> Value {
        let mut view = self.base(folder.id, &folder.name, "normal");
        if let Some(parent) = folder.parent {
            view["parentFolderId"] = json!(parent);
            view["parentFolderUri"] = json!(format!("/folders/{parent}"));
        }
        let inside: Vec<Value> = self
            .own
            .iter()
            .filter(|own| own.parent == Some(folder.id))
            .map(|own| self.own_view(own))
            .collect();
        if !inside.is_empty() {
            view["subFolderCount"] = json!(inside.len().to_string());
            view["hasSubFolders"] = json!("true");
            view["folders"] = json!(inside);
        }
        view
    }

    fn view(&self, id: Uuid) -> Value {
        let own = self.own.iter().find(|own| own.id == id).map(|own| self.own_view(own));
        let system = || self.system().find(|(own, _)| *own == id).map(|found| self.system_view(found));
        own.or_else(system).unwrap_or_default()
    }

    fn with_items(&self, id: Uuid) -> Value {
        let mut view = self.view(id);
        let items = self.lying.get(&id).into_iter().flatten();
        view["folderItems"] = items.map(|envelope| item(envelope)).collect();
        view
    }
}

fn item(envelope: &Envelope) -> Value {
    let sender = &envelope.account.sender;
    let uri = format!("/envelopes/{}", envelope.id);
    let mut item = json!({
        "ownerName": sender.name, "envelopeId": envelope.id, "envelopeUri": uri, "status": envelope.status.word(),
        "senderName": sender.name, "senderEmail": sender.email, "senderUserId": sender.user_id,
        "createdDateTime": seven_digits(envelope.created_at), "subject": envelope.subject,
        "lastModifiedDateTime": seven_digits(envelope.modified_at), "is21CFRPart11": "false",
        "recipientsUri": format!("{uri}/recipients"), "expireDateTime": seven_digits(envelope.expires_at),
    });
    for (name, at) in [("sentDateTime", envelope.sent_at), ("completedDateTime", envelope.completed_at)] {
        if let Some(at) = at {
            item[name] = json!(seven_digits(at));
        }
    }
    item
}

/// `GET …/folders`: those on the outside, with those inside of them.
pub(super) async fn list(
    path: web::Path<String>,
    query: web::Query<Query>,
    shared: web::Data<Shared>,
) -> Answer {
    let shelves = Shelves::of(&shared, &path)?;
    let include = given(&query, "include").unwrap_or("envelope_folders");
    let wanted = |word: &str| include.split(',').any(|own| own.trim() == word);
    let (envelopes, templates) = (wanted("envelope_folders"), wanted("template_folders"));
    let own = shelves.own.iter().filter(|folder| folder.parent.is_none());
    let own = own.filter(|folder| if folder.of_templates { templates } else { envelopes });
    let system = shelves.system().filter(|_| envelopes).map(|(id, _)| id);
    let outside: Vec<Uuid> = system.chain(own.map(|folder| folder.id)).collect();
    let items = says(&query, "include_items");
    let view = |id| if items { shelves.with_items(id) } else { shelves.view(id) };
    let page = page((shelves.account.id, "/folders"), &query, FOLDERS, ("folders", outside), view)?;
    Ok(HttpResponse::Ok().json(page))
}

fn no_such_folder() -> ApiError {
    ApiError::bad("INVALID_FOLDER_ID", "The folder ID is not valid or the folder was not found.")
}

/// `GET …/folders/{folder}`: one, by its id or the word of a system folder.
pub(super) async fn get(
    path: web::Path<(String, String)>,
    query: web::Query<Query>,
    shared: web::Data<Shared>,
) -> Answer {
    let shelves = Shelves::of(&shared, &path.0)?;
    let id = shelves.find(&path.1).ok_or_else(no_such_folder)?;
    let view = if says(&query, "include_items") { shelves.with_items(id) } else { shelves.view(id) };
    Ok(HttpResponse::Ok().json(json!({
        "resultSetSize": "1", "startPosition": "0", "endPosition": "0", "totalSetSize": "1", "folders": [view],
    })))
}

/// `PUT …/folders/{folder}`: moves envelopes. What is thrown into the bin is deleted, after being voided where it was
/// under way. Each envelope's own error stands in the answer, which is a 200.
pub(super) async fn put(path: web::Path<(String, String)>, body: Bytes, shared: web::Data<Shared>) -> Answer {
    let shelves = Shelves::of(&shared, &path.0)?;
    let asked = object(&body)?;
    let Some(to) = shelves.find(&path.1) else {
        let errors = no_such_folder().details();
        return Ok(
            HttpResponse::Ok().json(json!({"folders": [{"folderId": path.1, "errorDetails": errors}]}))
        );
    };
    let from = text(&asked, "fromFolderId").map(|named| shelves.find(&named));
    let moved: Vec<Value> = items(&asked, &["envelopeIds"])
        .iter()
        .map(|id| {
            let id = scalar(id).unwrap_or_default();
            match shift(&shared, &shelves, &id, (from, to)) {
                Ok(view) => view,
                Err(error) => json!({"envelopeId": id, "errorDetails": error.details()}),
            }
        })
        .collect();
    let folder = Shelves::of(&shared, &path.0)?.view(to);
    Ok(HttpResponse::Ok().json(json!({"envelopes": moved, "folders": [folder]})))
}

fn shift(
    shared: &Shared,
    shelves: &Shelves,
    id: &str,
    (from, to): (Option<Option<Uuid>>, Uuid),
) -> Result<Value, ApiError> {
    let account = shelves.account.id;
    let known = |id: &str| lock(&shared.world).envelope(account, id.parse().ok()?);
    let mut envelope = known(id).map(Arc::unwrap_or_clone).ok_or_else(ApiError::no_such_envelope)?;
    if from.is_some_and(|from| from != Some(lies_in(&envelope).0)) {
        return Err(ApiError::bad("ENVELOPE_NOT_IN_FOLDER", "The envelope is not in the folder specified."));
    }
    let system = shelves.system().find(|(own, _)| *own == to).map(|(_, folder)| folder);
    let mut acts = Vec::new();
    match system {
        Some(SystemFolder::RECYCLE_BIN) => {
            if envelope.status.in_flight() {
                acts.push(Act::Void("Moved to the recycle bin".to_owned()));
            }
            let draft = envelope.status == EnvelopeStatus::Created;
            acts.push(if draft { Act::Discard } else { Act::Delete });
        }
        Some(_) => envelope.filed = None,
        None => {
            let name = shelves.own.iter().find(|own| own.id == to).map(|own| own.name.clone());
            envelope.filed = Some(Filed { id: to, name: name.unwrap_or_default() });
        }
    }
    shared.perform(&mut envelope, &acts);
    Ok(json!({
        "envelopeId": envelope.id, "status": envelope.status.word(), "uri": format!("/envelopes/{}", envelope.id),
        "statusDateTime": seven_digits(envelope.status_changed_at),
    }))
}
