//! A file has one process at a time.

use countersign::store::Store;

use super::place;

#[tokio::test]
async fn a_second_process_is_told_to_stay_out() {
    let place = place().await;
    let store = place.open().await;
    let refused = Store::open(&place.settings(true)).unwrap_err();
    assert!(refused.to_string().contains("another process has it open"), "{refused}");
    store.close().await;
    drop(store);
    place.open().await;
}
