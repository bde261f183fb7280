//! From DocuSign's plans and invoices to licenses and billing.

use super::{Amount, Billing, License, license::Product};
use crate::docusign::billing::{Account, Invoice, Plan};
use crate::docusign::tolerant::Scalar;

/// DocuSign's payment cycles, and ours.
const FREQUENCIES: [(&str, &str); 2] = [("Monthly", "monthly"), ("Annually", "yearly")];

/// How an account that is not suspended may be told (seen: an empty text).
const NOT_SUSPENDED: [&str; 3] = ["false", "none", "active"];

/// The unified license: the account's plan, of which administrators are told more.
pub fn license(account: &Account, plan: Option<&Plan>) -> License {
    let unit_amount = plan.and_then(|plan| Amount::read(plan.per_seat_price.text()?));
    let suspended = account
        .suspension_status
        .text()
        .is_some_and(|told| !NOT_SUSPENDED.iter().any(|word| word.eq_ignore_ascii_case(told)));
    let products = plan.map(|plan| {
        let product = |set: &crate::docusign::billing::FeatureSet| Product {
            id: set.feature_set_id.owned(),
            name: set.name.owned(),
            status: set.is_enabled.flag().map(|on| if on { "active" } else { "inactive" }),
        };
        plan.plan_feature_sets.into_iter().map(product).collect()
    });
    License {
        id: account.current_plan_id.owned(),
        name: account.plan_name.owned(),
        available_quantity: account.seats_allowed.number(),
        assigned_quantity: account.seats_in_use.number(),
        is_paid: unit_amount.as_ref().map(|amount| !amount.is_zero()),
        unit_amount,
        currency: account.currency_code.owned().or_else(|| plan?.currency_code.owned()),
        status: if suspended { "inactive" } else { "active" },
        products: products.unwrap_or_default(),
    }
}

/// The unified billing: an invoice, with what account and plan tell of the period.
pub fn billing(invoice: &Invoice, plan: &Plan, account: &Account) -> Billing {
    let names = invoice.invoice_items.into_iter().filter_map(|item| item.charge_name.text());
    let names = names.collect::<Vec<_>>().join(", ");
    let taxes = invoice.invoice_items.into_iter().map(|item| Amount::read(item.tax_amount.text()?));
    let tax = taxes.collect::<Option<Vec<_>>>().and_then(|taxes| Amount::sum(&taxes));
    let (began, ends) = (account.billing_period_start_date.time(), account.billing_period_end_date.time());
    let due = invoice.due_date.time();
    let within = |due| began.is_some_and(|began| began <= due) && ends.is_some_and(|ends| due < ends);
    let under_way = due.is_some_and(within);
    Billing {
        id: invoice.invoice_id.owned(),
        description: Some(names).filter(|names| !names.is_empty()),
        billing_frequency: frequency(&plan.payment_cycle),
        currency: plan.currency_code.owned().or_else(|| account.currency_code.owned()),
        total_amount: invoice.amount.owned(),
        tax_amount: tax.map(|tax| tax.text().to_owned()),
        start_date: began.filter(|_| under_way),
        end_date: ends.filter(|_| under_way),
    }
}

fn frequency(told: &Scalar) -> Option<String> {
    let told = told.text()?;
    let known = FREQUENCIES.iter().find(|(theirs, _)| theirs.eq_ignore_ascii_case(told));
    Some(known.map_or(told, |(_, ours)| ours).to_owned())
}

#[cfg(test)]
#[path = "tests/map_billing.rs"]
mod tests;
