//! The HTTP server: its threads, its connections, and how many and how long of each.

use std::io;
use std::net::TcpListener;

use actix_http::HttpService;
use actix_server::{Server, ServerHandle};
use actix_service::{ServiceFactoryExt as _, fn_service, map_config};
use actix_web::App;
use actix_web::dev::AppConfig;
use actix_web::middleware::from_fn;
use actix_web::rt::net::TcpStream;
use actix_web::web::ServiceConfig;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::task::JoinHandle;

use crate::base::limits;
use crate::web::{self, Paced};

/// A server under way.
pub(super) type Serving = JoinHandle<io::Result<()>>;

/// Makes a listening socket keep as many connections waiting as we want: the standard library asks for 128, which a
/// burst of an outage's deliveries fills.
pub(super) fn widen(listener: &TcpListener) -> io::Result<()> {
    Ok(rustix::net::listen(listener, limits::CONNECTIONS_WAITING_MAX)?)
}

/// Serves what `faces` registers, on `threads` threads, or one for each core.
pub(super) fn serve(
    listener: TcpListener,
    threads: Option<usize>,
    faces: impl Fn(&mut ServiceConfig) + Clone + Send + 'static,
) -> io::Result<(ServerHandle, Serving)> {
    let threads = match threads {
        Some(threads) => threads,
        None => std::thread::available_parallelism().map_or(1, usize::from),
    };
    let server = Server::build()
        .workers(threads)
        // Beyond these nobody is accepted, and the kernel lets further ones wait.
        .max_concurrent_connections((connections() / threads).max(1))
        .disable_signals()
        .shutdown_timeout(limits::SHUTDOWN_TIMEOUT.as_secs());
    let stopping = server.graceful_shutdown_signal();
    // Built by hand where `HttpServer` would do, for the sake of `Paced`.
    let server = server.listen("http", listener, move || {
        let (faces, stopping) = (faces.clone(), stopping.clone());
        let app = App::new().wrap(from_fn(web::stamp)).configure(|app| faces(app));
        let http = HttpService::build()
            // For the head of the first request; later ones are limited by `Paced`. One packet carries a head.
            .client_request_timeout(limits::HEAD_TIMEOUT)
            // A sender with more to say comes back sooner; a proxy's idle connections end before the proxy's own limit.
            .keep_alive(limits::KEEP_ALIVE)
            // A client that is still sending what is refused unread has this long to read why.
            .client_disconnect_timeout(limits::LINGER_TIMEOUT)
            // A client may end its half after its request and still wait for the answer.
            .h1_allow_half_closed(true)
            .graceful_shutdown_signal(move || {
                let stopping = stopping.clone();
                async move { stopping.notified().await }
            })
            .on_connect_ext(|wire: &Paced<TcpStream>, data| {
                data.insert(wire.pulse());
            })
            .h1(map_config(app, |()| AppConfig::default()));
        fn_service(async |wire: TcpStream| {
            // What is written is to go at once: the kernel would hold a second small piece back until the first is
            // acknowledged, which takes a client 40 ms. (actix's own setting reaches only services that it accepts for.)
            // One that is gone already fails at its first read as well.
            let _ = wire.set_nodelay(true);
            let peer = wire.peer_addr().ok();
            Ok((Paced::new(wire), peer))
        })
        .and_then(http)
    })?;
    let server = server.run();
    Ok((server.handle(), tokio::spawn(server)))
}

/// How many connections this process may hold: each takes a file, and perhaps another one in the spool.
fn connections() -> usize {
    let files = raise_files();
    let room = files.saturating_sub(limits::FILES_KEPT) / 2;
    if room < limits::CONNECTIONS_MAX {
        tracing::warn!(
            files,
            connections = room,
            "this process may open few files and so takes few connections: raise its limit (LimitNOFILE, ulimit -n)"
        );
    }
    room.clamp(1, limits::CONNECTIONS_MAX)
}

/// Raises the limit of open files as far as we need and may; what it is then.
fn raise_files() -> usize {
    let wanted = (2 * limits::CONNECTIONS_MAX + limits::FILES_KEPT) as u64;
    let now = getrlimit(Resource::Nofile);
    let reach = now.maximum.map_or(wanted, |most| most.min(wanted));
    let current = now.current.unwrap_or(u64::MAX);
    let raised = current < reach
        && setrlimit(Resource::Nofile, Rlimit { current: Some(reach), maximum: now.maximum }).is_ok();
    usize::try_from(if raised { reach } else { current }).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::io::{Read as _, Write as _};
    use std::net::TcpStream;
    use std::time::{Duration, Instant};

    use actix_web::web::{Bytes, get};
    use actix_web::{HttpResponse, Responder};
    use futures_util::stream;

    use super::*;

    /// An answer in two small pieces, each written as soon as it is there.
    async fn in_pieces() -> impl Responder {
        let pieces = stream::unfold(["first", "second"].as_slice(), async |left| {
            let (piece, left) = left.split_first()?;
            actix_web::rt::task::yield_now().await;
            Some((Ok::<_, Infallible>(Bytes::from_static(piece.as_bytes())), left))
        });
        HttpResponse::Ok().streaming(pieces)
    }

    /// How long an answer in pieces takes a client that acknowledges late what it could answer with something.
    fn time_of_an_answer(client: &mut TcpStream) -> Duration {
        let began = Instant::now();
        client.write_all(b"GET / HTTP/1.1\r\nhost: here\r\n\r\n").unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n0\r\n\r\n") {
            rustix::net::sockopt::set_tcp_quickack(&*client, false).unwrap();
            let mut piece = [0; 1024];
            let length = client.read(&mut piece).unwrap();
            assert!(length > 0, "it ended after {}", String::from_utf8_lossy(&answer));
            answer.extend_from_slice(&piece[..length]);
        }
        began.elapsed()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_answer_in_pieces_waits_for_no_acknowledgement() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let faces = |app: &mut ServiceConfig| {
            app.route("/", get().to(in_pieces));
        };
        let (server, serving) = serve(listener, Some(1), faces).unwrap();
        let asking = tokio::task::spawn_blocking(move || {
            let mut client = TcpStream::connect(address).unwrap();
            // Each is held up by an acknowledgement or none is: a busy machine may be slow at times, never 40 times.
            (0..40).map(|_| time_of_an_answer(&mut client)).min()
        });
        let fastest = asking.await.unwrap().unwrap();
        server.stop(true).await;
        serving.await.unwrap().unwrap();
        assert!(fastest < Duration::from_millis(30), "{fastest:?}");
    }
}
