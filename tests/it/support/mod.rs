//! What the tests stand on: the server as a process, a subscriber, signed deliveries, and bounded waiting.

pub(crate) mod browser;
pub(crate) mod certificates;
pub(crate) mod checker;
pub(crate) mod deliveries;
pub(crate) mod node;
pub(crate) mod patience;
pub(crate) mod postgres;
pub(crate) mod rabbit;
pub(crate) mod rude;
pub(crate) mod secured;
pub(crate) mod server;
pub(crate) mod subscriber;
pub(crate) mod traffic;
pub(crate) mod wire;

use std::sync::OnceLock;
use std::time::Duration;

pub(crate) use patience::eventually;

/// Long enough for a machine with two busy cores; a test that needs all of it has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// Lets time pass: for the soak, whose faults last, and for senders that wait before they try again.
pub(crate) async fn pause(time: Duration) {
    tokio::time::sleep(time).await;
}

/// The HTTP client of the tests: no redirects, and a time limit on everything.
pub(crate) fn http() -> &'static reqwest::Client {
    static CLIENT: OnceLock<reqwest::Client> = OnceLock::new();
    CLIENT.get_or_init(|| {
        // Another test of this process may have installed it already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        reqwest::Client::builder()
            .timeout(PATIENCE)
            .redirect(reqwest::redirect::Policy::none())
            // The runtime of each test ends with it; a connection kept for the next one would be dead.
            .pool_max_idle_per_host(0)
            .build()
            .expect("an HTTP client")
    })
}
