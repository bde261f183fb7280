//! What is on disk tells nobody a token, and a new key takes the place of an old one.

use super::place::Place;

#[tokio::test]
async fn no_token_can_be_read_from_the_database() {
    let place = Place::new();
    let node = place.node("a");
    place.link(&node).await;
    node.call(&place.account).await.unwrap();
    let tokens = place.docusign.all_tokens();
    assert!(tokens.len() >= 2);
    place.store.close().await;
    let mut read = 0;
    for file in std::fs::read_dir(place.folder.path()).unwrap() {
        let path = file.unwrap().path();
        if path.is_dir() {
            continue;
        }
        let bytes = std::fs::read(path).unwrap();
        read += bytes.len();
        for token in &tokens {
            assert!(!bytes.windows(token.len()).any(|window| window == token.as_bytes()));
        }
    }
    assert!(read > 10_000);
}

#[tokio::test]
async fn a_new_key_takes_over_once_everything_was_sealed_with_it() {
    let place = Place::new();
    place.link(&place.node("a")).await;
    // Without the old key nothing opens, and the error says what to do.
    let lost = place.node_with("b", place.vault("new", None)).call(&place.account).await.unwrap_err();
    assert!(lost.to_string().contains("vault_key_previous"), "{lost}");
    let rotating = place.node_with("c", place.vault("new", Some("key")));
    rotating.call(&place.account).await.unwrap();
    assert_eq!(rotating.linked.rotate().await.unwrap(), (1, 0));
    assert_eq!(rotating.linked.rotate().await.unwrap(), (0, 0));
    place.node_with("d", place.vault("new", None)).call(&place.account).await.unwrap();
}
