//! What an account pays for: the account itself, its plan, its charges and its invoices. All but the first are told to its
//! administrators alone.

use serde::Deserialize;

use super::tolerant::{List, Object, Scalar};

/// An account.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Account {
    /// GUID of the plan.
    pub current_plan_id: Scalar,
    /// Its name.
    pub plan_name: Scalar,
    /// Users that may be active at one time.
    pub seats_allowed: Scalar,
    /// Users that are active.
    pub seats_in_use: Scalar,
    /// ISO code.
    pub currency_code: Scalar,
    /// Empty where the account is not suspended.
    pub suspension_status: Scalar,
    /// When the billing period under way began.
    pub billing_period_start_date: Scalar,
    /// When it ends.
    pub billing_period_end_date: Scalar,
    /// Envelopes that may be sent in it: a number, or `unlimited`.
    pub billing_period_envelopes_allowed: Scalar,
    /// Envelopes that were sent in it.
    pub billing_period_envelopes_sent: Scalar,
}

/// What `GET /billing_plan` answers.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PlanAnswer {
    /// The plan.
    pub billing_plan: Object<Plan>,
}

/// A plan.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Plan {
    /// `Monthly` or `Annually`.
    pub payment_cycle: Scalar,
    /// What a user costs: `456.0000`.
    pub per_seat_price: Scalar,
    /// ISO code.
    pub currency_code: Scalar,
    /// What is in it.
    pub plan_feature_sets: List<FeatureSet>,
}

/// Features that are sold together.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct FeatureSet {
    /// Its id.
    pub feature_set_id: Scalar,
    /// Its name.
    pub name: Scalar,
    /// Whether the plan has it.
    pub is_enabled: Scalar,
}

/// What `GET /billing_charges` answers.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ChargesAnswer {
    /// The charges.
    pub billing_charge_items: List<Charge>,
}

/// A service, and how much of it was used.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Charge {
    /// `seats`, `id_check`, `sms_authentications`, for example.
    pub charge_name: Scalar,
    /// What is counted.
    pub charge_unit_of_measure: Scalar,
    /// How many there may be: a number, or `unlimited`.
    pub allowed_quantity: Scalar,
    /// How many the plan includes.
    pub included_quantity: Scalar,
    /// How many were used.
    pub used_quantity: Scalar,
    /// How many were used beyond those.
    pub incremental_quantity: Scalar,
    /// What one costs.
    pub unit_price: Scalar,
}

/// An invoice.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Invoice {
    /// GUID.
    pub invoice_id: Scalar,
    /// The whole amount: `498.1800`.
    pub amount: Scalar,
    /// When it is due.
    pub due_date: Scalar,
    /// What it is for.
    pub invoice_items: List<InvoiceItem>,
}

/// A line of an invoice.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct InvoiceItem {
    /// What was charged for.
    pub charge_name: Scalar,
    /// Its part of the tax.
    pub tax_amount: Scalar,
}
