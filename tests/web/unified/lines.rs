//! Lists as lines: to the end, no faster than they are read, and never a part that looks whole.

use std::net::TcpListener;
use std::pin::Pin;
use std::time::{Duration, Instant};

use actix_web::body::MessageBody;
use actix_web::test::TestRequest;
use actix_web::web::Bytes;
use actix_web::{App, HttpServer};
use countersign::web;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::super::patience::eventually;
use super::super::support::{ACCOUNT, Bench, HERE};
use super::super::upstream::{Asked, Does, Upstream, writes};
use super::world::{World, over};

const PATIENCE: Duration = Duration::from_secs(20);

fn number(asked: &Asked, name: &str) -> usize {
    let found = asked.line.split(['?', '&', ' ']).find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
    found.unwrap().parse().unwrap()
}

/// A page of a list of `total` templates, with objects of about `size` bytes.
fn page(asked: &Asked, total: usize, size: usize) -> Does {
    let (start, count) = (number(asked, "start_position"), number(asked, "count"));
    let text = "x".repeat(size);
    // With ends of lines between the tokens, as some servers write.
    let one =
        |n| format!("{{\n\"templateId\": \"t-{n}\",\r\n\"name\": \"{n}\", \"description\": \"{text}\"}}");
    let objects: Vec<_> = (start..total.min(start + count)).map(one).collect();
    writes(&format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n\
         {{\"envelopeTemplates\": [{}], \"totalSetSize\": \"{total}\"}}",
        objects.join(",")
    ))
}

fn path(query: &str) -> String {
    format!(
        "/unified/e-signature/templates?integrated_account_id={ACCOUNT}&truto_response_format=stream&{query}"
    )
}

/// An answer that is read piece by piece.
struct Reader<B>(Pin<Box<B>>);

impl<B: MessageBody> Reader<B> {
    async fn next(&mut self) -> Option<Result<Bytes, ()>> {
        let next = std::future::poll_fn(|cx| self.0.as_mut().poll_next(cx)).await;
        next.map(|piece| piece.map_err(drop))
    }
}

async fn open(bench: &Bench, query: &str) -> Reader<impl MessageBody + use<>> {
    let answer = bench.open(HERE, TestRequest::get().uri(&path(query))).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers().get("content-type").unwrap(), "application/x-ndjson");
    Reader(Box::pin(answer.into_body()))
}

