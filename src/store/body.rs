//! The bytes of a delivery as they are kept: compressed in the database, or outside it when large: in a file of
//! their own, or, where nodes share the store and cannot read one another's files, in pieces.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use crate::base::{DeliveryId, limits};
use crate::connect::{Body, Delivery};
use crate::evidence::Digest32;
use crate::evidence::chain::sha256;
use crate::evidence::record::headers_digest;
use crate::failpoint::{self, Step};

use super::session::{Session, Value};
use super::{Error, StoredBody};

const PLAIN: i64 = 0;
const LZ4: i64 = 1;
const FILE: i64 = 2;
const PIECES: i64 = 3;

/// Headers and bytes, ready to be written; made outside the writer, whose time is everyone's.
#[derive(Debug)]
pub(super) struct Packed {
    pub(super) headers: String,
    pub(super) headers_digest: Digest32,
    pub(super) body_digest: Digest32,
    pub(super) encoding: i64,
    body: PackedBody,
}

/// Where large bodies go.
#[derive(Debug, Clone)]
pub(super) enum Large {
    /// Into this folder, beside the database.
    Files(Arc<PathBuf>),
    /// Into the database; those that were asked for here lie in this folder too.
    Pieces(Arc<PathBuf>),
}

#[derive(Debug)]
enum PackedBody {
    Plain(Bytes),
    Compressed(Vec<u8>),
    Outside,
}

