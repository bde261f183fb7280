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
/// Envelope custom fields kept from one message; DocuSign's own limit per account is far below.
pub const CUSTOM_FIELDS_MAX: usize = 1_000;
/// Longest word of an id or event name that is accepted from a message, in bytes.
pub const WORD_BYTES_MAX: usize = 256;
/// Longest name, address or reason that is taken over from a message into changes, in bytes; longer ones are cut. A
/// message of a thousand recipients makes a thousand changes, and each tells the name of the whole.
pub const TEXT_TAKEN_BYTES_MAX: usize = 1_024;
/// DocuSign signs with up to 100 keys: `X-DocuSign-Signature-1` to `-100`.
pub const SIGNATURES_MAX: usize = 100;
/// Request headers kept with a delivery, in bytes.
pub const HEADERS_BYTES_MAX: usize = 32 * 1024;
/// A delivery must have arrived whole within this time, else its connection is closed.
pub const DELIVERY_READ_TIMEOUT: Duration = Duration::from_secs(60);
/// Within that, a body has this long, and a second more for each [`DELIVERY_PACE_BYTES`] that have arrived: DocuSign
/// writes a body in one go, and only who wants to hold a place writes it byte by byte.
pub const DELIVERY_GRACE: Duration = Duration::from_secs(10);
/// See [`DELIVERY_GRACE`]; a quarter of a megabit a second.
pub const DELIVERY_PACE_BYTES: u64 = 32 * 1024;

/// Connections at once, of all threads together: far more than DocuSign and a proxy open. What each may hold (a head of
/// up to 128 KiB, and as much on its way out) is bounded by actix.
pub const CONNECTIONS_MAX: usize = 4_096;
/// Bytes that a connection takes in before what has come is looked at: the most that fits its buffer of 16 KiB without
/// that being doubled, which happens once less than a KiB of it is free.
pub const WIRE_TURN_BYTES: u64 = 15 * 1024;
/// Connections that the kernel lets wait to be accepted.
pub const CONNECTIONS_WAITING_MAX: i32 = 1_024;
/// Open files left to all else: store, broker, logs.
pub const FILES_KEPT: usize = 256;
/// Time for the first head on a connection.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// A connection without a request is kept this long.
pub const KEEP_ALIVE: Duration = Duration::from_secs(20);
/// Who sends a body that is not wanted has this long to notice the answer, before the connection is closed.
pub const LINGER_TIMEOUT: Duration = Duration::from_secs(5);
/// On a connection without a request under way, something must be written this often: so later heads have a time as
/// well, and an answer that nobody reads does not wait for ever. Longer than [`KEEP_ALIVE`] and [`STREAM_HEARTBEAT`].
pub const WIRE_QUIET: Duration = Duration::from_secs(30);
/// The same once a head has come: a body's time, and half as much for its answer.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(90);

/// Sources that may be configured: each adds the room of its own to what may be held in all.
pub const SOURCES_MAX: usize = 100;
/// Deliveries under way at once, of all sources together: four of the writer's groups, so that the disk is never short
/// of work; more would only wait longer. One more is answered 503.
pub const DELIVERIES_MAX: u64 = 2_048;
/// Beside those, as many of each source, which no other source can take.
pub const OWN_DELIVERIES: u64 = 16;
/// Bytes of heads and bodies that the deliveries under way hold in memory, of all sources together. Packing and
/// mapping need about as much again.
pub const HELD_BYTES_MAX: u64 = 32 * 1024 * 1024;
/// The same of each source's own: for usual deliveries, of some kilobytes, all of [`OWN_DELIVERIES`].
pub const OWN_HELD_BYTES: u64 = 2 * 1024 * 1024;
/// A body that does not come at once is held in pieces of so many bytes: each of [`DELIVERIES_MAX`] can have one.
pub const HELD_PIECE_BYTES: usize = 16 * 1024;
/// Bytes of large bodies on disk that are not yet let in, of all sources together. With a larger `delivery_bytes_max`,
/// two of the largest.
pub const SPOOL_BYTES_MAX: u64 = 512 * 1024 * 1024;
/// The same of each source's own: one of the largest.
pub const OWN_SPOOL_BYTES: u64 = DELIVERY_BYTES_MAX;
/// That there is no room is logged at most this often: a flood must not become one of log lines.
pub const CROWDED_EVERY: Duration = Duration::from_secs(1);

