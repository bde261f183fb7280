//! Tabs: the places in documents that recipients fill in or sign.

use serde::Deserialize;

use super::tolerant::{List, Scalar};

/// One tab. What was entered into it (`value`) is left unread: it may be a social security number.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Tab {
    /// Its id; radio groups have none.
    pub tab_id: Scalar,
    /// Its label.
    pub tab_label: Scalar,
    /// The label of a radio group.
    pub group_name: Scalar,
    /// The document in which it stands.
    pub document_id: Scalar,
    /// The recipient whose it is.
    pub recipient_id: Scalar,
    /// Page, from 1.
    pub page_number: Scalar,
    /// Position from the left.
    pub x_position: Scalar,
    /// Position from the top.
    pub y_position: Scalar,
    /// Whether it must be filled in.
    pub required: Scalar,
    /// Whether it cannot be changed.
    pub locked: Scalar,
    /// Whether a place to sign may be left empty.
    pub optional: Scalar,
    /// The buttons of a radio group.
    pub radios: List<Radio>,
    /// What can be chosen from a list.
    pub list_items: List<ListItem>,
}

/// One choice of a list.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ListItem {
    /// What people read.
    pub text: Scalar,
    /// What it is known by.
    pub value: Scalar,
}

/// One button of a radio group.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Radio {
    /// Its id.
    pub tab_id: Scalar,
    /// What it stands for: always the same, whether or not it is chosen.
    pub value: Scalar,
    /// Page, from 1.
    pub page_number: Scalar,
    /// Position from the left.
    pub x_position: Scalar,
    /// Position from the top.
    pub y_position: Scalar,
    /// Whether one of the group must be chosen.
    pub required: Scalar,
    /// Whether it cannot be changed.
    pub locked: Scalar,
}
