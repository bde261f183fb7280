//! `billing`: what an account was charged, at DocuSign its invoices.

use futures_util::FutureExt as _;

use super::told;
use crate::base::limits;
use crate::directory::map_billing;
use crate::docusign::billing::{Account, Invoice, PlanAnswer};
use crate::unify::catalog::{Act, Method, Resource, Takes};
use crate::unify::unifier::{AccountApi, rows};
use crate::unify::walk::{self, Place, Whole};
use crate::unify::{Asked, Error, Item, Page};

/// All about the resource.
pub(in crate::unify) const RESOURCE: Resource = Resource {
    name: "billing",
    schema: "UnifiedBilling",
    methods: &[Method {
        act: Act::List(|api, asked, place| list(api, asked, place).boxed()),
        about: "Lists invoices of the last 365 days, or from `remote_query[from_date]` on, to administrators",
        calls: &["GET /billing_invoices", "GET /billing_plan", "GET /"],
        parameters: &[],
        body: Takes::Nothing,
    }],
};

async fn list(api: &AccountApi<'_>, asked: &Asked, place: Place) -> Result<Page, Error> {
    let invoices = invoices(api).await?;
    let (_, plan) = told::<PlanAnswer>(api, &["billing_plan"], &[]).await?;
    let plan = plan.billing_plan.0.unwrap_or_default();
    let (_, account) = told::<Account>(api, &[], &[]).await?;
    walk::page(&invoices, place, asked.limit, |row, _| {
        let invoice: Invoice = serde_json::from_str(row.json.get()).ok()?;
        Some(Item::new(&map_billing::billing(&invoice, &plan, &account), Some(&row.json)))
    })
    .await
}

/// All invoices: as one answer, or as several that each lead to the next.
async fn invoices(api: &AccountApi<'_>) -> Result<Whole, Error> {
    let mut whole = Whole { rows: Vec::new(), base: String::new() };
    let mut query: Vec<(String, String)> = Vec::new();
    for _ in 0..limits::UNIFY_CALLS_FOR_PAGE_MAX {
        let borrowed: Vec<_> = query.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
        let answer = api.get(&["billing_invoices"], &borrowed).await?;
        let (more, told) = rows(&answer, "billingInvoices", "invoiceId")?;
        whole.rows.extend(more);
        whole.base = answer.base;
        let next = told.next_uri.text().map(further).filter(|next| *next != query);
        let Some(next) = next else { break };
        query = next;
    }
    Ok(whole)
}

/// The parameters of a link to what comes next; its path is not followed.
fn further(link: &str) -> Vec<(String, String)> {
    let query = link.split_once('?').map_or("", |(_, query)| query);
    url::form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_link_to_what_comes_next_the_parameters_alone_are_taken() {
        let link = "https://elsewhere.example/accounts/1/billing_invoices?start_position=50&from_date=2026-01-01T00%3A00";
        let want = [("start_position", "50"), ("from_date", "2026-01-01T00:00")];
        assert_eq!(further(link), want.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert!(further("/accounts/1/billing_invoices").is_empty());
    }
}
