//! The faces behind a real socket: what only a wire shows.

use std::net::TcpListener;
use std::time::Duration;

use actix_web::middleware::from_fn;
use actix_web::web::Data;
use actix_web::{App, HttpServer};
use countersign::web;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::support::Bench;

const PATIENCE: Duration = Duration::from_secs(20);

/// Reads until `wanted` has come; all that has come so far.
async fn until(socket: &mut TcpStream, wanted: &str) -> String {
    let mut text = String::new();
    let mut chunk = [0; 4096];
    while !text.contains(wanted) {
        let read = timeout(PATIENCE, socket.read(&mut chunk)).await.expect("something in time").unwrap();
        assert!(read > 0, "the connection ended before {wanted:?}: {text}");
        text.push_str(std::str::from_utf8(&chunk[..read]).unwrap());
    }
    text
}

async fn ask(socket: &mut TcpStream, request: &str) {
    socket.write_all(format!("{request} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes()).await.unwrap();
}

#[actix_web::test]
async fn a_stream_speaks_at_once_and_ends_cleanly_before_the_server_does() {
    let bench = Bench::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (api, receiver) = (bench.api.clone(), Data::new(bench.receiver.clone()));
    let server = HttpServer::new(move || {
        App::new()
            .wrap(from_fn(web::stamp))
            .configure(|config| web::connect::configure(config, receiver.clone()))
            .configure(|config| web::configure(config, api.clone()))
    })
    .workers(1)
    .disable_signals()
    .shutdown_timeout(20)
    .listen(listener)
    .unwrap()
    .run();
    let handle = server.handle();
    let serving = actix_web::rt::spawn(server);

    let mut socket = TcpStream::connect(address).await.unwrap();
    ask(&mut socket, "GET /v1/changes/stream").await;
    let opening = until(&mut socket, "id: 0\n\n").await;
    assert!(opening.starts_with("HTTP/1.1 200"), "{opening}");
    assert!(opening.to_lowercase().contains("transfer-encoding: chunked"), "{opening}");
    bench.tell("envelope-sent", "env-a").await;
    until(&mut socket, "event: signing_request\n").await;

    bench.stopping.cancel();
    until(&mut socket, "0\r\n\r\n").await;
    timeout(PATIENCE, handle.stop(true)).await.expect("nothing holds the server up");
    timeout(PATIENCE, serving).await.expect("it ends").unwrap().unwrap();
}

#[actix_web::test]
async fn head_has_the_headers_of_get_and_no_body() {
    let bench = Bench::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let api = bench.api.clone();
    let server = HttpServer::new(move || App::new().configure(|config| web::configure(config, api.clone())))
        .workers(1)
        .disable_signals()
        .listen(listener)
        .unwrap()
        .run();
    let handle = server.handle();
    let serving = actix_web::rt::spawn(server);
    let mut socket = TcpStream::connect(address).await.unwrap();
    ask(&mut socket, "HEAD /v1/changes").await;
    let head = until(&mut socket, "\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 200") && head.contains("content-length: 32"), "{head}");
    ask(&mut socket, "GET /livez").await;
    let next = until(&mut socket, "{\"status\":\"live\"}").await;
    assert!(head.ends_with("\r\n\r\n") && next.starts_with("HTTP/1.1 200"), "{head}{next}");
    drop(socket);
    handle.stop(true).await;
    serving.await.unwrap().unwrap();
}
