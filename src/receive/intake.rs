//! Taking in a body as it arrives: digested on the way, kept in memory while small, in a file when large.

use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use sha2::{Digest as _, Sha256};
use tokio::fs::{self, File};
use tokio::io::{AsyncWriteExt, BufWriter};
use tokio::time::Instant;

use crate::base::{DeliveryId, Refusal, limits};
use crate::connect::Body;
use crate::connect::elide::Elider;
use crate::connect::signature::{Digests, Keys};

use super::pieces::Pieces;
use super::room::{Hold, Kind};

/// The `Authorization` header of `user:password`.
pub(super) fn basic(user_and_password: &str) -> String {
    format!("Basic {}", STANDARD.encode(user_and_password))
}

/// Why a body was not taken in.
#[derive(Debug)]
pub(super) enum Broken {
    /// The sender's doing.
    Refused(Refusal),
    /// Ours: the file of a large body could not be written.
    Spool(std::io::Error),
}

/// What a body may take up, and what it holds of it.
pub(super) struct Space<'a> {
    /// Most bytes of a body.
    pub(super) most: u64,
    /// Where large bodies go.
    pub(super) spool: &'a Path,
    /// What the delivery holds.
    pub(super) hold: &'a mut Hold,
    /// Bytes of its head, which it holds as well.
    pub(super) head: u64,
}

impl Space<'_> {
    /// Holds so many bytes of the body in memory.
    fn memory(&mut self, bytes: usize) -> Result<(), Broken> {
        crowded(self.hold.set(Kind::Memory, self.head + bytes as u64))
    }

    /// Holds so many bytes of the body in the spool.
    fn spool(&mut self, bytes: u64) -> Result<(), Broken> {
        crowded(self.hold.set(Kind::Spool, bytes))
    }
}

fn crowded(fits: bool) -> Result<(), Broken> {
    if fits { Ok(()) } else { Err(Broken::Refused(Refusal::Crowded)) }
}

/// When a body that began then, and of which so many bytes have come, must have gone on.
fn due(began: Instant, length: u64) -> Instant {
    let pace = limits::DELIVERY_GRACE + Duration::from_secs(length / limits::DELIVERY_PACE_BYTES);
    began + pace.min(limits::DELIVERY_READ_TIMEOUT)
}

/// Reads a body to its end, in the space that it has, digesting it under every key.
pub(super) async fn take_in<E>(
    mut chunks: impl Stream<Item = Result<Bytes, E>> + Unpin,
    keys: &Keys,
    id: DeliveryId,
    mut space: Space<'_>,
) -> Result<(Body, Digests), Broken> {
    let mut digesting = keys.begin();
    let mut small = Pieces::default();
    let mut large: Option<Large> = None;
    let (began, mut length) = (Instant::now(), 0_u64);
    let incomplete = || Broken::Refused(Refusal::Incomplete);
    loop {
        let next = tokio::time::timeout_at(due(began, length), chunks.next()).await;
        let Some(chunk) = next.map_err(|_| incomplete())? else { break };
        let chunk = chunk.map_err(|_| incomplete())?;
        length += chunk.len() as u64;
        if length > space.most {
            return Err(Broken::Refused(Refusal::TooLarge));
        }
        digesting.update(&chunk);
        match &mut large {
            Some(large) => {
                space.spool(length)?;
                large.write(&chunk).await.map_err(Broken::Spool)?;
                space.memory(large.elider.held())?;
            }
            None => {
                small.push(chunk);
                if length <= limits::BODY_INLINE_BYTES_MAX as u64 {
                    space.memory(small.held())?;
                    continue;
                }
                space.spool(length)?;
                let mut begun = Large::create(space.spool, id).await.map_err(Broken::Spool)?;
                for piece in std::mem::take(&mut small).iter() {
                    begun.write(piece).await.map_err(Broken::Spool)?;
                }
                space.memory(begun.elider.held())?;
                large = Some(begun);
            }
        }
    }
    let body = match large {
        Some(large) => large.finish(length).await.map_err(Broken::Spool)?,
        None => Body::Inline(small.join()),
    };
    Ok((body, digesting.finish()))
}

/// A large body on its way to its file. The file is removed again unless the body becomes whole.
struct Large {
    /// In larger pieces than those that come: each is handed to a thread that may wait for the disk.
    file: BufWriter<File>,
    path: SpoolFile,
    elider: Elider,
    digest: Sha256,
}

