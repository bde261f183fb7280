//! A server of bare bytes in DocuSign's place: it keeps what it was sent exactly, and answers exactly what it is told to.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt as _, AsyncRead};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A call as it came.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asked {
    /// Its request line.
    pub(crate) line: String,
    /// Its headers, names in lower case, in order.
    pub(crate) headers: Vec<(String, String)>,
    /// Its body, unpacked from chunks.
    pub(crate) body: Vec<u8>,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// What to do with a call.
#[derive(Debug, Clone)]
pub(crate) enum Does {
    /// Writes these bytes and ends the connection.
    Writes(Vec<u8>),
    /// Writes these bytes, then nothing, until the other side ends.
    Stalls(Vec<u8>),
}

pub(crate) fn writes(text: &str) -> Does {
    Does::Writes(text.as_bytes().to_vec())
}

/// The server; it ends with the test.
pub(crate) struct Upstream {
    pub(crate) url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    left: watch::Receiver<usize>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Upstream {
    /// Starts one that answers each call as `answer` says.
    pub(crate) async fn start(answer: impl Fn(&Asked) -> Does + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (asked, answer) = (Arc::new(Mutex::new(Vec::new())), Arc::new(answer));
        let (leaves, left) = watch::channel(0);
        let calls = Arc::clone(&asked);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (calls, answer, leaves) = (Arc::clone(&calls), Arc::clone(&answer), leaves.clone());
                tokio::spawn(async move {
                    if serve(stream, &calls, &*answer).await.is_some() {
                        leaves.send_modify(|left| *left += 1);
                    }
                });
            }
        });
        Self { url, asked, left, task }
    }

    /// The calls so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// Waits until so many callers have left an answer that stalled.
    pub(crate) async fn left(&self, callers: usize) {
        let mut left = self.left.clone();
        let waited = left.wait_for(|left| *left >= callers);
        tokio::time::timeout(std::time::Duration::from_secs(20), waited).await.expect("left").unwrap();
    }
}

/// Serves one call; whether its caller left a stalled answer.
async fn serve(
    stream: TcpStream,
    calls: &Mutex<Vec<Asked>>,
    answer: &(dyn Fn(&Asked) -> Does + Send + Sync),
) -> Option<()> {
    let mut stream = BufReader::new(stream);
    let asked = read(&mut stream).await?;
    calls.lock().unwrap().push(asked.clone());
    match answer(&asked) {
        Does::Writes(bytes) => {
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
            None
        }
        Does::Stalls(bytes) => {
            let _ = stream.write_all(&bytes).await;
            let _ = stream.flush().await;
            let mut byte = [0];
            while stream.read(&mut byte).await.is_ok_and(|count| count > 0) {}
            Some(())
        }
    }
}

async fn read(stream: &mut BufReader<TcpStream>) -> Option<Asked> {
    let mut asked = Asked { line: line(stream).await?, ..Asked::default() };
    loop {
        let next = line(stream).await?;
        let Some((name, value)) = next.split_once(':') else { break };
        asked.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    if asked.header("transfer-encoding").is_some() {
        loop {
            let size = usize::from_str_radix(&line(stream).await?, 16).ok()?;
            let mut chunk = vec![0; size + 2];
            stream.read_exact(&mut chunk).await.ok()?;
            asked.body.extend_from_slice(&chunk[..size]);
            if size == 0 {
                break;
            }
        }
    } else if let Some(length) = asked.header("content-length") {
        asked.body = vec![0; length.parse().ok()?];
        stream.read_exact(&mut asked.body).await.ok()?;
    }
    Some(asked)
}

async fn line(stream: &mut BufReader<impl AsyncRead + Unpin>) -> Option<String> {
    let mut text = String::new();
    let count = stream.read_line(&mut text).await.ok()?;
    (count > 0).then(|| text.trim_end().to_owned())
}
