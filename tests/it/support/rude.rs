//! A rude client: it writes what it likes onto a bare connection, as slowly as it likes, and reads when it likes.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::server::Server;

/// One connection to the server.
#[derive(Debug)]
pub(crate) struct Rude {
    wire: TcpStream,
    seen: Vec<u8>,
}

impl Rude {
    /// Connects.
    pub(crate) async fn to(server: &Server) -> Self {
        let address = server.url("").trim_start_matches("http://").to_owned();
        Self { wire: TcpStream::connect(address).await.expect("a connection"), seen: Vec::new() }
    }

    /// Connects and says something.
    pub(crate) async fn saying(server: &Server, what: impl AsRef<[u8]>) -> Self {
        let mut rude = Self::to(server).await;
        rude.say(what).await;
        rude
    }

    /// Connects and begins a POST with these further headers, each ended by CRLF.
    pub(crate) async fn posting(server: &Server, path: &str, headers: &str) -> Self {
        Self::saying(server, format!("POST {path} HTTP/1.1\r\nhost: localhost\r\n{headers}\r\n")).await
    }

    /// Writes; false once the server takes no more.
    pub(crate) async fn say(&mut self, what: impl AsRef<[u8]>) -> bool {
        self.wire.write_all(what.as_ref()).await.is_ok()
    }

    /// Reads what comes until `enough` is satisfied; true where the connection ended first.
    async fn read_until(&mut self, enough: impl Fn(&[u8]) -> bool) -> bool {
        let mut chunk = [0; 4096];
        while !enough(&self.seen) {
            match self.wire.read(&mut chunk).await {
                Ok(0) | Err(_) => return true,
                Ok(read) => self.seen.extend_from_slice(&chunk[..read]),
            }
        }
        false
    }

    /// The head of the answer, empty where the connection ended without one; fails after `within`.
    pub(crate) async fn answer(&mut self, within: Duration) -> String {
        let whole = |seen: &[u8]| seen.windows(4).any(|end| end == b"\r\n\r\n");
        tokio::time::timeout(within, self.read_until(whole)).await.expect("an answer in time");
        String::from_utf8_lossy(&self.seen).into_owned()
    }

    /// Waits until the server has ended the connection, whatever it says before; fails after `within`.
    pub(crate) async fn ended(&mut self, within: Duration) -> String {
        tokio::time::timeout(within, self.read_until(|_| false)).await.expect("the connection ends in time");
        String::from_utf8_lossy(&self.seen).into_owned()
    }

    /// Ends the connection by a reset, as a client that crashed does.
    pub(crate) fn reset(self) {
        self.wire.set_zero_linger().expect("a socket");
    }

    /// Waits until the server has ended the connection, reading nothing.
    pub(crate) async fn cut_off(&mut self, within: Duration) {
        let cut = async {
            // A written byte is answered by a reset once the other end is gone.
            while self.wire.write_all(b"x").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(within, cut).await.expect("the connection is cut in time");
    }
}
