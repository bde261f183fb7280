//! Folders, in which signing requests and templates lie.

use serde::Serialize;
use utoipa::ToSchema;

use super::request::Url;

/// A folder. The unified model's description and times are not written: DocuSign tells none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = UnifiedCollection)]
pub struct Collection {
    /// Its id.
    pub id: Option<String>,
    /// Its name.
    pub name: Option<String>,
    /// DocuSign's word: `draft`, `inbox`, `sentitems`, `recyclebin`, `normal`, `custom`, `templates`, …
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// The folder that it lies in; null where it lies in none.
    pub parent: Option<Parent>,
    /// Where it can be had.
    pub urls: Vec<Url>,
}

/// The folder that another lies in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = UnifiedCollectionParent)]
pub struct Parent {
    /// Its id.
    pub id: String,
    /// Always `folder`.
    #[serde(rename = "type")]
    pub kind: &'static str,
}
