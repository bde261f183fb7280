//! What was asked for: filters, page and body of one request, checked against what its method takes.

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use utoipa::ToSchema;

use super::Error;
use crate::docusign::is_id;

/// What was asked for, beside resource, method, account and id.
#[derive(Debug, Default)]
pub struct Asked {
    /// The method's own parameters that were given, each once.
    pub filters: Vec<(&'static str, String)>,
    /// Parameters for DocuSign itself, passed on as they are.
    pub remote_query: Vec<(String, String)>,
    /// At most so many objects on a page.
    pub limit: usize,
    /// The body where it is JSON; null where there is none.
    pub json: Value,
    /// What the body says that it is, where it is a file.
    pub content_type: Option<String>,
    /// The caller's key under which this is done once, however often it is asked for.
    pub idempotency_key: Option<String>,
}

/// Another object, as bodies name it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = UnifiedById)]
pub struct ById {
    /// Its id.
    #[schema(required = true, nullable = false)]
    pub id: Option<String>,
}

impl Asked {
    /// A parameter's value.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.filters.iter().find(|(own, _)| *own == name).map(|(_, value)| value.as_str())
    }

    /// A parameter without which nothing can be done.
    ///
    /// # Errors
    /// [`Error::Missing`].
    pub fn required(&self, name: &'static str) -> Result<&str, Error> {
        self.text(name)
            .ok_or_else(|| Error::Missing { parameters: vec![name.to_owned()], fields: Vec::new() })
    }

    /// The id of another object, without which nothing can be done.
    ///
    /// # Errors
    /// [`Error::Missing`]; [`Error::Unknown`] where it is none, for then there is no such `what`.
    pub fn id(&self, name: &'static str, what: &'static str) -> Result<&str, Error> {
        let id = self.required(name)?;
        if is_id(id) { Ok(id) } else { Err(Error::Unknown(what)) }
    }

    /// Whether a text has in it what a parameter asks for, in any case; it does where nothing is asked for.
    pub fn names(&self, name: &str, text: Option<&str>) -> bool {
        let has = |part: &str| text.is_some_and(|text| text.to_lowercase().contains(&part.to_lowercase()));
        self.text(name).is_none_or(has)
    }

    /// A parameter that is a time (RFC 3339, or a date).
    ///
    /// # Errors
    /// [`Error::Parameter`].
    pub fn time(&self, name: &'static str) -> Result<Option<Timestamp>, Error> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let day = || format!("{text}T00:00:00Z").parse();
        let time = text.parse::<Timestamp>().or_else(|_| day());
        let why = "must be a time such as 2026-11-26T10:00:00Z";
        time.map(Some).map_err(|_| Error::Parameter { name: name.to_owned(), why: why.to_owned() })
    }

    /// The body, as what it should be.
    ///
    /// # Errors
    /// [`Error::Body`], naming the field.
    pub fn body<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_path_to_error::deserialize(&self.json).map_err(|why| {
            let path = why.path().to_string();
            Error::Body(if path == "." {
                why.inner().to_string()
            } else {
                format!("`{path}`: {}", why.inner())
            })
        })
    }
}
