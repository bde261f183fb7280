//! A file that bodies are appended to, in groups: all that wait are written at once, synced, and only then answered.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;
use std::thread;

use actix_web::web::Bytes;
use tokio::sync::{mpsc, oneshot};

/// Bodies that may wait to be written, and to be published.
const WAITING_MAX: usize = 1 << 16;
/// Bytes of one group.
const GROUP_BYTES_MAX: usize = 4 << 20;

struct Waiting {
    body: Bytes,
    written: oneshot::Sender<()>,
}

/// The way into the file.
#[derive(Clone)]
pub(super) struct Journal(mpsc::Sender<Waiting>);

impl Journal {
    /// Begins a file, written by a thread of its own; what is on disk comes out of the receiver, in order.
    pub(super) fn begin(path: &Path) -> io::Result<(Self, mpsc::Receiver<Bytes>)> {
        let file = File::create(path)?;
        let (sender, waiting) = mpsc::channel(WAITING_MAX);
        let (written, receiver) = mpsc::channel(WAITING_MAX);
        thread::spawn(move || write(file, waiting, &written));
        Ok((Self(sender), receiver))
    }

    /// Appends a body; true once it is on disk.
    pub(super) async fn append(&self, body: Bytes) -> bool {
        let (written, on_disk) = oneshot::channel();
        self.0.send(Waiting { body, written }).await.is_ok() && on_disk.await.is_ok()
    }
}

/// Writes group after group. Ends, and with it every waiter's hope, where the file cannot be written.
fn write(mut file: File, mut waiting: mpsc::Receiver<Waiting>, written: &mpsc::Sender<Bytes>) {
    let mut bytes = Vec::new();
    while let Some(first) = waiting.blocking_recv() {
        let mut group = vec![first];
        bytes.clear();
        while bytes.len() < GROUP_BYTES_MAX {
            let Some(next) = group.last() else { break };
            bytes.extend_from_slice(&(next.body.len() as u64).to_le_bytes());
            bytes.extend_from_slice(&next.body);
            let Ok(next) = waiting.try_recv() else { break };
            group.push(next);
        }
        if file.write_all(&bytes).and_then(|()| file.sync_data()).is_err() {
            return;
        }
        for Waiting { body, written: on_disk } in group {
            // Whoever hung up meanwhile needs no answer.
            let _ = on_disk.send(());
            if written.blocking_send(body).is_err() {
                return;
            }
        }
    }
}
