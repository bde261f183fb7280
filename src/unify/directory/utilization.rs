//! `utilization`: reports on how much of what is paid for is used.

use futures_util::FutureExt as _;

use super::{together, told, users};
use crate::base::limits;
use crate::directory::{Report, Utilization, map_utilization};
use crate::docusign;
use crate::docusign::billing::{Account, ChargesAnswer};
use crate::unify::catalog::{Act, Method, Resource, Takes, required};
use crate::unify::unifier::AccountApi;
use crate::unify::walk::{self, Place};
use crate::unify::{Asked, Error, Item, Page};

/// All about the resource.
pub(in crate::unify) const RESOURCE: Resource = Resource {
    name: "utilization",
    schema: "UnifiedUtilization",
    methods: &[Method {
        act: Act::List(|api, asked, _| list(api, asked).boxed()),
        about: "Gives a report, as the one object of a list",
        calls: &["GET /", "GET /billing_charges", "GET /users"],
        parameters: &[required(
            "type",
            "What it is about: `actions` that are charged for (to administrators), `licenses`, `packages` (what the plan \
             gives for the billing period), or `user_activity` (last logins)",
        )],
        body: Takes::Nothing,
    }],
};

async fn list(api: &AccountApi<'_>, asked: &Asked) -> Result<Page, Error> {
    let word = asked.required("type")?;
    let report = Report::ALL.into_iter().find(|report| report.id() == word).ok_or_else(|| {
        let valid = Report::ALL.map(Report::id).join(", ");
        Error::Parameter { name: "type".to_owned(), why: format!("must be one of {valid}") }
    })?;
    let (account_told, account) = told::<Account>(api, &[], &[]).await?;
    let mut parts = vec![("account", Some(&*account_told))];
    let charges_told;
    let (report, is_partial): (Utilization, _) = match report {
        Report::Licenses => (map_utilization::licenses(&account), false),
        Report::Packages => (map_utilization::packages(&account), false),
        Report::Actions => {
            let charges;
            (charges_told, charges) = told::<ChargesAnswer>(api, &["billing_charges"], &[]).await?;
            parts.push(("billing_charges", Some(&*charges_told)));
            (map_utilization::actions(&account, &charges.billing_charge_items.0), false)
        }
        // The users are left out of what DocuSign told: they are what `users` lists.
        Report::UserActivity => {
            let (users, is_partial) = all_users(api).await?;
            (map_utilization::user_activity(&account, &users), is_partial)
        }
    };
    let items = vec![Item::new(&report, together(&parts).as_deref())];
    Ok(Page { items, is_partial, ..Page::default() })
}

/// All users, each once though others come meanwhile; and whether there are more than are read for one report.
async fn all_users(api: &AccountApi<'_>) -> Result<(Vec<docusign::users::User>, bool), Error> {
    let listing = users::listing(api, Vec::new());
    let (mut users, mut place) = (Vec::new(), Place::default());
    loop {
        let page = walk::page(&listing, place, limits::UNIFY_PAGE_MAX, |row, _| {
            Some(Item { unified: String::new(), remote: Some(row.json.clone()) })
        })
        .await?;
        let told = page.items.iter().filter_map(|item| item.remote.as_ref());
        users.extend(told.filter_map(|json| serde_json::from_str(json.get()).ok()));
        match page.next {
            Some(_) if users.len() >= limits::UNIFY_ALL_MAX => return Ok((users, true)),
            Some(next) => place = next,
            None => return Ok((users, false)),
        }
    }
}
