//! From a template in DocuSign's words to one in ours.

use super::template::Template;
use crate::docusign;

/// The unified template.
pub fn template(told: &docusign::Template) -> Template {
    Template {
        id: told.template_id.owned(),
        name: told.name.owned(),
        description: told.description.owned(),
        created_at: told.created.time(),
        updated_at: told.last_modified.time(),
    }
}
