//! Reports on how much of what is paid for is used.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

/// What a report can be about. The unified model's shared storage is not here: DocuSign tells nothing of the kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Report {
    /// What users did that is charged for.
    Actions,
    /// Licenses that users have.
    Licenses,
    /// What the plan gives for a billing period.
    Packages,
    /// When users logged in.
    UserActivity,
}

impl Report {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Actions, Self::Licenses, Self::Packages, Self::UserActivity];

    /// Its word in requests.
    pub fn id(self) -> &'static str {
        match self {
            Self::Actions => "actions",
            Self::Licenses => "licenses",
            Self::Packages => "packages",
            Self::UserActivity => "user_activity",
        }
    }
}

/// A report: a table, and what it is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = UnifiedUtilization)]
pub struct Utilization {
    /// Its name, for people.
    pub name: &'static str,
    /// What it is about.
    pub metadata: Metadata,
    /// What stands in each column.
    pub columns: Vec<Column>,
    /// Rows, each with a value for each column: text, a number, a time, or null.
    #[schema(value_type = Vec<Vec<serde_json::Value>>)]
    pub rows: Vec<Vec<Option<Cell>>>,
}

/// What a report is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = UnifiedUtilizationMetadata)]
pub struct Metadata {
    /// The type that was asked for.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The plan's name.
    pub plan: Option<String>,
    /// ISO code of what money in it is.
    pub currency: Option<String>,
    /// When the billing period under way began.
    pub start_date: Option<Timestamp>,
    /// When it ends.
    pub end_date: Option<Timestamp>,
}

/// A column of a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = UnifiedUtilizationColumn)]
pub struct Column {
    /// Its name.
    pub label: &'static str,
    /// What stands in it.
    pub description: &'static str,
    /// How: `text`, `number` (DocuSign's own word where it tells none, such as `unlimited`), `money` as text, `datetime`.
    pub format: &'static str,
}

/// A value in a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Cell {
    /// How many.
    Number(u32),
    /// A word, or money.
    Text(String),
    /// A moment.
    Time(Timestamp),
}
