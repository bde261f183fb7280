//! The same lives on a PostgreSQL server: each opening is a new node, as after a restart elsewhere.

#![allow(dead_code)] // of what tests/it shares, not all is used

#[path = "../../../tests/it/support/postgres.rs"]
mod cluster;
#[path = "../../../tests/it/support/patience.rs"]
mod patience;

use patience::eventually;
use secrecy::SecretString;

use super::keeps_its_books;
use crate::base::Dice;
use crate::store::{Place, Settings, Store};

#[test]
fn whatever_is_done_to_a_store_on_a_server_its_books_agree_with_the_model() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    keeps_its_books(6, || {
        let url = runtime.block_on(async { cluster::Postgres::shared().await.database().await });
        let (folder, dice) = (tempfile::tempdir().unwrap(), Dice::seeded(9));
        Box::new(move || {
            let node = dice.uuid().to_string();
            let (url, folder) = (SecretString::from(url.as_str()), folder.path().join(&node));
            Store::open(&Settings { place: Place::Postgres { url, folder, node }, enrich: true }).unwrap()
        })
    });
}