/// A refused signature is explained in the log at most so often, and only for bodies up to so many bytes.
pub const EXPLAIN_EVERY: Duration = Duration::from_secs(1);
/// See [`EXPLAIN_EVERY`].
pub const EXPLAIN_BYTES_MAX: usize = 64 * 1024;
/// Signatures of a delivery that are looked at for it: DocuSign sends one for each of its active keys, and two in a
/// rotation.
pub const EXPLAIN_SIGNATURES_MAX: usize = 8;
/// Digests that it costs for each key of the source, at most; each key of other sources costs one.
pub const EXPLAIN_DIGESTS: usize = 30 + 4 * EXPLAIN_SIGNATURES_MAX;
/// Bytes digested for it in all, some 50 ms of one core: with hundreds of keys only short bodies are explained.
pub const EXPLAIN_WORK_BYTES_MAX: usize = 64 * 1024 * 1024;

/// How often the books are audited: the equations are cheap, and an alarm a minute late is early enough.
pub const BOOKS_EVERY: Duration = Duration::from_secs(60);
/// Deliveries that one call of a replay walks over, so that its answer comes soon and a bar can move.
pub const REPLAY_PAGE: usize = 256;
/// Deliveries that it reads again before it ends early; the life under way is read to its end.
pub const REPLAY_READ_MAX: usize = 1_000;
/// Deliveries of one signing request that are replayed together, in memory but for their bytes; one with more is told
/// of and left out. Real ones have some dozens; only what names no object at all (an account's own events) has more.
pub const REPLAY_LIFE_MAX: usize = 2_000;
/// Changes of one signing request that are compared, for the same reason.
pub const REPLAY_CHANGES_MAX: usize = 10_000;
/// Message ids that one call of a replay may choose.
pub const REPLAY_IDS_MAX: usize = 1_000;
/// How often a life is read again that changes while it is read.
pub const REPLAY_LOOKS_MAX: u32 = 5;
/// Writes waiting for the store's writer; one delivery more is answered 503. Not filled by deliveries alone: see
/// [`DELIVERIES_MAX`].
pub const STORE_QUEUE_MAX: usize = 4_096;
/// Jobs in one transaction: larger groups only make the slowest answer slower.
pub const STORE_GROUP_MAX: usize = 512;
/// Bytes in one transaction, for the same reason.
pub const STORE_GROUP_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Signing requests and participants whose states the writer keeps in memory (some 300 bytes each).
pub const STORE_CACHE_MAX: usize = 50_000;
/// States that wait to be written to their rows: the more wait, the more share a page, and the longer the one transaction
/// takes that brings them in. Less than [`STORE_CACHE_MAX`], in which they all are.
pub const STORE_LATE_MAX: usize = 2_048;
/// The same where deliveries come one by one: some 1 ms instead of 4, four times as often.
pub const STORE_LATE_FEW_MAX: usize = 512;
/// Changed states or writes of a transaction that tell that deliveries come one by one.
pub const STORE_FEW: usize = 4;
/// Bytes of them, for the same reason: those of large signing requests have some ten thousand each.
pub const STORE_LATE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Readers for the faces, beside the writer.
pub const STORE_READERS: usize = 3;
/// Readers for relay and enricher: a long query of the faces must not hold them up.
pub const STORE_FLOW_READERS: usize = 2;
/// Time for a connection to PostgreSQL, its login included.
pub const STORE_CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Time for one answer of PostgreSQL; later, the connection is made anew. Longer than its wait for another node's
/// transaction (5 s).
pub const STORE_ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// The same for the leases, which must be renewed in less than their length.
pub const STORE_LEASE_TIMEOUT: Duration = Duration::from_secs(2);
/// After PostgreSQL could not be reached, no other attempt is made for so long: what asks meanwhile fails at once.
pub const STORE_RECONNECT_WAIT: Duration = Duration::from_millis(500);
/// Bytes of statements that are sent to PostgreSQL together: enough to fill a wire, little to hold.
pub const STORE_PIPELINE_BYTES_MAX: usize = 1024 * 1024;
/// Bytes of rows that wait to be written to SQLite together: those of some hundred deliveries, which a processor's cache
/// holds.
pub const STORE_COMPANY_BYTES_MAX: usize = 256 * 1024;
/// A piece of a large body in PostgreSQL, where no file can hold it for all nodes.
pub const STORE_PIECE_BYTES: usize = 256 * 1024;
/// How often a shared store is looked at for what other nodes appended.
pub const STORE_LOOK_EVERY: Duration = Duration::from_millis(50);
/// How long a node's share of the work stays its own without being renewed: the longest time until others take over
/// from a node that died.
pub const LEASE: Duration = Duration::from_secs(10);
/// A node counts its share as lost this long before others can take it.
pub const LEASE_MARGIN: Duration = Duration::from_secs(2);
/// How often it is renewed.
pub const LEASE_RENEW_EVERY: Duration = Duration::from_secs(1);
/// How often the write-ahead log is checkpointed while something is written, on a connection of its own.
pub const STORE_CHECKPOINT_EVERY: Duration = Duration::from_millis(250);
/// How often it is looked whether to do so earlier.
pub const STORE_CHECKPOINT_LOOK_EVERY: Duration = Duration::from_millis(50);
/// Commits of [`STORE_FEW`] writes or less in the mean that are copied earlier. Each has some ten pages or more, and copying
/// them takes 1 to 3 ms instead of 4 to 8 (docs/bench/store.md).
pub const STORE_CHECKPOINT_GROUPS: u64 = 32;
/// Pages of 4 kB in the write-ahead log beyond which it is begun anew: it is read whole after a crash, and written
/// over it costs less than made longer.
pub const STORE_LOG_PAGES_MAX: u64 = 8_192;
/// How long a delivery is remembered as seen: longer than DocuSign's longest retry (15 days) by far.
pub const DEDUP_RETENTION: Duration = Duration::from_secs(30 * 24 * 3600);

