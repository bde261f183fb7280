//! Calls of other people's about a linked account: by either of its ids, and not once its user keeps us out.

use countersign::rest::{Body, Forwarder, Incoming, Passed, Target, Unforwarded};

use super::place::Place;

async fn get(forwarder: &Forwarder, path: &str, query: Option<&str>) -> Result<Passed, Unforwarded> {
    let target = Target::read(path, query).unwrap();
    let body = Body::Whole(bytes::Bytes::new());
    forwarder.forward(Incoming { method: "GET".to_owned(), target, headers: Vec::new(), body }).await
}

#[tokio::test]
async fn a_linked_account_is_reached_by_either_of_its_ids_until_its_user_keeps_us_out() {
    let place = Place::new();
    let node = place.node("a");
    let row = place.link(&node).await;
    let forwarder = Forwarder::new(node.client.clone(), "test").unwrap();
    let templates = format!("restapi/v2.1/accounts/{}/templates", place.account);
    let ours = format!("integrated_account_id={}", row.id);
    let docusigns = format!("integrated_account_id={}", place.account);
    for (path, query) in [
        (&*templates, None),
        (&*templates, Some(&*ours)),
        (&*templates, Some(&*docusigns)),
        ("templates", Some(&*ours)),
        ("templates", Some(&*docusigns)),
    ] {
        assert_eq!(get(&forwarder, path, query).await.unwrap().status, 200, "{path} {query:?}");
    }
    let other = get(&forwarder, "restapi/v2.1/accounts/other-1/templates", Some(&ours)).await;
    assert!(matches!(other, Err(Unforwarded::OtherAccount)), "{other:?}");
    for (path, query) in [
        ("restapi/v2.1/accounts/other-1/templates", None),
        ("templates", Some("integrated_account_id=other-1")),
    ] {
        let foreign = get(&forwarder, path, query).await;
        assert!(matches!(foreign, Err(Unforwarded::Unknown)), "{foreign:?}");
    }
    place.docusign.revoke_tokens();
    assert_eq!(get(&forwarder, &templates, None).await.unwrap().status, 401, "DocuSign's own answer");
    let closed = get(&forwarder, &templates, None).await;
    assert!(matches!(closed, Err(Unforwarded::Closed(_))), "{closed:?}");
}
