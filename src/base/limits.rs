//! The bounds on everything, in one place, each with its reason.

use std::time::Duration;

/// Largest delivery: DocuSign says "25 MB or larger" with documents included; base64 and slack fit in 32 MiB.
pub const DELIVERY_BYTES_MAX: u64 = 32 * 1024 * 1024;
/// A body up to here is kept in memory; a larger one goes to a file as it arrives, its documents cut out.
pub const BODY_INLINE_BYTES_MAX: usize = 512 * 1024;
/// What is left of a large body once its documents are cut out; more than this is unreadable.
pub const SKELETON_BYTES_MAX: usize = 4 * 1024 * 1024;
/// A single text longer than this is a document (`PDFBytes`) or no text that we read: cut out of large bodies.
pub const TEXT_BYTES_MAX: usize = 64 * 1024;
/// Depth of nesting in XML; real messages stay under 12. (serde_json stops at 128 by itself.)
pub const XML_DEPTH_MAX: usize = 64;
/// Recipients in one message; DocuSign's own largest envelopes have some hundreds.
pub const RECIPIENTS_MAX: usize = 2_000;
/// Longest word of an id or event name that is accepted from a message, in bytes.
pub const WORD_BYTES_MAX: usize = 256;
/// DocuSign signs with up to 100 keys: `X-DocuSign-Signature-1` to `-100`.
pub const SIGNATURES_MAX: usize = 100;
/// Request headers kept with a delivery, in bytes.
pub const HEADERS_BYTES_MAX: usize = 32 * 1024;
/// A delivery must have arrived whole within this time, else its connection is closed.
pub const DELIVERY_READ_TIMEOUT: Duration = Duration::from_secs(60);

/// Deliveries waiting for the store's writer; one more is answered 503.
pub const STORE_QUEUE_MAX: usize = 4_096;
/// Jobs in one transaction: larger groups only make the slowest answer slower.
pub const STORE_GROUP_MAX: usize = 512;
/// Bytes in one transaction, for the same reason.
pub const STORE_GROUP_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Signing requests whose state the writer keeps in memory (some 300 bytes each).
pub const STORE_CACHE_MAX: usize = 50_000;
/// Readers beside the writer.
pub const STORE_READERS: usize = 3;
/// How often the write-ahead log is checkpointed, on a connection of its own.
pub const STORE_CHECKPOINT_EVERY: Duration = Duration::from_millis(250);
/// How long a delivery is remembered as seen: longer than DocuSign's longest retry (15 days) by far.
pub const DEDUP_RETENTION: Duration = Duration::from_secs(30 * 24 * 3600);

/// Changes in flight per broker channel before its confirms are awaited.
pub const RELAY_WINDOW: usize = 256;
/// Channels that publish side by side; a signing request always uses the same one.
pub const RELAY_LANES: usize = 4;
/// Changes read from the outbox at a time.
pub const RELAY_PAGE: usize = 1_024;
/// Time for one publish to be written and for one confirm to arrive; later, the connection is made anew.
pub const CONFIRM_TIMEOUT: Duration = Duration::from_secs(10);
/// First and longest wait between two attempts to reach the broker; each is jittered.
pub const BROKER_BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(15));

/// Signing requests fetched side by side.
pub const ENRICH_WORKERS: usize = 4;
/// Changes within this time after the first are answered by one fetch.
pub const ENRICH_COALESCE: Duration = Duration::from_millis(500);
/// Attempts to fetch before the failure itself is published.
pub const ENRICH_ATTEMPTS_MAX: u32 = 8;
/// First and longest wait between two attempts to fetch; each is jittered, and never before a rate limit resets.
pub const ENRICH_BACKOFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(300));
/// Largest answer read from DocuSign into memory.
pub const REST_ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Time for one call to DocuSign.
pub const REST_TIMEOUT: Duration = Duration::from_secs(30);

/// Rows in one page of the HTTP API, and the default.
pub const PAGE_ROWS_MAX: usize = 1_000;
/// Rows in one page when `limit` is absent.
pub const PAGE_ROWS: usize = 100;
/// Open server-sent streams; one more is answered 503.
pub const STREAMS_MAX: usize = 256;
/// A graceful stop waits this long for requests and for publishes in flight.
pub const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(20);
/// Largest settings file or file with a secret: people write some kilobytes.
pub const SETTINGS_FILE_BYTES_MAX: u64 = 1024 * 1024;
