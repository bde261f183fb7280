//! `licenses`: what users need to work, at DocuSign the account's plan.

use futures_util::FutureExt as _;
use serde_json::value::RawValue;

use super::{together, told};
use crate::directory::map_billing;
use crate::docusign::billing::{Account, PlanAnswer};
use crate::rest;
use crate::unify::catalog::{Act, Method, Resource, Takes};
use crate::unify::unifier::AccountApi;
use crate::unify::walk::{self, Place, Row, Whole};
use crate::unify::{Asked, Error, Item, Page};

/// All about the resource.
pub(in crate::unify) const RESOURCE: Resource = Resource {
    name: "licenses",
    schema: "UnifiedLicense",
    methods: &[Method {
        act: Act::List(|api, asked, place| list(api, asked, place).boxed()),
        about: "Lists licenses: the account's plan, with its price where the account's user is an administrator",
        calls: &["GET /", "GET /billing_plan"],
        parameters: &[],
        body: Takes::Nothing,
    }],
};

async fn list(api: &AccountApi<'_>, asked: &Asked, place: Place) -> Result<Page, Error> {
    let (account_told, account) = told::<Account>(api, &[], &[]).await?;
    let (plan_told, plan) = match told::<PlanAnswer>(api, &["billing_plan"], &[]).await {
        Ok((told, answer)) => (Some(told), answer.billing_plan.0),
        // Others than administrators see all but the price.
        Err(Error::Remote(rest::Error::Forbidden(_))) => (None, None),
        Err(error) => return Err(error),
    };
    let license = map_billing::license(&account, plan.as_ref());
    let parts: [(&str, Option<&RawValue>); 2] =
        [("account", Some(&account_told)), ("billing_plan", plan_told.as_deref())];
    let json = together(&parts).unwrap_or(account_told.clone());
    let rows =
        Whole { rows: vec![Row { id: license.id.clone().unwrap_or_default(), json }], base: String::new() };
    walk::page(&rows, place, asked.limit, |row, _| Some(Item::new(&license, Some(&row.json)))).await
}