/// Records that wait for a checkpoint before one is signed at once: a piece of the chain for a third party has the
/// digests of at most about so many records of others, 32 bytes each.
pub const EVIDENCE_UNSIGNED_MAX: u64 = 1_024;
/// How long a record waits for its checkpoint otherwise: what an attacker who kills the process can take back.
pub const EVIDENCE_SIGN_EVERY: Duration = Duration::from_secs(1);
/// A checkpoint is written to the log this often at most, where an attacker who changes the database may not reach.
pub const EVIDENCE_LOG_EVERY: Duration = Duration::from_secs(60);
/// Records read at a time while a chain is examined, some 400 bytes each.
pub const EVIDENCE_PAGE: usize = 1_000;
/// Records of evidence pruned at a time, so that the writer is never held up for long: more than mostly come before a
/// checkpoint, for they are pruned up to one.
pub const EVIDENCE_PRUNE_ROWS: u64 = 2 * EVIDENCE_UNSIGNED_MAX;
/// Deliveries, changes and the like pruned at a time: some 2 ms of the writer.
pub const STORE_PRUNE_ROWS: u64 = 100;
/// How many times as long as a step of pruning took nothing is pruned: so that deliveries have nine tenths of
/// the writer.
pub const PRUNE_REST: u32 = 9;
/// Findings of an examination that are kept; more are only counted.
pub const FINDINGS_MAX: usize = 1_000;
/// Largest file of evidence that is read.
pub const EVIDENCE_FILE_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// Changes that one broker channel publishes at a time, before its confirms are awaited.
pub const RELAY_WINDOW: usize = 256;
/// Bytes of their bodies: they are written in one piece, beside the changes themselves. One change is taken whatever its
/// size.
pub const RELAY_BATCH_BYTES_MAX: usize = 1024 * 1024;
/// Channels that publish side by side, so that the broker is never short of work.
pub const RELAY_LANES: usize = 4;
/// While deliveries come, the least that goes out in a turn of the relay: few enough that the broker is done with them in some
/// milliseconds, enough that each message costs little more than in a full batch.
pub const RELAY_TURN: usize = 64;
/// After each turn it rests so many times as long as the turn took, and so leaves two thirds of the time to answers.
pub const RELAY_REST: u32 = 2;
/// But never longer: a broker that is slow or far away is not one that deliveries share the cores with.
pub const RELAY_REST_MAX: Duration = Duration::from_millis(20);
/// It does not rest where fewer than this came during the turn and what went out was no backlog: the next one follows
/// at once.
pub const RELAY_FEW: usize = 32;
/// Deliveries count as coming for so long after one that made a change.
pub const RELAY_YIELD: Duration = Duration::from_millis(50);
/// Changes read from the outbox at a time.
pub const RELAY_PAGE: usize = 512;
/// Changes that the relay holds in memory: in flight, and as many that wait or are being settled. The rest stays in the
/// store.
pub const RELAY_HELD_MAX: usize = 2 * RELAY_WINDOW * RELAY_LANES;
/// Bytes of their bodies; one change is taken whatever its size.
pub const RELAY_HELD_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Changes held for one signing request, so that a busy one leaves room for the others; they go out one by one.
pub const RELAY_LINE_MAX: usize = 64;
/// Signing requests whose change the broker did not take and which wait to be tried again. With more than these,
/// something is wrong with the broker and nothing new is read until some are due.
pub const RELAY_PARKED_MAX: usize = 1_024;
/// First and longest wait before a change that the broker did not take is published again; each is jittered.
pub const RELAY_BACKOFF: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(30));
/// The same trouble with publishing is told the operator at most this often.
pub const RELAY_ADVICE_EVERY: Duration = Duration::from_secs(10);
/// How often the relay looks at the oldest unpublished changes: those that an operator put back among them.
pub const RELAY_LOOK_AGAIN: Duration = Duration::from_secs(5);
/// A graceful stop waits this long for the publishes in flight: less than [`SHUTDOWN_TIMEOUT`], which is for all.
pub const RELAY_STOP_TIMEOUT: Duration = Duration::from_secs(12);
/// First and longest wait after the store could not be read or settled in.
pub const RELAY_STORE_BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
/// Time for one publish to be written and for one confirm to arrive; later, the connection is made anew.
pub const CONFIRM_TIMEOUT: Duration = Duration::from_secs(10);
/// A channel that nacks is replaced by another one at most this often: see `broker::Lane`.
pub const LANE_RENEW_EVERY: Duration = Duration::from_secs(1);
/// First and longest wait between two attempts to reach the broker; each is jittered.
pub const BROKER_BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(15));
/// Time for a connection to a broker, its login included: a peer that says nothing would else be waited for.
pub const BROKER_CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Heartbeat in seconds where a broker's address tells none: half-open connections are noticed within twice of this.
pub const BROKER_HEARTBEAT_SECS: u16 = 10;
/// Largest frame on the connection that declares the topology: no message passes there.
pub const BROKER_FRAME_BYTES: u32 = 16 * 1024;
/// A connection that does not close within this time is dropped: while the broker blocks it, it never would.
pub const BROKER_CLOSE_TIMEOUT: Duration = Duration::from_secs(1);
/// Time for one part of the topology to be declared; the others do not wait for it.
pub const TOPOLOGY_TIMEOUT: Duration = Duration::from_secs(5);
/// How often parts of the topology that could not be declared are tried again.
pub const TOPOLOGY_RETRY: Duration = Duration::from_secs(5);
/// How often the whole topology is declared again while nothing is wrong: a queue deleted by hand comes back.
pub const TOPOLOGY_RECHECK: Duration = Duration::from_secs(60);
/// Size and, in RabbitMQ's own notation, age at which the stream `countersign.audit` drops its oldest segments.
pub const AUDIT_BYTES_MAX: u64 = 5_000_000_000;
/// See [`AUDIT_BYTES_MAX`].
pub const AUDIT_AGE_MAX: &str = "30D";
/// Size of a segment of it; RabbitMQ's own 500 MB would waste small disks.
pub const AUDIT_SEGMENT_BYTES: u64 = 50_000_000;

