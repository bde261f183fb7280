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
            // An answer is one small piece; waiting for more to send with it would only delay it.
            .tcp_nodelay(true)
            .graceful_shutdown_signal(move || {
                let stopping = stopping.clone();
                async move { stopping.notified().await }
            })
            .on_connect_ext(|wire: &Paced<TcpStream>, data| {
                data.insert(wire.pulse());
            })
            .h1(map_config(app, |()| AppConfig::default()));
        fn_service(async |wire: TcpStream| {
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
