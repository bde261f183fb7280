//! DocuSign slow, and tokens revoked: objects come later, none is missing, and deliveries never wait for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use countersign::base::{Dice, SystemClock};
use countersign::simulator::docusign::{Docusign, Fault, FaultKind, Play, Settings as Traits};

use crate::enriched::{assert_all_covered, docusign, lives, target};
use crate::support::checker::Checker;
use crate::support::rabbit::Rabbit;
use crate::support::server::{Server, Settings};
use crate::support::subscriber::Subscriber;
use crate::support::traffic::{feed, settled};
use crate::support::{PATIENCE, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_docusign_holds_up_neither_deliveries_nor_changes() {
    let broker = Rabbit::shared().await.vhost();
    let (docusign, running, settings) = docusign();
    let server = Server::start(settings.broker(&broker)).await;
    let subscriber = Subscriber::start(&broker, &server, &[]).await;
    docusign.add_fault(Fault::always(FaultKind::Slow { ms: 20_000 }));
    let play = Play { speed: 5_000_000.0, ..Play::to(target(&server)) };
    let told = docusign.play(lives(&server, &docusign, 8, 31).into_iter(), play).await.expect("traffic");
    assert!(told.balances() && told.failed == 0, "{told:?}");
    assert!(told.answer_ms.max < 10_000.0, "a delivery waited for DocuSign: {told:?}");
    eventually("all changes are published meanwhile", PATIENCE, async || {
        (server.metric("countersign_backlog").await == 0.0).then_some(())
    })
    .await;
    assert!(server.metric("countersign_enrich_pending").await > 0.0, "nothing was fetched yet");
    docusign.clear_faults();
    settled(&server).await;
    let seen = subscriber.finish().await;
    seen.assert_sound();
    Checker::default().close(&server, &seen).await.assert_nothing_lost();
    assert_all_covered(&feed(&server).await);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_revoked_in_between_is_replaced_and_no_object_is_missing() {
    let docusign = Docusign::new(Traits::default(), Arc::new(SystemClock), Dice::seeded(32));
    let running = docusign.start("127.0.0.1:0").expect("a free port");
    let key = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/docusign/test-key.pem");
    let settings = Settings::new()
        .with("COUNTERSIGN_ENRICH", "true")
        .with("COUNTERSIGN_ENRICH_INTERVAL_MINUTES", "0")
        .with("COUNTERSIGN_DOCUSIGN__AUTH_URL", &running.url())
        .with("COUNTERSIGN_DOCUSIGN__BASE_URI", &running.url())
        .with("COUNTERSIGN_DOCUSIGN__CLIENT_ID", "integration-key")
        .with("COUNTERSIGN_DOCUSIGN__USER_ID", "5f2c1c8e-7a61-4c0e-9f0e-0d7f3f0f1a22")
        .with("COUNTERSIGN_DOCUSIGN__PRIVATE_KEY_FILE", key);
    let server = Server::start(settings).await;
    let (over, play) = (AtomicBool::new(false), Play { speed: 500_000.0, ..Play::to(target(&server)) });
    let (mut revoked, calls) = (0, || docusign.calls("GET /envelopes/{envelope}"));
    let revoking = async {
        while !over.load(Ordering::SeqCst) && revoked < 5 {
            let before = calls();
            eventually("some more is fetched, or all is told", PATIENCE, async || {
                (over.load(Ordering::SeqCst) || calls() > before + 3).then_some(())
            })
            .await;
            docusign.revoke_tokens();
            revoked += 1;
        }
    };
    let playing = async {
        let told = docusign.play(lives(&server, &docusign, 15, 33).into_iter(), play).await;
        over.store(true, Ordering::SeqCst);
        told.expect("traffic")
    };
    let (told, ()) = tokio::join!(playing, revoking);
    assert!(told.balances() && told.failed == 0, "{told:?}");
    eventually("everything is fetched", PATIENCE * 2, async || {
        (server.metric("countersign_enrich_pending").await == 0.0).then_some(())
    })
    .await;
    assert!(revoked >= 2, "tokens were revoked while it fetched");
    let asked = docusign.calls("POST /oauth/token");
    assert!(
        asked >= 2 && asked <= revoked + 1,
        "a new token for each revoked one, and no more: {asked}, {revoked}"
    );
    let whole = feed(&server).await;
    assert_all_covered(&whole);
    let enriched = whole.iter().filter(|row| row["change"]["covers"].is_array());
    assert!(enriched.clone().all(|row| row["change"]["error"].is_null()), "none was given up");
    running.stop().await;
}