/// On a stop, what is in the outbox is still published for at most so long; the rest waits for the next start.
pub const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// Signing requests fetched side by side.
pub const ENRICH_WORKERS: usize = 4;
/// Signing requests claimed in one look: as many fetches in a row an account may have before another one's turn comes.
pub const ENRICH_AHEAD: usize = 32;
/// Changes within this time after the first are answered by one fetch.
pub const ENRICH_COALESCE: Duration = Duration::from_millis(500);
/// Attempts to fetch before the failure itself is published: with the waits below some two hours, so that DocuSign can be
/// away for one and no object is given up for it.
pub const ENRICH_ATTEMPTS_MAX: u32 = 60;
/// First and longest wait between two attempts to fetch; each is jittered, and never before a rate limit resets.
pub const ENRICH_BACKOFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(300));
/// The same where DocuSign does not let us in: an operator mends that in minutes or hours, not seconds.
pub const ENRICH_MEND_BACKOFF: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(3600));
/// A look at what is due happens at least this often, so that a clock that jumped delays nothing for longer.
pub const ENRICH_LOOK_MAX: Duration = Duration::from_secs(60);
/// Changes, and deliveries since the first of them, that are looked at before a fetch, for one that carried the whole
/// signing request: a burst has a handful.
pub const CARRIED_LOOK_MAX: usize = 64;
/// Bytes of these deliveries, which are in memory together for each of [`ENRICH_WORKERS`]: one with all tabs of a long
/// contract has some hundred kilobytes.
pub const CARRIED_BYTES_MAX: u64 = 2 * 1024 * 1024;
/// Claims put off until a rate limit resets come back spread over this time after it.
pub const ENRICH_RESET_SPREAD: Duration = Duration::from_secs(5);
/// Largest answer read from DocuSign into memory.
pub const REST_ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Time for one call to DocuSign.
pub const REST_TIMEOUT: Duration = Duration::from_secs(30);
/// Time for the connection that a call needs.
pub const REST_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Largest answer read where no object is expected: a refusal, a token, the list of a user's accounts.
pub const REST_SHORT_ANSWER_BYTES_MAX: usize = 1024 * 1024;
/// Longest word of DocuSign's (error code, trace token) and longest message that is kept from a refusal, in characters.
pub const REST_WORDS_MAX: (usize, usize) = (128, 512);
/// Accounts whose remaining calls are remembered; far more than one receiver serves.
pub const REST_ACCOUNTS_MAX: usize = 10_000;
/// Shortest wait after DocuSign refused a call for its rate: the length of its burst window.
pub const REST_THROTTLE_MIN: Duration = Duration::from_secs(30);
/// Longest wait: the hour of its other limits, and slack for a clock that differs from DocuSign's.
pub const REST_THROTTLE_MAX: Duration = Duration::from_secs(65 * 60);
/// Of an hour's calls, one in so many is kept for callers who wait for their answer: fetching in the background stops
/// before them, unless what it fetches has reached its final status.
pub const REST_RESERVE_PART: u32 = 5;
/// Of an hour's calls, one in so many is kept from background fetches of any status.
pub const REST_RESERVE_FINAL_PART: u32 = 20;
/// Envelopes of one account whose own limits are remembered; where there are more, the account waits as a whole.
pub const REST_ENVELOPES_HELD_MAX: usize = 1_000;
/// Attempts of a call for somebody who waits, and the first and longest wait between two; each is jittered.
pub const REST_ATTEMPTS_MAX: u32 = 6;
/// See [`REST_ATTEMPTS_MAX`].
pub const REST_BACKOFF: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(8));
/// Refused items of one answer that are told: as many things as one call of DocuSign's takes.
pub const REST_ITEMS_MAX: usize = 1_000;
/// A token is renewed this long before it ends (DocuSign's own advice), or after half its life if that is sooner.
pub const TOKEN_RENEW_AHEAD: Duration = Duration::from_secs(600);
/// A refused token request is not repeated within this time: an answer to it does not change by asking.
pub const TOKEN_REFUSED_MEMORY: Duration = Duration::from_secs(60);
/// How long the list of the user's accounts is believed; DocuSign asks to cache it.
pub const USERINFO_AGE_MAX: Duration = Duration::from_secs(24 * 3600);
/// An account that is not on the list is looked for again no sooner than this.
pub const USERINFO_AGE_MIN: Duration = Duration::from_secs(300);
/// Document fields (tabs) in one enriched message, some 250 bytes each: RabbitMQ 4 refuses messages over 16 MiB.
pub const DOCUMENT_FIELDS_MAX: usize = 5_000;
/// How long a linked account is taken to be linked as it was before the store is asked again: until then a node may
/// still use a token of an account that another one removed.
pub const ACCOUNT_LOOK: Duration = Duration::from_secs(60);
/// How long a node has to exchange a refresh token before others take it that it died: longer than a call can take.
pub const REFRESH_CLAIM: Duration = Duration::from_secs(60);
/// How often a node looks whether another one has finished.
pub const REFRESH_LOOK: Duration = Duration::from_millis(250);
/// After how long without use a refresh token is exchanged all the same: it ends after 30 days.
pub const REFRESH_IDLE_MAX: Duration = Duration::from_secs(7 * 24 * 3600);
/// How long a link token is good where nobody says how long: its user reads a mail, and asks somebody.
pub const LINK_LIFE: Duration = Duration::from_secs(3600);
/// The shortest and longest life that can be asked for: who holds it can link an account.
pub const LINK_LIFE_RANGE: (Duration, Duration) =
    (Duration::from_secs(60), Duration::from_secs(7 * 24 * 3600));
