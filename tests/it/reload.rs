//! What can change while the server runs is read again: subscribers' queues and the API's token, beside the keys.

use std::fs;

use crate::relay::kit::vhost_of;
use crate::support::rabbit::Rabbit;
use crate::support::server::{Server, Settings};
use crate::support::{PATIENCE, eventually, http};

const ONE: &str = "[[queue]]\nname = \"billing\"\nbind = [\"signing_request.#\"]\n";
const OTHER: &str = "[[queue]]\nname = \"archive\"\nbind = [\"#\"]\ntype = \"classic\"\n";

async fn status_with(server: &Server, token: &str) -> u16 {
    let asked = http().get(server.url("/v1/changes")).bearer_auth(token).send().await;
    asked.expect("an answer").status().as_u16()
}

#[tokio::test]
async fn queues_and_the_token_change_without_a_restart() {
    let rabbit = Rabbit::shared().await;
    let url = rabbit.vhost();
    let vhost = vhost_of(&url);
    let token = tempfile::NamedTempFile::new().unwrap();
    fs::write(token.path(), "the-first-token-of-all").unwrap();
    let path = token.path().to_str().unwrap();
    let settings = Settings::new().broker(&url).file(ONE).with("COUNTERSIGN_API_TOKEN_FILE", path);
    let server = Server::start(settings).await;
    let stands = async |name: &str| rabbit.list_queues(vhost).await.contains_key(name).then_some(());
    eventually("the first queue stands", PATIENCE, async || stands("billing").await).await;
    assert_eq!(status_with(&server, "the-first-token-of-all").await, 200);

    fs::write(server.folder().join("countersign.toml"), OTHER).unwrap();
    eventually("the second one is declared", PATIENCE, async || stands("archive").await).await;
    assert!(stands("billing").await.is_some(), "what is no longer asked for may hold messages: it stays");

    fs::write(token.path(), "another-token-altogether").unwrap();
    eventually("the new token is let in", PATIENCE, async || {
        (status_with(&server, "another-token-altogether").await == 200).then_some(())
    })
    .await;
    assert_eq!(status_with(&server, "the-first-token-of-all").await, 401);

    // What cannot be used changes nothing. (A file may have been read half written before: that counts as failed, too.)
    let failed = async || {
        let asked = http().get(server.url("/metrics")).bearer_auth("another-token-altogether").send().await;
        let metrics = asked.expect("an answer").text().await.expect("a text");
        let line =
            metrics.lines().find(|line| line.starts_with("countersign_key_reloads_total{result=\"failed\"}"));
        line.and_then(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).unwrap_or(0)
    };
    let before = failed().await;
    fs::write(server.folder().join("countersign.toml"), "[[queue]]\nname = \"amq.taken\"\n").unwrap();
    eventually("the fault is counted", PATIENCE, async || (failed().await > before).then_some(())).await;
    assert_eq!(status_with(&server, "another-token-altogether").await, 200);
    server.assert_log_keeps_secrets(&["the-first-token-of-all", "another-token-altogether"]);
}