/// A file that goes when it is dropped, unless it is kept.
struct SpoolFile(Option<PathBuf>);

impl Drop for SpoolFile {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            let _ = std::fs::remove_file(path);
        }
    }
}

impl Large {
    async fn create(spool: &Path, id: DeliveryId) -> std::io::Result<Self> {
        let path = spool.join(id.to_string());
        let file = BufWriter::with_capacity(limits::BODY_PIECE_BYTES, File::create(&path).await?);
        Ok(Self { file, path: SpoolFile(Some(path)), elider: Elider::new(), digest: Sha256::new() })
    }

    async fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.elider.push(bytes);
        self.digest.update(bytes);
        self.file.write_all(bytes).await
    }

    async fn finish(mut self, length: u64) -> std::io::Result<Body> {
        self.file.flush().await?;
        self.file.get_ref().sync_all().await?;
        let path = self.path.0.take().unwrap_or_default();
        let sha256 = self.digest.finalize().into();
        Ok(Body::Spooled { path, length, sha256, skeleton: self.elider.finish() })
    }
}

/// Removes a body's file where it has one: the delivery was not let in.
pub(super) async fn discard(body: &Body) {
    if let Body::Spooled { path, .. } = body {
        // Left over, it goes at the next start with everything else in the spool.
        let _ = fs::remove_file(path).await;
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::stream;
    use uuid::Uuid;

    use super::*;
    use crate::receive::Room;

    /// Takes in a body of which `chunk` bytes come every so often, without end.
    async fn fate_of_a_body(chunk: usize, every: Duration) -> (Duration, Broken) {
        let folder = tempfile::tempdir().unwrap();
        let shared = Room::of(1, 1 << 30, 1 << 30);
        let mut hold = Hold::begin(&Room::of(0, 0, 0), &shared).unwrap();
        let space = Space { most: u64::MAX, spool: folder.path(), hold: &mut hold, head: 0 };
        let chunks = Box::pin(stream::unfold((), async |()| {
            tokio::time::sleep(every).await;
            Some((Ok::<_, Infallible>(Bytes::from(vec![b'x'; chunk])), ()))
        }));
        let began = Instant::now();
        let taken = take_in(chunks, &Keys::default(), DeliveryId(Uuid::nil()), space).await;
        (began.elapsed(), taken.expect_err("it has no end"))
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_trickles_is_given_up_soon_and_one_that_flows_after_a_minute() {
        let second = Duration::from_secs(1);
        let (lasted, broken) = fate_of_a_body(1, second / 2).await;
        assert!(matches!(broken, Broken::Refused(Refusal::Incomplete)), "{broken:?}");
        assert_eq!(lasted, limits::DELIVERY_GRACE);
        let (lasted, _) = fate_of_a_body(16 * 1024, second).await;
        assert!(
            lasted > limits::DELIVERY_GRACE && lasted < 2 * limits::DELIVERY_GRACE + second,
            "{lasted:?}"
        );
        let (lasted, _) = fate_of_a_body(200 * 1024, second).await;
        assert_eq!(lasted, limits::DELIVERY_READ_TIMEOUT);
    }

    #[tokio::test]
    async fn a_body_for_which_there_is_no_room_is_refused_and_leaves_neither_file_nor_hold() {
        let folder = tempfile::tempdir().unwrap();
        for (memory, spool) in [(1_000, 0), (1 << 30, 600 * 1024), (20, 1 << 30)] {
            let shared = Room::of(1, memory, spool);
            let mut hold = Hold::begin(&Room::of(0, 0, 0), &shared).unwrap();
            let space = Space { most: u64::MAX, spool: folder.path(), hold: &mut hold, head: 30 };
            let chunks = stream::repeat_with(|| Ok::<_, Infallible>(Bytes::from(vec![b'x'; 10_000])));
            let taken = take_in(chunks.take(200), &Keys::default(), DeliveryId(Uuid::nil()), space).await;
            assert!(matches!(taken, Err(Broken::Refused(Refusal::Crowded))), "{memory} {spool}: {taken:?}");
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
            drop(hold);
            let mut all = Hold::begin(&Room::of(0, 0, 0), &shared).unwrap();
            assert!(all.set(Kind::Memory, memory) && all.set(Kind::Spool, spool));
        }
    }
}