/// How long a user has to log in at DocuSign, with a second factor perhaps, and to choose an account afterwards.
pub const AUTHORIZATION_LIFE: Duration = Duration::from_secs(15 * 60);
/// Longest address to which a user is sent afterwards, in bytes: what browsers and proxies take.
pub const REDIRECT_BYTES_MAX: usize = 2_048;
/// Accounts of one user among which one is chosen: a page of them can still be read.
pub const USER_ACCOUNTS_MAX: usize = 100;
/// How often a change of an account is tried again that another node's change overtook.
pub const ACCOUNT_TRIES_MAX: usize = 5;

/// How often each account is reconciled at most: DocuSign's rules ask for no more than one look in a quarter of an hour.
pub const RECONCILE_EVERY_MIN: Duration = Duration::from_secs(15 * 60);
/// Longest time that may be set between two looks: what was missed should be found within a day.
pub const RECONCILE_EVERY_MAX: Duration = Duration::from_secs(24 * 3600);
/// So far each window reaches back into the one before: clocks differ by minutes, and lists may lag behind.
pub const RECONCILE_OVERLAP: Duration = Duration::from_secs(2 * 3600);
/// What happened within this time is left to the next look: its delivery is perhaps on its way.
pub const RECONCILE_GRACE: Duration = Duration::from_secs(5 * 60);
/// Furthest that a look for what was modified reaches back: envelopes expire after 120 days where nothing else is set.
pub const RECONCILE_LIFE_MAX: Duration = Duration::from_secs(365 * 24 * 3600);
/// Signing requests in one page of a list: some 5 kB each with their participants, far below the largest answer.
pub const RECONCILE_PAGE: u32 = 200;
/// The same where pages of that size could not be read.
pub const RECONCILE_PAGE_SMALL: u32 = 10;
/// Calls of an account's hour that are left to enriching and to the account's other programs: a fifth of the 3,000
/// that DocuSign gives. Where it gives less, a fifth of that.
pub const RECONCILE_RESERVE: u32 = 600;
/// Attempts at one page before a run is given up; the next one begins where it began.
pub const RECONCILE_ATTEMPTS_MAX: u32 = 5;
/// First and longest wait between two of them.
pub const RECONCILE_BACKOFF: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(120));
/// Runs that may wait to be made: more than one for each account makes no sense.
pub const RECONCILE_QUEUE_MAX: usize = 1_000;
/// Reports that are kept: a month of hourly looks at one account.
pub const RECONCILE_RUNS_KEPT: usize = 720;
/// Signing requests that a report names; more are only counted.
pub const RECONCILE_NAMED_MAX: usize = 100;
/// Signing requests that Connect is asked to publish again in one call.
pub const RECONCILE_REPUBLISH_MAX: usize = 100;
/// Deliveries that are looked at for whether Connect delivers XML.
pub const RECONCILE_FORMATS_LOOKED_AT: usize = 1_000;
/// Signing requests of a run that are remembered as seen, some 60 bytes each.
pub const RECONCILE_SEEN_MAX: usize = 100_000;
/// How often a flow that waits looks whether its turn has come, so that a clock that jumped delays nothing for longer.
pub const RECONCILE_LOOK_MAX: Duration = Duration::from_secs(60);

