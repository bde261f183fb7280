//! A wire to a server that can be broken: reset, stalled in one direction or both, cut, corrupted, restored.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

/// A TCP proxy on a port of its own. It ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Wire {
    port: u16,
    state: watch::Sender<State>,
    visits: Arc<AtomicUsize>,
    _proxy: AbortOnDropHandle<()>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct State {
    flow: Flow,
    /// Grows by one with each reset: connections made before it end.
    resets: u64,
    /// Grows by one with each flip: the next bytes of every connection are changed, in both directions.
    flips: u64,
    /// What passes takes so much longer.
    delay: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Flow {
    #[default]
    Open,
    /// Connections stand and are made, and nothing passes: a half-open link.
    Stalled,
    /// The same in one direction: the server hears everything, and nothing of it is heard.
    Deaf,
    /// No connection stands, and none is made.
    Cut,
}

impl Wire {
    /// A wire to a port of this machine.
    pub(crate) async fn to(target: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let (state, seen) = watch::channel(State::default());
        let visits = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&visits);
        let proxy = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(carry(client, ([127, 0, 0, 1], target).into(), seen.clone()));
            }
        });
        Self { port, state, visits, _proxy: AbortOnDropHandle::new(proxy) }
    }

    /// `url` with this wire's port in the place of the target's.
    pub(crate) fn instead_of(&self, url: &str, target: u16) -> String {
        let through = url.replace(&format!(":{target}/"), &format!(":{}/", self.port));
        assert_ne!(through, url, "{url} does not name the port {target}");
        through
    }

    /// Ends all connections by a reset, as a firewall or a crashed host does; new ones are made.
    pub(crate) fn reset(&self) {
        self.state.send_modify(|state| state.resets += 1);
    }

    /// Lets nothing pass any more, without telling anybody.
    pub(crate) fn stall(&self) {
        self.state.send_modify(|state| state.flow = Flow::Stalled);
    }

    /// Lets nothing of the server pass any more, and everything to it.
    pub(crate) fn deafen(&self) {
        self.state.send_modify(|state| state.flow = Flow::Deaf);
    }

    /// Changes one bit of what passes next, in each direction of each connection that stands.
    pub(crate) fn flip(&self) {
        self.state.send_modify(|state| state.flips += 1);
    }

    /// How many connections were asked for, those that the wire refused included.
    pub(crate) fn visits(&self) -> usize {
        self.visits.load(Ordering::SeqCst)
    }

    /// Ends all connections and lets none be made.
    pub(crate) fn cut(&self) {
        self.state.send_modify(|state| state.flow = Flow::Cut);
    }

    /// Lets everything pass so much later.
    pub(crate) fn slow(&self, delay: Duration) {
        self.state.send_modify(|state| state.delay = delay);
    }

    /// Lets everything pass again. What was held back by a stall passes too.
    pub(crate) fn restore(&self) {
        self.state.send_modify(|state| (state.flow, state.delay) = (Flow::Open, Duration::ZERO));
    }
}

/// Carries one connection until either end closes it or the wire breaks.
async fn carry(mut client: TcpStream, target: SocketAddr, mut state: watch::Receiver<State>) {
    let born = *state.borrow();
    let broken = |now: &State| now.flow == Flow::Cut || now.resets != born.resets;
    let mut server = if broken(&born) { None } else { TcpStream::connect(target).await.ok() };
    if let Some(server) = &mut server {
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        let (up, down) = (state.clone(), state.clone());
        tokio::select! {
            _ = state.wait_for(broken) => {}
            _ = async { tokio::join!(pump(from_client, to_server, up, false), pump(from_server, to_client, down, true)) } => return,
        }
    }
    // With this, dropping a socket sends a reset instead of an orderly end.
    for socket in [Some(&client), server.as_ref()].into_iter().flatten() {
        // It may be gone already.
        let _ = socket.set_zero_linger();
    }
}

/// Carries one direction to its end.
async fn pump(mut from: ReadHalf<'_>, mut to: WriteHalf<'_>, mut state: watch::Receiver<State>, down: bool) {
    let mut buffer = vec![0; 64 * 1024];
    let mut flips = state.borrow().flips;
    let passes = |now: &State| now.flow != Flow::Stalled && (now.flow != Flow::Deaf || !down);
    loop {
        if state.wait_for(passes).await.is_err() {
            return;
        }
        tokio::select! {
            read = from.read(&mut buffer) => match read {
                Ok(count) if count > 0 => {
                    let Ok(now) = state.wait_for(passes).await.map(|now| *now) else { return };
                    if !now.delay.is_zero() {
                        super::pause(now.delay).await;
                    }
                    if std::mem::replace(&mut flips, now.flips) != now.flips {
                        buffer[count / 2] ^= 0b100;
                    }
                    if to.write_all(&buffer[..count]).await.is_err()
                    {
                        return;
                    }
                }
                _ => break,
            },
            changed = state.changed() => if changed.is_err() { return },
        }
    }
    // The other direction may still have something to say.
    let _ = to.shutdown().await;
}
