//! From a folder in DocuSign's words to a collection in ours.

use super::collection::{Collection, Parent};
use super::map_rest::Urls;
use crate::docusign;

/// The unified collection. `base` is the address of the account's REST API; `around` is the folder in whose list it was
/// told, for where it does not tell the one that it lies in itself.
pub fn collection(told: &docusign::Folder, base: &str, around: Option<&str>) -> Collection {
    let parent = told.parent_folder_id.text().or(around);
    // What the outermost folders lie in has no other name, and cannot be had.
    let parent = parent.filter(|id| !id.eq_ignore_ascii_case("root"));
    Collection {
        id: told.folder_id.owned(),
        name: told.name.owned(),
        kind: told.kind.owned(),
        parent: parent.map(|id| Parent { id: id.to_owned(), kind: "folder" }),
        urls: Urls { base }.of(&told.uri),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn mapped(told: serde_json::Value, around: Option<&str>) -> serde_json::Value {
        let folder: docusign::Folder = serde_json::from_value(told).unwrap();
        json!(collection(&folder, "https://eu.example/accounts/1/", around))
    }

    #[test]
    fn a_folder_tells_where_it_lies_and_where_it_can_be_had() {
        let told = json!({
            "folderId": "f-1", "name": " Leases ", "type": "custom", "uri": "/folders/f-1", "parentFolderId": "f-0",
            "hasSubFolders": "false", "itemCount": 3,
        });
        assert_eq!(
            mapped(told, Some("f-9")),
            json!({
                "id": "f-1", "name": "Leases", "type": "custom", "parent": {"id": "f-0", "type": "folder"},
                "urls": [{"url": "https://eu.example/accounts/1/folders/f-1", "type": "view"}],
            })
        );
    }

    #[test]
    fn the_folder_around_stands_in_for_a_parent_that_is_not_told_and_the_root_is_none() {
        assert_eq!(mapped(json!({"parentFolderId": ""}), Some("f-9"))["parent"]["id"], "f-9");
        assert_eq!(mapped(json!({"parentFolderId": "root"}), None)["parent"], json!(null));
        let nothing = json!({"id": null, "name": null, "type": null, "parent": null, "urls": []});
        assert_eq!(mapped(json!({"folderId": {}, "uri": null}), None), nothing);
    }
}