/// Longest address that Connect publishes to, in bytes: DocuSign's own bound.
pub const CONNECT_URL_BYTES_MAX: usize = 4_096;

/// Rows in one page of the HTTP API, and the default.
pub const PAGE_ROWS_MAX: usize = 1_000;
/// Rows in one page when `limit` is absent.
pub const PAGE_ROWS: usize = 100;
/// Open server-sent streams; one more is answered 503.
pub const STREAMS_MAX: usize = 256;
/// A stream reads at most this often, and tells all that came meanwhile at once: a busy store would else be asked
/// once for each commit and each stream.
pub const STREAM_READ_EVERY: Duration = Duration::from_millis(25);
/// Changes read from the feed at a time, for a page or a stream: all that a stream holds in memory, times
/// [`STREAMS_MAX`]. An enriched change can have more than a megabyte.
pub const FEED_READ_ROWS: usize = 16;
/// A page of the feed ends early, with a cursor, once its bodies have this many bytes.
pub const PAGE_BYTES_MAX: usize = 8 * 1024 * 1024;
/// A comment goes out on a quiet stream this often, before proxies take it for dead (60 s as a rule).
pub const STREAM_HEARTBEAT: Duration = Duration::from_secs(15);
/// Largest body of a request to the HTTP API: 1,000 positions of 20 digits fit three times over.
pub const API_BODY_BYTES_MAX: usize = 64 * 1024;
/// Longest request id taken over from a caller, in bytes; a longer one is replaced by ours.
pub const REQUEST_ID_BYTES_MAX: usize = 64;
/// Bytes of a request's path that are logged: ours are shorter.
pub const PATH_BYTES_LOGGED: usize = 256;
/// Largest body that is passed on to DocuSign: its files of 25 MB in base64, several of them, and slack.
pub const FORWARD_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// A body up to here is read whole before it is passed on, so that the call can be repeated with a fresh token.
pub const FORWARD_WHOLE_BYTES_MAX: u64 = 256 * 1024;
/// Calls passed on at once; each holds a connection either way and, read whole, [`FORWARD_WHOLE_BYTES_MAX`].
pub const FORWARDS_MAX: usize = 128;
/// Pieces of a streamed body that wait on their way to DocuSign.
pub const FORWARD_PIECES_WAITING: usize = 2;
/// Time from a call to the head of DocuSign's answer, its body sent within: less than [`ANSWER_TIMEOUT`], after which
/// the caller's connection ends without an answer.
pub const FORWARD_HEAD_TIMEOUT: Duration = Duration::from_secs(80);
/// Time between two pieces of DocuSign's answer: less than [`WIRE_QUIET`], for the same reason.
pub const FORWARD_QUIET: Duration = Duration::from_secs(25);
/// Time for a whole answer of DocuSign's that is passed on: a combined PDF of 100 MB at two megabits a second.
pub const FORWARD_TIMEOUT: Duration = Duration::from_secs(600);
/// Tokens that are kept, some 300 bytes each: every node has all of them in memory.
pub const TOKENS_MAX: usize = 10_000;
/// Accounts that one token can be for: a page of them can still be read, and a query looks for each row's among them.
pub const TOKEN_ACCOUNTS_MAX: usize = 100;
/// How long a node takes its list of tokens for the present one: until then it may let in a token that another node
/// revoked.
pub const TOKENS_LOOK: Duration = Duration::from_secs(2);
/// That a token was used is written down this often: it is asked for in days.
pub const TOKEN_USE_NOTED_EVERY: Duration = Duration::from_secs(3600);
/// Tokens that ended are told apart from ones that never were for so long, and then forgotten.
pub const TOKENS_ENDED_KEPT: Duration = Duration::from_secs(30 * 24 * 3600);
/// The shortest and longest life that can be asked for.
pub const TOKEN_LIFE_RANGE: (Duration, Duration) =
    (Duration::from_secs(60), Duration::from_secs(10 * 365 * 24 * 3600));
