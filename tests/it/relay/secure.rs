//! Over TLS: a private CA, client certificates, logging in by certificate, and wires that flip bits.

use std::fs;

use countersign::broker::{Link, Settings};
use secrecy::SecretString;

use crate::support::certificates::Authority;
use crate::support::secured::{CLIENT, Secured, parameters};
use crate::support::wire::Wire;

use super::kit::{HEARD, Running, hear, settings};

#[tokio::test]
async fn changes_go_out_over_tls_with_a_private_ca_and_a_client_certificate() {
    let secured = Secured::shared().await;
    let plain = secured.rabbit.vhost();
    let mut relay = Running::start(settings(&secured.over_tls(&plain, &secured.credentials())));
    relay.append_many(2_000, 200);
    relay.settles_all().await;
    let shown = relay.status.view().address.unwrap_or_default();
    assert!(shown.starts_with("amqps://guest@127.0.0.1:") && !shown.contains(".pem"), "{shown}");
    relay.stop().await;
    let heard = hear(&plain, HEARD, relay.given()).await;
    assert_eq!(relay.assert_sound(&heard), 0);
}

#[tokio::test]
async fn a_client_certificate_is_login_enough() {
    let secured = Secured::shared().await;
    let plain = secured.rabbit.vhost();
    let query = format!("{}&auth_mechanism=external", secured.credentials());
    // No name and no password: the certificate's subject is the user.
    let address = secured.over_tls(&plain, &query).replacen("guest:guest@", "", 1);
    let mut relay = Running::start(settings(&address));
    relay.append_many(200, 20);
    relay.settles_all().await;
    let users = secured.rabbit.ctl(&["list_connections", "user", "ssl", "auth_mechanism"]).await;
    assert!(users.lines().any(|line| line == format!("{CLIENT}\ttrue\tEXTERNAL")), "{users}");
    relay.stop().await;
    let heard = hear(&plain, HEARD, relay.given()).await;
    assert_eq!(relay.assert_sound(&heard), 0);
}

/// Why an address does not let us in.
async fn refusal(address: &str) -> String {
    let settings = Settings { urls: vec![SecretString::from(address)], ..Settings::default() };
    Link::connect(&settings).await.expect_err(address).to_string()
}

#[tokio::test]
async fn what_is_wrong_with_a_certificate_is_told_with_its_file_and_what_to_do() {
    let secured = Secured::shared().await;
    let plain = secured.rabbit.url();
    let stranger = Authority::new("a stranger's CA");
    let theirs = stranger.for_client(CLIENT);
    let nobody = secured.authority.for_client("nobody");
    let folder = stranger.folder();
    let no_pem = folder.join("no.pem");
    fs::write(&no_pem, "what is no certificate").unwrap();
    let (ca, ours) = (secured.authority.certificate(), parameters(&secured.client));
    let (ca, their_ca) = (ca.display(), stranger.certificate());
    let mixed = format!("certfile={}&keyfile={}", secured.client.certificate.display(), theirs.key.display());
    let gone = folder.join("gone.pem");
    let path = |path: &std::path::Path| path.display().to_string();
    for (query, words) in [
        (
            format!("cacertfile={}&{ours}", their_ca.display()),
            [path(&their_ca), "cacertfile must name".into()],
        ),
        (ours.clone(), ["nobody whom this machine trusts".into(), "add cacertfile=".into()]),
        (format!("cacertfile={ca}"), ["asks for a client certificate".into(), "add certfile=".into()]),
        (
            format!("cacertfile={ca}&{}", parameters(&theirs)),
            [path(&theirs.certificate), "signed by a CA which the broker knows".into()],
        ),
        (format!("cacertfile={ca}&{mixed}"), [path(&theirs.key), "is not the key of".into()]),
        (format!("cacertfile={}&{ours}", gone.display()), [path(&gone), "cannot be read".into()]),
        (format!("cacertfile={}&{ours}", no_pem.display()), [path(&no_pem), "BEGIN CERTIFICATE".into()]),
        (
            format!(
                "cacertfile={ca}&certfile={}&keyfile={}",
                secured.client.certificate.display(),
                no_pem.display()
            ),
            [path(&no_pem), "BEGIN PRIVATE KEY".into()],
        ),
        (
            format!("cacertfile={ca}&{}&auth_mechanism=external", parameters(&nobody)),
            ["EXTERNAL".into(), "a user with the name in the client certificate".into()],
        ),
    ] {
        let told = refusal(&secured.over_tls(&plain, &query)).await;
        assert!(words.iter().all(|words| told.contains(words.as_str())), "{query}\n{words:?}\n{told}");
        assert!(!told.contains("guest:guest"), "{told}");
    }
    let no_tls = plain.replacen("amqp://", "amqps://", 1);
    let told = refusal(&format!("{no_tls}?{}", secured.credentials())).await;
    assert!(told.contains("does not speak TLS at this port"), "{told}");
}

#[tokio::test]
async fn bits_that_flip_on_the_way_are_noticed_over_tls_and_cost_only_time() {
    let secured = Secured::shared().await;
    let plain = secured.rabbit.vhost();
    let wire = Wire::to(secured.tls_port).await;
    let address = wire.instead_of(&secured.over_tls(&plain, &secured.credentials()), secured.tls_port);
    let mut relay = Running::start(settings(&address));
    relay.append_many(8_000, 400);
    for round in 1..=10 {
        relay.settles(round * 400).await;
        let before = wire.visits();
        wire.flip();
        relay.reconnects(before, &wire).await;
    }
    relay.settles_all().await;
    relay.stop().await;
    let heard = hear(&plain, HEARD, relay.given()).await;
    relay.assert_sound(&heard);
    relay.assert_unaltered(&heard);
}
