//! From DocuSign's counts of what is used to reports.

use super::utilization::{Cell, Column, Metadata, Report, Utilization};
use super::{User, map};
use crate::docusign::billing::{Account, Charge};
use crate::docusign::tolerant::Scalar;
use crate::docusign::users;

const PLAN: Column = column("Plan", "The account's plan", "text");

const fn column(label: &'static str, description: &'static str, format: &'static str) -> Column {
    Column { label, description, format }
}

/// What is charged for, and how much of it was used.
pub fn actions(account: &Account, charges: &[Charge]) -> Utilization {
    let columns = vec![
        column("Action", "What was done, in DocuSign's own words", "text"),
        column("Unit", "What is counted", "text"),
        column("Allowed", "How many there may be", "number"),
        column("Included", "How many the plan includes", "number"),
        column("Used", "How many there were", "number"),
        column("Additional", "How many there were beyond those included", "number"),
        column("Unit price", "What one costs", "money"),
    ];
    let row = |charge: &Charge| {
        vec![
            text(&charge.charge_name),
            text(&charge.charge_unit_of_measure),
            count(&charge.allowed_quantity),
            count(&charge.included_quantity),
            count(&charge.used_quantity),
            count(&charge.incremental_quantity),
            text(&charge.unit_price),
        ]
    };
    let rows = charges.iter().map(row).collect();
    report("Actions that are charged for", Report::Actions, account, columns, rows)
}

/// Licenses that users have.
pub fn licenses(account: &Account) -> Utilization {
    let columns = vec![
        PLAN,
        column("Available", "How many users can be active", "number"),
        column("Assigned", "How many users are active", "number"),
    ];
    let row = vec![text(&account.plan_name), count(&account.seats_allowed), count(&account.seats_in_use)];
    report("Licenses", Report::Licenses, account, columns, vec![row])
}

/// What the plan gives for the billing period under way.
pub fn packages(account: &Account) -> Utilization {
    let columns = vec![
        PLAN,
        column("Period start", "When the billing period began", "datetime"),
        column("Period end", "When it ends", "datetime"),
        column("Allowed", "How many signing requests can be sent in it", "number"),
        column("Sent", "How many were sent", "number"),
    ];
    let row = vec![
        text(&account.plan_name),
        time(&account.billing_period_start_date),
        time(&account.billing_period_end_date),
        count(&account.billing_period_envelopes_allowed),
        count(&account.billing_period_envelopes_sent),
    ];
    report("Signing requests of the billing period", Report::Packages, account, columns, vec![row])
}

/// When users logged in.
pub fn user_activity(account: &Account, told: &[users::User]) -> Utilization {
    let columns = vec![
        column("User id", "The user's id", "text"),
        column("Name", "The whole name", "text"),
        column("Email", "The email", "text"),
        column("Status", "active, inactive, invited or deleted", "text"),
        column("Last login", "When the user logged in last", "datetime"),
    ];
    let row = |told: &users::User| {
        let User { id, name, username, status, last_login_at, .. } = map::user(told);
        let texts = [id, name, username, status].map(|text| text.map(Cell::Text));
        texts.into_iter().chain([last_login_at.map(Cell::Time)]).collect()
    };
    let rows = told.iter().map(row).collect();
    report("Logins of users", Report::UserActivity, account, columns, rows)
}

fn report(
    name: &'static str,
    kind: Report,
    account: &Account,
    columns: Vec<Column>,
    rows: Vec<Vec<Option<Cell>>>,
) -> Utilization {
    let metadata = Metadata {
        kind: kind.id(),
        plan: account.plan_name.owned(),
        currency: account.currency_code.owned(),
        start_date: account.billing_period_start_date.time(),
        end_date: account.billing_period_end_date.time(),
    };
    Utilization { name, metadata, columns, rows }
}

fn text(told: &Scalar) -> Option<Cell> {
    told.owned().map(Cell::Text)
}

/// A number where it is one; DocuSign writes some in words, such as `unlimited`.
fn count(told: &Scalar) -> Option<Cell> {
    told.number().map(Cell::Number).or_else(|| text(told))
}

fn time(told: &Scalar) -> Option<Cell> {
    told.time().map(Cell::Time)
}

#[cfg(test)]
#[path = "tests/map_utilization.rs"]
mod tests;
