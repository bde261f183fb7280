//! Wires that break: cut, stalled, endless and refused connections, byte by byte over bare sockets.

use countersign::base::limits;
use countersign::rest::{Again, Client, Error, Settings, http_client};
use countersign::telemetry::Metrics;
use secrecy::SecretString;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::stand_in::{ACCOUNT, ENVELOPE, PATIENCE};

async fn read_request(stream: &mut TcpStream) {
    let mut seen = Vec::new();
    while !seen.ends_with(b"\r\n\r\n") {
        seen.push(stream.read_u8().await.unwrap());
    }
}

/// One call to a server that does `serve` with the first connection.
async fn call<S: Future<Output = ()> + Send>(serve: impl FnOnce(TcpStream) -> S + Send + 'static) -> Error {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = async move { serve(listener.accept().await.unwrap().0).await };
    let (result, ()) = tokio::join!(ask(&url), server);
    result
}

async fn ask(url: &str) -> Error {
    let settings = Settings {
        base_uri: Some(url.to_owned()),
        access_token: Some(SecretString::from("the-token")),
        ..Settings::default()
    };
    let http = http_client("test", PATIENCE).unwrap();
    let clock = std::sync::Arc::new(countersign::base::SystemClock);
    let dice = countersign::base::Dice::seeded(1);
    let client = Client::with_http(http, settings, clock, dice, Metrics::default()).unwrap();
    let error =
        client.envelope(&countersign::base::AccountId::new(ACCOUNT), ENVELOPE, &[]).await.unwrap_err();
    let shown = format!("{error} {error:?} {}", error.message());
    assert!(!shown.contains("the-token") && !shown.contains(ENVELOPE), "{shown}");
    error
}

#[track_caller]
fn assert_connection(error: &Error, says: &str) {
    assert!(matches!(error, Error::Connection(_)), "{error:?}");
    assert_eq!(error.again(), Again::Later);
    assert!(error.to_string().contains(says), "{error}");
}

#[tokio::test]
async fn an_answer_cut_off_in_its_body_is_no_answer() {
    let error = call(async |mut stream| {
        read_request(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"envelopeId\":").await.unwrap();
    });
    assert_connection(&error.await, "ended early");
}

#[tokio::test]
async fn a_connection_closed_without_an_answer_is_no_answer() {
    let error = call(async |mut stream| read_request(&mut stream).await);
    assert_connection(&error.await, "no answer");
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_not_waited_for_without_end() {
    let (done, wait) = tokio::sync::oneshot::channel::<()>();
    let error = call(async move |mut stream| {
        read_request(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{").await.unwrap();
        // The client gives up and closes: only then does this end.
        assert_eq!(stream.read(&mut [0]).await.unwrap_or(0), 0);
        drop(done);
    });
    assert_connection(&error.await, "timed out");
    assert!(wait.await.is_err());
}

#[tokio::test]
async fn nobody_listening_is_a_connection_that_could_not_be_made() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    assert_connection(&ask(&url).await, "could not be made");
}

#[tokio::test]
async fn an_answer_that_says_it_is_too_large_is_not_read() {
    let error = call(async |mut stream| {
        read_request(&mut stream).await;
        let length = limits::REST_ANSWER_BYTES_MAX + 1;
        stream
            .write_all(format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{{").as_bytes())
            .await
            .unwrap();
    });
    let error = error.await;
    assert!(matches!(error, Error::TooLarge { .. }), "{error:?}");
    assert_eq!(error.again(), Again::Never);
}

#[tokio::test]
async fn an_answer_that_grows_without_end_is_broken_off_at_the_bound() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let endless = async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_request(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await.unwrap();
        let chunk = [b"10000\r\n".as_slice(), &[b' '; 0x10000], b"\r\n"].concat();
        let mut written = 0;
        while stream.write_all(&chunk).await.is_ok() {
            written += 0x10000;
        }
        written
    };
    let http = http_client("test", PATIENCE * 100).unwrap();
    let settings = Settings {
        base_uri: Some(url),
        access_token: Some(SecretString::from("the-token")),
        ..Settings::default()
    };
    let clock = std::sync::Arc::new(countersign::base::SystemClock);
    let dice = countersign::base::Dice::seeded(1);
    let client = Client::with_http(http, settings, clock, dice, Metrics::default()).unwrap();
    let account = countersign::base::AccountId::new(ACCOUNT);
    let (result, written) = tokio::join!(client.envelope(&account, ENVELOPE, &[]), endless);
    assert!(matches!(result, Err(Error::TooLarge { .. })), "{result:?}");
    assert!(written < 2 * limits::REST_ANSWER_BYTES_MAX, "{written}");
}