impl Packed {
    /// Digests headers and body; compresses a small body. A large one has been brought to its place before (see [`Large::keep`]).
    pub(super) fn pack(delivery: &Delivery, large: &Large) -> Self {
        let headers = delivery.headers_json();
        let headers_digest = headers_digest(&delivery.headers);
        let (body_digest, encoding, body) = match &delivery.body {
            Body::Inline(bytes) => {
                let (digest, compressed) = (sha256(&[bytes]), lz4_flex::compress_prepend_size(bytes));
                if compressed.len() < bytes.len() {
                    (digest, LZ4, PackedBody::Compressed(compressed))
                } else {
                    (digest, PLAIN, PackedBody::Plain(bytes.clone()))
                }
            }
            Body::Spooled { sha256, .. } => match large {
                Large::Files(_) => (*sha256, FILE, PackedBody::Outside),
                Large::Pieces(_) => (*sha256, PIECES, PackedBody::Outside),
            },
        };
        Self { headers, headers_digest, body_digest, encoding, body }
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
fn file_of(folder: &Path, id: DeliveryId) -> PathBuf {
    folder.join(id.to_string())
}

fn unkept(why: &dyn std::fmt::Display) -> Error {
    Error::Unavailable(format!("a large body could not be kept: {why}"))
}

impl Large {
    /// Brings a large body from its spool to its lasting place, durably: before the delivery that owns it is
    /// written. Takes as long as its bytes need; `session` is used where they go into the database.
    pub(super) fn keep(&self, session: &Session, id: DeliveryId, spooled: &Path) -> Result<(), Error> {
        match self {
            Self::Files(folder) => {
                let moved = fs::rename(spooled, file_of(folder, id));
                moved.and_then(|()| File::open(folder.as_path())?.sync_all()).map_err(|why| unkept(&why))?;
            }
            Self::Pieces(_) => {
                let mut file = File::open(spooled).map_err(|why| unkept(&why))?;
                let mut piece = vec![0; limits::STORE_PIECE_BYTES];
                for number in 0.. {
                    let length = read_piece(&mut file, &mut piece).map_err(|why| unkept(&why))?;
                    if length == 0 {
                        break;
                    }
                    let id = id.0.as_bytes().as_slice();
                    session.execute(
                        "INSERT INTO body_pieces (id, piece, bytes) VALUES (?1, ?2, ?3) \
                         ON CONFLICT (id, piece) DO UPDATE SET bytes = excluded.bytes",
                        &[id.into(), Value::Int(number), Value::Blob(&piece[..length])],
                    )?;
                }
                // Its bytes are in the database now; one that is left behind goes at the next start.
                let _ = fs::remove_file(spooled);
            }
        }
        failpoint::pass(Step::BodyMoved);
        Ok(())
    }

    /// Whether a write that ended so has left no row. On a server its commit may have been made, and only the answer to
    /// that be lost.
    pub(super) fn is_unowned_after(&self, error: &Error) -> bool {
        matches!(self, Self::Files(_)) || !matches!(error, Error::Unavailable(_))
    }

    /// Lets go of a large body that no delivery owns.
    pub(super) fn forget(&self, session: &Session, id: DeliveryId) {
        let (Self::Files(folder) | Self::Pieces(folder)) = self;
        // Most have none.
        let _ = fs::remove_file(file_of(folder, id));
        if matches!(self, Self::Pieces(_)) {
            let sql = "DELETE FROM body_pieces WHERE id = ?1";
            if let Err(error) = session.execute(sql, &[id.0.as_bytes().as_slice().into()]) {
                tracing::warn!(%error, "a large body that nothing owns could not be removed; pruning will");
            }
        }
    }
}

/// As many bytes as fit, or as are left.
fn read_piece(file: &mut File, piece: &mut [u8]) -> std::io::Result<usize> {
    let mut length = 0;
    while length < piece.len() {
        match file.read(&mut piece[length..])? {
            0 => break,
            read => length += read,
        }
    }
    Ok(length)
}

/// Whether what was written so is in the row itself.
pub(super) fn is_inline(encoding: i64) -> bool {
    matches!(encoding, PLAIN | LZ4)
}

/// The bytes back from what was written.
pub(super) fn unpack(
    session: &Session,
    encoding: i64,
    bytes: Vec<u8>,
    large: &Large,
    id: DeliveryId,
) -> Result<StoredBody, Error> {
    let (Large::Files(folder) | Large::Pieces(folder)) = large;
    let file = file_of(folder, id);
    match encoding {
        PLAIN => Ok(StoredBody::Inline(bytes.into())),
        LZ4 => lz4_flex::decompress_size_prepended(&bytes)
            .map(|bytes| StoredBody::Inline(bytes.into()))
            .map_err(|_| Error::Rejected("a stored body is damaged".into())),
        PIECES if !file.exists() => gather(session, id, &file).map(|()| StoredBody::File(file)),
        _ => Ok(StoredBody::File(file)),
    }
}

/// The digest of what was written; not to be trusted (see [`each_chunk`]).
pub(super) fn digest(
    session: &Session,
    encoding: i64,
    bytes: Vec<u8>,
    length: u64,
    large: &Large,
    id: DeliveryId,
) -> Result<Digest32, Error> {
    let mut digest = Sha256::new();
    each_chunk(session, (encoding, bytes, length), large, id, |chunk| digest.update(chunk))?;
    Ok(digest.finalize().into())
}

/// What was written, as far as it can be read back, all in memory; not to be trusted either.
pub(super) fn read_whole(
    session: &Session,
    encoding: i64,
    bytes: Vec<u8>,
    length: u64,
    large: &Large,
    id: DeliveryId,
) -> Result<Bytes, Error> {
    let mut whole = Vec::new();
    each_chunk(session, (encoding, bytes, length), large, id, |chunk| whole.extend_from_slice(chunk))?;
    Ok(whole.into())
}

/// Reads back what was written, chunk by chunk, and trusts none of it: a false length must not ask for memory that is
/// not there, and a copy of what the database holds in pieces is no evidence.
fn each_chunk(
    session: &Session,
    (encoding, bytes, length): (i64, Vec<u8>, u64),
    large: &Large,
    id: DeliveryId,
    mut take: impl FnMut(&[u8]),
) -> Result<(), Error> {
    if encoding == PIECES {
        return each_piece(session, id, take);
    }
    let told = bytes.first_chunk().map(|told| u64::from(u32::from_le_bytes(*told)));
    if encoding == LZ4 && told != Some(length) || !(PLAIN..=PIECES).contains(&encoding) {
        return Err(Error::Rejected("a stored body is damaged".into()));
    }
    match unpack(session, encoding, bytes, large, id)? {
        StoredBody::Inline(bytes) => take(&bytes),
        StoredBody::File(path) => read_file(&path, take)
            .map_err(|why| Error::Rejected(format!("its file cannot be read: {why}")))?,
    }
    Ok(())
}

fn read_file(path: &Path, mut take: impl FnMut(&[u8])) -> std::io::Result<()> {
    let (mut file, mut piece) = (File::open(path)?, vec![0; limits::BODY_PIECE_BYTES]);
    loop {
        match read_piece(&mut file, &mut piece)? {
            0 => return Ok(()),
            length => take(&piece[..length]),
        }
    }
}

fn each_piece(session: &Session, id: DeliveryId, mut take: impl FnMut(&[u8])) -> Result<(), Error> {
    for number in 0.. {
        let piece = session.row(
            "SELECT bytes FROM body_pieces WHERE id = ?1 AND piece = ?2",
            &[id.0.as_bytes().as_slice().into(), Value::Int(number)],
            |row| row.blob(0),
        )?;
        let Some(piece) = piece else { break };
        take(&piece);
    }
    Ok(())
}

/// Puts a body's pieces together in a file, one piece in memory at a time.
fn gather(session: &Session, id: DeliveryId, file: &Path) -> Result<(), Error> {
    let failed = |why: std::io::Error| Error::Unavailable(format!("a large body cannot be read: {why}"));
    // Under another name until it is whole: others may ask for it meanwhile, each in a thread of its own.
    let begun = file.with_extension(format!("{:?}", std::thread::current().id()));
    let mut whole = File::create(&begun).map_err(failed)?;
    let mut written = Ok(());
    each_piece(session, id, |piece| {
        if written.is_ok() {
            written = whole.write_all(piece);
        }
    })?;
    written.map_err(failed)?;
    fs::rename(begun, file).map_err(failed)
}

/// Removes files that no delivery owns: a crash between the move of a file and its commit leaves one; and copies of
/// what the database holds in pieces. Runs before anything is written.
pub(super) fn sweep(session: &Session, large: &Large) -> Result<(), Error> {
    let failed =
        |e: std::io::Error| Error::Unavailable(format!("the folder of large bodies cannot be swept: {e}"));
    let (Large::Files(folder) | Large::Pieces(folder)) = large;
    for file in fs::read_dir(folder.as_path()).map_err(failed)? {
        let file = file.map_err(failed)?;
        let owned = match large {
            Large::Pieces(_) => false,
            Large::Files(_) => {
                let Some(id) = file.file_name().to_str().and_then(|name| name.parse::<uuid::Uuid>().ok())
                else {
                    continue;
                };
                let sql = "SELECT 1 FROM deliveries WHERE id = ?1";
                session.row(sql, &[id.as_bytes().as_slice().into()], |_| Ok(()))?.is_some()
            }
        };
        if !owned {
            fs::remove_file(file.path()).map_err(failed)?;
        }
    }
    Ok(())
}
