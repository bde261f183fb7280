//! Taking in a body as it arrives: digested on the way, kept in memory while small, in a file when large.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt};
use sha2::{Digest as _, Sha256};
use tokio::fs::{self, File};
use tokio::io::AsyncWriteExt;

use crate::base::{DeliveryId, Refusal, limits};
use crate::connect::Body;
use crate::connect::elide::Elider;
use crate::connect::signature::{Digests, Keys};

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

/// Reads a body to its end, at most `most` bytes of it, digesting it under every key.
pub(super) async fn take_in<E>(
    mut chunks: impl Stream<Item = Result<Bytes, E>> + Unpin,
    keys: &Keys,
    most: u64,
    spool: &Path,
    id: DeliveryId,
) -> Result<(Body, Digests), Broken> {
    let mut digesting = keys.begin();
    let mut held = BytesMut::new();
    let mut large: Option<Large> = None;
    let mut length = 0_u64;
    let mut whole: Option<Bytes> = None;
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| Broken::Refused(Refusal::Incomplete))?;
        length += chunk.len() as u64;
        if length > most {
            return Err(Broken::Refused(Refusal::TooLarge));
        }
        digesting.update(&chunk);
        match &mut large {
            Some(large) => large.write(&chunk).await.map_err(Broken::Spool)?,
            None if held.is_empty() && whole.is_none() => whole = Some(chunk),
            None => {
                // A body in one chunk is kept as it came; only a second chunk makes it a copy.
                if let Some(first) = whole.take() {
                    held.reserve(first.len() + chunk.len());
                    held.extend_from_slice(&first);
                }
                held.extend_from_slice(&chunk);
                if held.len() > limits::BODY_INLINE_BYTES_MAX {
                    let mut begun = Large::create(spool, id).await.map_err(Broken::Spool)?;
                    begun.write(&held).await.map_err(Broken::Spool)?;
                    held = BytesMut::new();
                    large = Some(begun);
                }
            }
        }
    }
    let body = match large {
        Some(large) => large.finish(length).await.map_err(Broken::Spool)?,
        None => Body::Inline(whole.unwrap_or_else(|| held.freeze())),
    };
    Ok((body, digesting.finish()))
}

/// A large body on its way to its file. The file is removed again unless the body becomes whole.
struct Large {
    file: File,
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
        let file = File::create(&path).await?;
        Ok(Self { file, path: SpoolFile(Some(path)), elider: Elider::new(), digest: Sha256::new() })
    }

    async fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.elider.push(bytes);
        self.digest.update(bytes);
        self.file.write_all(bytes).await
    }

    async fn finish(mut self, length: u64) -> std::io::Result<Body> {
        self.file.flush().await?;
        self.file.sync_all().await?;
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
