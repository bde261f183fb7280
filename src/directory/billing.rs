//! What an account was charged.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

/// An invoice. When it was made and modified is not written: DocuSign tells neither.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = UnifiedBilling)]
pub struct Billing {
    /// Its id.
    pub id: Option<String>,
    /// What was charged for, in DocuSign's own words.
    pub description: Option<String>,
    /// `monthly` or `yearly`, by the account's plan; DocuSign's own word where that is another one.
    pub billing_frequency: Option<String>,
    /// ISO code, by the account's plan.
    pub currency: Option<String>,
    /// The whole amount, exactly as DocuSign told it.
    pub total_amount: Option<String>,
    /// The tax in it; null where not every line tells its own.
    pub tax_amount: Option<String>,
    /// When the billing period began in which it is due; null for all but the period under way, of which alone DocuSign
    /// tells.
    pub start_date: Option<Timestamp>,
    /// When that billing period ends.
    pub end_date: Option<Timestamp>,
}