/// The time over which `api_rate` counts a token's requests.
pub const API_RATE_WINDOW: Duration = Duration::from_secs(10);
/// Counts and probes are taken anew at most this often, however many ask.
pub const PROBE_EVERY: Duration = Duration::from_secs(1);
/// The store has this long to answer a probe before it counts as down.
pub const PROBE_TIMEOUT: Duration = Duration::from_secs(5);
/// A piece of a large body on its way to its file, or of a stored one on its way out.
pub const BODY_PIECE_BYTES: usize = 64 * 1024;
/// A graceful stop waits this long for requests and for publishes in flight.
pub const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(20);
/// Largest settings file or file with a secret: people write some kilobytes.
pub const SETTINGS_FILE_BYTES_MAX: u64 = 1024 * 1024;
/// Largest answer of our own server that the command line reads: a delivery of the largest size in base64, and slack.
pub const API_ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Rows that one call of `events list` or `events replay` gathers; more is for the feed itself.
pub const CLI_ROWS_MAX: usize = 100_000;
/// Longest line of a server-sent stream: a change with its enriched body and slack.
pub const SSE_LINE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Lives that the simulator's sender keeps in flight (some 10 kB each).
pub const SIMULATOR_ALIVE: usize = 256;
/// Connections that the simulator's sender opens.
pub const SIMULATOR_CONNECTIONS_MAX: usize = 1_024;
/// What the simulator's sender keeps of an answer: ours are some hundred bytes.
pub const SIMULATOR_ANSWER_BYTES_MAX: usize = 16 * 1024;
/// DocuSign gives up waiting for an answer after this time.
pub const SIMULATOR_POST_TIMEOUT: Duration = Duration::from_secs(100);
/// Envelopes that the stand-in for DocuSign remembers in an account; the oldest are forgotten.
pub const SIMULATOR_ENVELOPES_MAX: usize = 10_000;
/// Accounts that it knows.
pub const SIMULATOR_ACCOUNTS_MAX: usize = 1_000;
/// Tokens that it keeps alive; the oldest die first.
pub const SIMULATOR_TOKENS_MAX: usize = 10_000;
/// Faults in force at once.
pub const SIMULATOR_FAULTS_MAX: usize = 64;
/// What it keeps to be told over Connect while nobody tells it.
pub const SIMULATOR_UNTOLD_MAX: usize = 1_024;
/// What it keeps of messages that were dropped on purpose, until somebody asks for them.
pub const SIMULATOR_UNSENT_MAX: usize = 10_000;
/// Connect configurations that an account of it has at most.
pub const SIMULATOR_CONFIGURATIONS_MAX: usize = 100;
/// Largest body that it takes: an envelope with documents in base64, as DocuSign takes 25 MB.
pub const SIMULATOR_BODY_BYTES_MAX: usize = 34 * 1024 * 1024;
/// Envelopes in one page of a list: DocuSign's own bound since 2024.
pub const SIMULATOR_PAGE_MAX: usize = 1_000;
/// Users and groups in one page of a list: DocuSign's own bound.
pub const SIMULATOR_SMALL_PAGE_MAX: usize = 100;
/// Folders in one page where nobody says; DocuSign's own number is not known.
pub const SIMULATOR_FOLDERS_PAGE: usize = 25;
/// Users, groups, contacts, folders and templates together that an account of the simulator has at most.
pub const SIMULATOR_ESTATE_MAX: usize = 10_000;
/// Users that one call makes: DocuSign's own bound.
pub const SIMULATOR_NEW_USERS_MAX: usize = 500;
/// Bytes of documents that it keeps, of all accounts together; the oldest are forgotten.
pub const SIMULATOR_PAPERS_BYTES_MAX: usize = 256 * 1024 * 1024;