fn objects(lines: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(lines).unwrap();
    assert!(text.ends_with('\n') || text.is_empty(), "{text}");
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[actix_web::test]
async fn a_list_is_streamed_to_its_end_one_object_a_line() {
    let upstream = Upstream::start(|asked| page(asked, 23, 3)).await;
    let bench = over(&upstream.url);
    let whole = bench.get(&path("limit=5")).await;
    let ids: Vec<_> = objects(&whole.bytes).iter().map(|object| object["id"].clone()).collect();
    assert_eq!(ids, (0..23).map(|n| json!(format!("t-{n}"))).collect::<Vec<_>>());
    assert_eq!(objects(&whole.bytes)[7]["remote_data"]["templateId"], "t-7");
    let less =
        bench.get(&path("limit=7&truto_exclude_fields=description&truto_ignore_remote_data=true")).await;
    assert_eq!(
        objects(&less.bytes)[22],
        json!({"id": "t-22", "name": "22", "created_at": null, "updated_at": null})
    );
    let calls = upstream.asked().len();
    bench.get(&path("")).await;
    assert_eq!(upstream.asked().len(), calls + 1, "pages are large where no limit is given");
}

#[actix_web::test]
async fn no_page_is_read_before_the_one_before_it_was_taken() {
    let upstream = Upstream::start(|asked| page(asked, 40, 3)).await;
    let bench = over(&upstream.url);
    let mut reader = open(&bench, "limit=10").await;
    let mut read = 0;
    for calls in 1..=4 {
        read += objects(&reader.next().await.unwrap().unwrap()).len();
        assert_eq!((upstream.asked().len(), read), (calls, calls * 10));
    }
    assert!(reader.next().await.is_none());
}

#[actix_web::test]
async fn what_fails_midway_is_told_in_a_last_line_and_the_answer_breaks() {
    let upstream = Upstream::start(|asked| match number(asked, "start_position") {
        0 => page(asked, 40, 3),
        _ => writes("HTTP/1.1 400 Bad Request\r\n\r\n{\"errorCode\":\"NO\",\"message\":\"It is not.\"}"),
    })
    .await;
    let bench = over(&upstream.url);
    let mut reader = open(&bench, "limit=10").await;
    let mut lines = Vec::new();
    loop {
        match reader.next().await {
            Some(Ok(piece)) => lines.extend_from_slice(&piece),
            Some(Err(())) => break,
            None => panic!("it looks whole: {}", String::from_utf8_lossy(&lines)),
        }
    }
    let told = objects(&lines);
    let problem = told.last().unwrap();
    assert_eq!((told.len(), &problem["statusCode"]), (11, &json!(400)), "{problem}");
    assert_eq!(
        (&problem["truto_is_remote_error"], &problem["raw_response"]["errorCode"]),
        (&json!(true), &json!("NO"))
    );
    // What is wrong from the start is answered as anywhere.
    let upstream = Upstream::start(|_| writes("HTTP/1.1 403 Forbidden\r\n\r\n{}")).await;
    assert_eq!(over(&upstream.url).get(&path("")).await.status, 403);
}

#[actix_web::test]
async fn a_stream_ends_as_cut_when_the_server_stops() {
    let upstream = Upstream::start(|asked| page(asked, 40, 3)).await;
    let bench = over(&upstream.url);
    let mut reader = open(&bench, "limit=10").await;
    assert_eq!(objects(&reader.next().await.unwrap().unwrap()).len(), 10);
    bench.stopping.cancel();
    assert_eq!(objects(&reader.next().await.unwrap().unwrap())[0]["statusCode"], 503);
    assert!(reader.next().await.unwrap().is_err());
    assert_eq!(upstream.asked().len(), 1);
}

#[actix_web::test]
async fn only_lists_are_streamed_and_without_keys() {
    let world = World::new();
    let id = world.json("e-signature/templates").await["result"][0]["id"].as_str().unwrap().to_owned();
    let stream = "truto_response_format=stream";
    for (path, part) in [
        (format!("e-signature/templates/{id}?{stream}"), "lists alone"),
        (format!("e-signature/templates?{stream}&truto_key_by=id"), "truto_key_by"),
        (format!("e-signature/templates?{stream}&truto_exclude_fields=nmae"), "perhaps name"),
    ] {
        let answer = world.get(&path).await;
        assert_eq!(answer.status, 400, "{path}");
        assert!(answer.message().contains(part), "{path}: {}", answer.message());
    }
}

/// What has come within some moments of quiet.
async fn available(socket: &mut TcpStream) -> Vec<u8> {
    let (mut all, mut chunk) = (Vec::new(), vec![0; 1 << 16]);
    loop {
        match timeout(PATIENCE, socket.read(&mut chunk)).await.expect("something in time") {
            Ok(0) | Err(_) => return all,
            Ok(read) => all.extend_from_slice(&chunk[..read]),
        }
    }
}

#[actix_web::test]
async fn over_a_wire_a_reader_that_waits_is_waited_for_and_a_cut_answer_has_no_end() {
    const TOTAL: usize = 4_000;
    const SIZE: usize = 4_000;
    let upstream = Upstream::start(|asked| match number(asked, "start_position") {
        3_500.. => writes("HTTP/1.1 400 Bad Request\r\n\r\n{\"errorCode\":\"NO\"}"),
        _ => page(asked, TOTAL, SIZE),
    })
    .await;
    let bench = over(&upstream.url);
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
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(64 * 1024).unwrap();
    let mut socket = socket.connect(address).await.unwrap();
    let request = format!("GET {} HTTP/1.1\r\nHost: localhost\r\n\r\n", path("limit=50"));
    socket.write_all(request.as_bytes()).await.unwrap();
    // The list is 16 MB, of which buffers of sockets hold a part: calls cease long before its end.
    let (mut last, mut since) = (0, Instant::now());
    let calls = eventually("calls cease", PATIENCE, async || {
        let calls = upstream.asked().len();
        if calls != last {
            (last, since) = (calls, Instant::now());
        }
        (calls > 0 && since.elapsed() > Duration::from_millis(500)).then_some(calls)
    });
    let calls = calls.await;
    assert!(calls < TOTAL / 50 / 2, "{calls} calls for a reader that takes nothing");
    let all = String::from_utf8(available(&mut socket).await).unwrap();
    assert!(all.starts_with("HTTP/1.1 200"), "{}", &all[..100]);
    assert!(all.contains("\"statusCode\":400"), "{} {}", all.len(), &all[all.len() - 400..]);
    assert!(!all.ends_with("\r\n0\r\n\r\n"), "a cut answer must not look whole");
    assert!(upstream.asked().len() > calls);
    handle.stop(true).await;
    serving.await.unwrap().unwrap();
}
