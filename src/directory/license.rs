//! Licenses: what users need to work, and how many there are.

use serde::Serialize;
use utoipa::ToSchema;

use super::Amount;

/// A license, at DocuSign the account's plan. The unified model's description, roles and times are not written: DocuSign
/// tells none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = UnifiedLicense)]
pub struct License {
    /// Its id.
    pub id: Option<String>,
    /// Its name.
    pub name: Option<String>,
    /// How many users can have it; null where there is no such limit.
    pub available_quantity: Option<u32>,
    /// How many have it.
    pub assigned_quantity: Option<u32>,
    /// What one costs for a payment cycle, with the digits that DocuSign told. Administrators alone are told it: null where
    /// the account's user is none.
    #[schema(value_type = Option<f64>)]
    pub unit_amount: Option<Amount>,
    /// Whether it costs anything; null where that is not known.
    pub is_paid: Option<bool>,
    /// ISO code.
    pub currency: Option<String>,
    /// `active`, or `inactive` while the account is suspended.
    pub status: &'static str,
    /// What is in the plan; empty where the account's user is no administrator.
    pub products: Vec<Product>,
}

/// Something that is sold with a license.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = UnifiedLicenseProduct)]
pub struct Product {
    /// Its id.
    pub id: Option<String>,
    /// Its name.
    pub name: Option<String>,
    /// `active` or `inactive`.
    pub status: Option<&'static str>,
}