/// Objects on a page of a unified list, where none are asked for.
pub const UNIFY_PAGE: usize = 50;
/// Objects on a page of a unified list at most: DocuSign's own largest page.
pub const UNIFY_PAGE_MAX: usize = 1_000;
/// Signing requests that one call of a list asks for: with all who take part, some kB each, they must fit into
/// [`REST_ANSWER_BYTES_MAX`].
pub const UNIFY_SIGNING_REQUESTS_A_CALL: usize = 250;
/// Names that an error tells where one was told that there is not.
pub const UNIFY_NAMES_TOLD: usize = 50;
/// The largest place in a routing order: DocuSign tells no bound, and no signing request has as many.
pub const ROUTING_ORDER_MAX: i64 = 9_999;
/// Objects of a unified list that is asked for without a limit: what is more is streamed, or read by pages.
pub const UNIFY_ALL_MAX: usize = 10_000;
/// Objects that a streamed list reads at a time, where no limit is given: few calls, and some megabytes at most.
pub const UNIFY_STREAM_PAGE: usize = 250;
/// Pages of a streamed list: one that has more does not end, or should be filtered.
pub const UNIFY_STREAM_PAGES_MAX: usize = 1_000_000;
/// From the last line of a streamed list that could not be read to its end until the connection breaks: time for that
/// line to be sent.
pub const UNIFY_CUT_AFTER: Duration = Duration::from_secs(1);
/// For so long the answer to a request with a key is given again to whoever sends it once more.
pub const IDEMPOTENCY_KEPT: Duration = Duration::from_secs(24 * 60 * 60);
/// Keys kept at once; of more the oldest are forgotten early. Answers have some kilobytes each.
pub const IDEMPOTENCY_KEYS_MAX: usize = 500_000;
/// The largest answer that is kept: of a larger one is known that it was given.
pub const IDEMPOTENCY_ANSWER_BYTES_MAX: usize = 1024 * 1024;
/// Time for a request with a key, whether or not its caller is still there.
pub const IDEMPOTENCY_WORK_TIMEOUT: Duration = Duration::from_secs(120);
/// After this, a key whose request was never answered may be claimed by another: longer than
/// [`IDEMPOTENCY_WORK_TIMEOUT`], so that no two are at it.
pub const IDEMPOTENCY_CLAIM: Duration = Duration::from_secs(180);
/// The longest key: a UUID has 36 characters.
pub const IDEMPOTENCY_KEY_BYTES_MAX: usize = 255;
/// Signing requests read from the store at a time for a list, where filters may leave out some.
pub const UNIFY_STORE_WINDOW: usize = 200;
/// Signing requests of the store looked at for one page: filters may leave out most, and the page then ends early.
pub const UNIFY_STORE_LOOKED_MAX: usize = 2_000;
/// Calls that one page of a unified list makes at most, where filters leave out much of what DocuSign gives.
pub const UNIFY_CALLS_FOR_PAGE_MAX: usize = 100;
/// Objects before its place by which a cursor finds it again; the last ones may be removed meanwhile.
pub const UNIFY_ANCHORS: usize = 3;
/// So many objects before a place are read with its page, to find it again though as many were removed before it.
pub const UNIFY_OVERLAP: usize = 3;
/// Calls by which a place is looked for in either direction where it is not where it was.
pub const UNIFY_SEARCHES: usize = 10;
/// Objects that each of those calls asks for, where DocuSign gives as many.
pub const UNIFY_SEARCH_ROWS: usize = 1_000;
/// Folders inside one another that are gone into; DocuSign's own bound is not known, nobody files so deep.
pub const UNIFY_DEPTH_MAX: usize = 32;
/// For so long one unified request tries what may pass: most clients give up after half a minute.
pub const UNIFY_PATIENCE: Duration = Duration::from_secs(20);
/// Unified requests under way at once; each holds a page in memory. One with a body counts once more for each mebibyte of
/// it, of which there are four at a time in memory: as sent, as read, as mapped and as passed on.
pub const UNIFY_REQUESTS_MAX: usize = 128;
/// The largest JSON body of a unified request: documents in it are base64.
pub const UNIFY_BODY_BYTES_MAX: usize = 32 * 1024 * 1024;
/// What DocuSign gives at most by most of its lists.
pub const DOCUSIGN_PAGE_MAX: usize = 100;
/// Addresses of signing pages that it remembers: the last ones given out.
pub const SIMULATOR_VIEWS_MAX: usize = 1_000;
