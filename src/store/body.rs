//! The bytes of a delivery as they are kept: compressed in the database, or in a file of their own when large.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use bytes::Bytes;

use crate::base::DeliveryId;
use crate::connect::{Body, Delivery};
use crate::evidence::Digest32;
use crate::evidence::chain::sha256;
use crate::evidence::record::headers_digest;

use super::session::Session;
use super::{Error, StoredBody};

const PLAIN: i64 = 0;
const LZ4: i64 = 1;
const FILE: i64 = 2;

/// Headers and bytes, ready to be written; made outside the writer, whose time is everyone's.
#[derive(Debug)]
pub(super) struct Packed {
    pub(super) headers: String,
    pub(super) headers_digest: Digest32,
    pub(super) body_digest: Digest32,
    pub(super) encoding: i64,
    body: PackedBody,
    /// A file already moved to its place, to be removed again should the write fail.
    pub(super) file: Option<PathBuf>,
}

#[derive(Debug)]
enum PackedBody {
    Plain(Bytes),
    Compressed(Vec<u8>),
    Outside,
}

impl Packed {
    /// Digests headers and body; compresses a small body; moves a large one's file to its lasting place, durably.
    pub(super) fn pack(delivery: &Delivery, folder: &Path) -> Result<Self, Error> {
        let headers = serde_json::to_string(&delivery.headers).unwrap_or_default();
        let headers_digest = headers_digest(&delivery.headers);
        let (body_digest, encoding, body, file) = match &delivery.body {
            Body::Inline(bytes) => {
                let (digest, compressed) = (sha256(&[bytes]), lz4_flex::compress_prepend_size(bytes));
                if compressed.len() < bytes.len() {
                    (digest, LZ4, PackedBody::Compressed(compressed), None)
                } else {
                    (digest, PLAIN, PackedBody::Plain(bytes.clone()), None)
                }
            }
            Body::Spooled { path, sha256, .. } => {
                let lasting = file_of(folder, delivery.id);
                let moved = fs::rename(path, &lasting).and_then(|()| File::open(folder)?.sync_all());
                moved.map_err(|e| Error::Unavailable(format!("a large body could not be kept: {e}")))?;
                (*sha256, FILE, PackedBody::Outside, Some(lasting))
            }
        };
        Ok(Self { headers, headers_digest, body_digest, encoding, body, file })
    }

    pub(super) fn bytes(&self) -> Option<&[u8]> {
        match &self.body {
            PackedBody::Plain(bytes) => Some(bytes),
            PackedBody::Compressed(bytes) => Some(bytes),
            PackedBody::Outside => None,
        }
    }

    /// About how much this adds to a transaction.
    pub(super) fn weight(&self) -> usize {
        self.headers.len() + self.bytes().map_or(0, <[u8]>::len)
    }
}

/// The file of a large body.
pub(super) fn file_of(folder: &Path, id: DeliveryId) -> PathBuf {
    folder.join(id.to_string())
}

/// The bytes back from what was written.
pub(super) fn unpack(
    encoding: i64,
    bytes: Vec<u8>,
    folder: &Path,
    id: DeliveryId,
) -> Result<StoredBody, Error> {
    match encoding {
        PLAIN => Ok(StoredBody::Inline(bytes.into())),
        LZ4 => lz4_flex::decompress_size_prepended(&bytes)
            .map(|bytes| StoredBody::Inline(bytes.into()))
            .map_err(|_| Error::Rejected("a stored body is damaged".into())),
        _ => Ok(StoredBody::File(file_of(folder, id))),
    }
}

/// The same where the bytes are not to be trusted: a false length must not ask for memory that is not there.
pub(super) fn unpack_exactly(
    encoding: i64,
    bytes: Vec<u8>,
    length: u64,
    folder: &Path,
    id: DeliveryId,
) -> Result<StoredBody, Error> {
    let told = || bytes.first_chunk().map(|told| u64::from(u32::from_le_bytes(*told)));
    if encoding == LZ4 && told() != Some(length) {
        return Err(Error::Rejected("a stored body is damaged".into()));
    }
    unpack(encoding, bytes, folder, id)
}

/// Removes files that no delivery owns: a crash between the move of a file and its commit leaves one. Runs before
/// anything is written.
pub(super) fn sweep(session: &Session, folder: &Path) -> Result<(), Error> {
    let failed =
        |e: std::io::Error| Error::Unavailable(format!("the folder of large bodies cannot be swept: {e}"));
    for file in fs::read_dir(folder).map_err(failed)? {
        let file = file.map_err(failed)?;
        let Some(id) = file.file_name().to_str().and_then(|name| name.parse::<uuid::Uuid>().ok()) else {
            continue;
        };
        let sql = "SELECT 1 FROM deliveries WHERE id = ?1";
        if session.row(sql, &[id.as_bytes().as_slice().into()], |_| Ok(()))?.is_none() {
            fs::remove_file(file.path()).map_err(failed)?;
        }
    }
    Ok(())
}
