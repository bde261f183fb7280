//! `signing_request_statuses`: where a signing request can stand; the same for all accounts, so that no call is made.

use futures_util::FutureExt as _;
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::catalog::{Act, Method, Resource, Takes};
use super::walk::{self, Row, Whole};
use super::{Asked, Error, Item, Page, Place};
use crate::signing::SigningRequestStatus as Status;

/// All about the resource.
pub(super) const RESOURCE: Resource = Resource {
    name: "signing_request_statuses",
    schema: "UnifiedSigningRequestStatus",
    methods: &[Method {
        act: Act::List(|_, asked, place| list(asked, place).boxed()),
        about: "Lists where a signing request can stand",
        calls: &[],
        parameters: &[],
        body: Takes::Nothing,
    }],
};

/// Where a signing request can stand.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = UnifiedSigningRequestStatus)]
pub struct SigningRequestStatus {
    /// The word.
    id: String,
    /// The name for people.
    name: String,
}

async fn list(asked: &Asked, place: Place) -> Result<Page, Error> {
    let rows = Whole { rows: statuses()?, base: String::new() };
    walk::page(&rows, place, asked.limit, unified).await
}

/// Those that DocuSign lets lists be filtered by: deleted ones are in its recycle bin.
fn statuses() -> Result<Vec<Row>, Error> {
    let listed = Status::ALL.iter().filter(|status| **status != Status::Deleted);
    let row = |status: &Status| {
        let json = RawValue::from_string(format!("{:?}", status.id()));
        json.map(|json| Row { id: status.id().to_owned(), json })
    };
    let rows: Result<_, _> = listed.map(row).collect();
    rows.map_err(|_| Error::Unknown("status"))
}

fn unified(row: &Row, _: &str) -> Option<Item> {
    let status = Status::from_id(&row.id)?;
    let view = SigningRequestStatus { id: status.id().to_owned(), name: status.name().to_owned() };
    Some(Item::new(&view, None))
}
