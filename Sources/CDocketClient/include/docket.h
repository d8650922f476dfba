/// Docket's client library for C, and for whatever else calls C: audit events, from any thread of a process to a collector.
///
///     docket_config config = docket_config_init();
///     const char *targets[] = {"127.0.0.1:7480"};
///     config.targets = targets;
///     config.target_count = 1;
///     config.token = getenv("DOCKET_TOKEN");
///     docket_client *client;
///     docket_error error;
///     if (docket_client_create(&config, &client, &error) != DOCKET_OK) { fputs(error.message, stderr); exit(1); }
///
///     docket_event event = docket_event_init();
///     event.type = "authz.decision";
///     event.actor.id = "alice";
///     docket_client_emit(client, &event, NULL);
///
///     docket_client_close(client, 10000, NULL, NULL);
///
/// docs/client/c.md has the rest: how to link, examples, C++, Python and Rust. What holds for every function:
///
/// - **Threads.** Any thread may call any function at any time, however it was made, and as many at once as there are. The
///   exceptions are callbacks (`docket_rejection_callback`, `docket_log_callback`): in them only `docket_client_emit`,
///   `docket_client_emit_json` and `docket_client_stats` work, the others answer DOCKET_IN_CALLBACK.
/// - **Memory.** What the caller passes is read before the call returns and never kept, callbacks and their `context` excepted. The
///   library hands out no memory that the caller would have to free.
/// - **Text** is UTF-8 that ends in a NUL; NULL means that a field is absent, which differs from "". JSON texts of
///   `docket_client_emit_json` and its kin come with their length instead.
/// - **Sizes.** `size` of each structure is its `sizeof` where the caller was compiled: the functions that end in `_init` set it. So a
///   program goes on working with a later library, whose structures have more fields.
/// - **Zero is the default.** A structure of zeros, `size` apart, is one in which nothing is set.
/// - **Errors.** Each function returns a status, and fills the `docket_error` that it was given, which may be NULL. No argument makes
///   the library crash, except a pointer to what isn't there.
/// - **Fork.** A client belongs to the process that made it: after fork(), make one in the child. A child of a process that has made
///   one can't: all its calls answer DOCKET_FORKED. (exec, and so posix_spawn and system(), is no matter.)
/// - The library runs threads of its own, and ignores SIGPIPE in the process from the first connection on. It can't be unloaded.
#ifndef DOCKET_H
#define DOCKET_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/// The version of this header; `docket_version` tells that of the library.
#define DOCKET_VERSION "0.1.0"
#define DOCKET_VERSION_MAJOR 0
#define DOCKET_VERSION_MINOR 1
#define DOCKET_VERSION_PATCH 0

// MARK: Errors

/// What became of a call: one of the constants below. Further ones may come; none is renumbered.
typedef int32_t docket_status;

enum {
    DOCKET_OK = 0,
    /// A pointer is NULL that mustn't be, or a structure's size is impossible. Nothing was done.
    DOCKET_INVALID_ARGUMENT = 1,
    /// A setting can't work, or the call needs one that is missing; the message names it.
    DOCKET_INVALID_CONFIGURATION = 2,
    /// The event is none: a field isn't UTF-8, a number isn't known, a text isn't the JSON of an event. Nothing of it is kept.
    DOCKET_INVALID_EVENT = 3,
    /// The client is closed, or there never was one; or it was closed while the call waited, and the event may be stored all the same.
    DOCKET_CLOSED = 4,
    /// This function would wait for the callback that called it.
    DOCKET_IN_CALLBACK = 5,
    /// The process is a fork of one that made a client.
    DOCKET_FORKED = 6,
    /// The collector can't be reached, is overloaded, or the connection broke.
    DOCKET_UNAVAILABLE = 7,
    /// The collector doesn't accept the credential, or it may not write to the tenant.
    DOCKET_UNAUTHORIZED = 8,
    /// The collector refused the batch for good; nothing of it is stored.
    DOCKET_REFUSED = 9,
    /// The collector rejected the event, which is in quarantine; `docket_error.rejection_code` and the message say why.
    DOCKET_REJECTED = 10,
    /// The event is larger than a batch may be (`docket_config.max_batch_bytes`).
    DOCKET_TOO_LARGE = 11,
    /// There is no room: the queue, or the journal, is full. Nothing of the event is kept.
    DOCKET_QUEUE_FULL = 12,
    /// The event was given up for newer ones (DOCKET_DROP_OLDEST).
    DOCKET_EVICTED = 13,
    /// The journal can't be used, or couldn't keep the event.
    DOCKET_JOURNAL_FAILED = 14,
    /// The time allowed ran out; what was sent may still be stored.
    DOCKET_TIMED_OUT = 15
};

/// What went wrong. It belongs to the caller; each call that gets one writes it, DOCKET_OK and an empty message included.
typedef struct docket_error {
    docket_status status;
    /// Of DOCKET_REJECTED: the sort of fault, by its number in `docket.v1.RejectionCode`; otherwise 0.
    int32_t rejection_code;
    /// Names the value, the limit and the remedy: UTF-8, ended by a NUL, cut between characters if it is too long. Never a secret.
    char message[504];
} docket_error;

/// The name of a status in lower case, such as "queue_full"; "unknown" for a number that is none. It lives for good.
const char *docket_status_name(docket_status status);

/// The library's version, such as "0.1.0". It lives for good.
const char *docket_version(void);

// MARK: Settings

/// An open client. It names one and doesn't point to anything; a closed client's is never used again in the process, so that every
/// call with it safely answers DOCKET_CLOSED.
typedef struct docket_client docket_client;

/// `docket_config.security`
enum {
    /// Not encrypted: for loopback and trusted networks.
    DOCKET_PLAINTEXT = 0,
    /// TLS 1.2 or 1.3.
    DOCKET_TLS = 1
};

/// `docket_config.compression`
enum {
    DOCKET_UNCOMPRESSED = 0,
    /// About a fifth of the bytes, for about ten times the processor time of the rest.
    DOCKET_GZIP = 1
};

/// `docket_config.overflow_policy`: what happens to events for which the queue has no room.
enum {
    /// The new event is dropped and counted.
    DOCKET_DROP_NEWEST = 0,
    /// The oldest events that were never sent are dropped and counted, a batch at a time.
    DOCKET_DROP_OLDEST = 1,
    /// The calls that wait anyway wait for room as well; `docket_client_emit`, which can't, drops the new event and counts it.
    DOCKET_WAIT = 2,
    /// Batches beyond half of the queue go into the journal, and are sent from there.
    DOCKET_USE_JOURNAL = 3
};

/// The levels of log lines, and `docket_config.log_level`.
enum {
    /// As a setting: DOCKET_LOG_INFO.
    DOCKET_LOG_DEFAULT = 0,
    DOCKET_LOG_TRACE = 1,
    DOCKET_LOG_DEBUG = 2,
    DOCKET_LOG_INFO = 3,
    DOCKET_LOG_NOTICE = 4,
    DOCKET_LOG_WARNING = 5,
    DOCKET_LOG_ERROR = 6,
    DOCKET_LOG_CRITICAL = 7,
    /// As a setting: no lines at all.
    DOCKET_LOG_OFF = 8
};

/// An event that the collector put into quarantine. It is valid until the callback returns.
typedef struct docket_rejection {
    uint32_t size;
    /// The sort of fault, by its number in `docket.v1.RejectionCode`.
    int32_t code;
    /// The event's index in its batch, from 0.
    int64_t index;
    /// The code's name, such as "unknown_event_type".
    const char *code_name;
    /// The field at fault, such as "actor.id" or "attributes/items/0/amount".
    const char *field;
    /// The fault in words: the limit and the remedy.
    const char *reason;
} docket_rejection;

/// Is told of each event that was rejected; see `docket_config.on_rejection`.
typedef void (*docket_rejection_callback)(void *context, const docket_rejection *rejection);

/// Is given what the client logs: a level (DOCKET_LOG_…) and a line without a line break at its end, valid until the callback returns.
typedef void (*docket_log_callback)(void *context, int32_t level, const char *line);

/// How a client reaches its collectors, and how it batches.
typedef struct docket_config {
    uint32_t size;
    /// DOCKET_PLAINTEXT or DOCKET_TLS.
    int32_t security;

    /// The collectors' addresses, each "HOST:PORT", "[IPV6]:PORT" or "unix:PATH"; one at least, 100 at the most. A client begins with
    /// any of them, stays as long as all is well, and goes on to the next when it isn't.
    const char *const *targets;
    size_t target_count;
    /// The bearer token. A secret: it is sent to the collector and never logged.
    const char *token;
    /// A file that holds the token instead, which is read at each connection.
    const char *token_file;
    /// The tenant to write to; NULL when the credential covers exactly one.
    const char *tenant;
    /// With DOCKET_TLS: a PEM file of the authorities to trust; NULL means the system's.
    const char *trust_file;
    /// With DOCKET_TLS: the certificate that the client shows (PEM, then the intermediates), and its key. Both or none.
    const char *client_certificate_file;
    const char *client_key_file;

    /// The directory of the journal, for this client alone: made if it isn't there, its parent must be. NULL: no journal, and no
    /// `docket_client_emit_durably`.
    const char *journal_path;
    /// What the journal's files take at the most, in bytes, from 33 MiB up. 0: 1 GiB.
    int64_t journal_max_bytes;

    /// DOCKET_UNCOMPRESSED or DOCKET_GZIP.
    int32_t compression;
    /// DOCKET_DROP_NEWEST or one of its kin.
    int32_t overflow_policy;
    /// A batch is sent once it has this many events, from 1 to 10,000. 0: 500.
    int32_t max_batch_events;
    /// A batch is sent this long after its first event at the latest, in milliseconds, up to 60,000. 0: 10. Negative: at once.
    int32_t linger_ms;
    /// A batch is sent before it grows over this many bytes, from 1 KiB to 64 MiB. 0: 1 MiB.
    int64_t max_batch_bytes;
    /// What the client keeps in memory at the most, waiting or unanswered, in bytes; from `max_batch_bytes` up, with a journal from four
    /// times that. 0: 64 MiB.
    int64_t max_queue_bytes;
    /// How many batches may be on their way at once, from 1 to 1,000. 0: 16.
    int32_t max_in_flight_batches;
    /// How often a batch is tried before it is given up. 0: until it succeeds.
    int32_t max_attempts;
    /// The pause after a first failure, in milliseconds, doubled with each further one. 0: 50.
    int32_t initial_backoff_ms;
    /// The longest pause, in milliseconds. 0: 10,000.
    int32_t max_backoff_ms;
    /// Unless it is 0, the collector isn't told of dropped events (by an event of the type "docket.events_dropped").
    int32_t no_drop_reports;
    /// The least level of lines that are logged.
    int32_t log_level;

    /// Called for each event that the collector put into quarantine, one or several at a time, on threads of the library: return soon,
    /// since nothing is sent meanwhile. NULL: nobody is told but the counters.
    docket_rejection_callback on_rejection;
    /// Called for each line that the client logs, on a thread of the library or on one that has called it, several at a time: return soon,
    /// and take no lock that is held while the library is called. NULL: lines go to standard error.
    docket_log_callback on_log;
    /// Passed to both callbacks. It must live until `docket_client_close` has returned; no callback is called afterwards.
    void *context;
} docket_config;

/// A configuration with the defaults.
static inline docket_config docket_config_init(void) {
    docket_config config;
    memset(&config, 0, sizeof config);
    config.size = (uint32_t)sizeof config;
    return config;
}

// MARK: Events

/// Who did something, or a link of a delegation chain. It never gets more fields.
typedef struct docket_actor {
    /// What sort of actor: "user", "service", "agent", …
    const char *kind;
    const char *id;
    /// The account on whose authority the actor acts, where that is another than `id`.
    const char *user_id;
} docket_actor;

/// `docket_event.decision`: how a policy decided.
enum { DOCKET_NO_DECISION = 0, DOCKET_ALLOW = 1, DOCKET_DENY = 2, DOCKET_MASK = 3 };

/// `docket_event.outcome`: how it ended.
enum { DOCKET_NO_OUTCOME = 0, DOCKET_SUCCESS = 1, DOCKET_FAILURE = 2, DOCKET_ERROR = 3 };

/// `docket_event.has`: which of the numbers are given.
enum {
    DOCKET_HAS_RISK_SCORE = 1,
    DOCKET_HAS_DURATION = 2,
    DOCKET_HAS_PAYLOAD_IN_SIZE = 4,
    DOCKET_HAS_PAYLOAD_OUT_SIZE = 8
};

/// `docket_event.occurred_at_us`: the moment of the call. (The first microsecond of 1970 itself can be said in JSON only.)
#define DOCKET_NOW 0

/// The most actors of a delegation chain that any collector takes.
#define DOCKET_MAX_DELEGATION 64

/// One audit record. Only `type` is required. The collector has limits of its own (Protos/docket/v1/event.proto names them), and puts
/// what breaks them into quarantine.
typedef struct docket_event {
    uint32_t size;
    /// Which of the numbers are given: DOCKET_HAS_…, joined by `|`.
    uint32_t has;
    /// The event's name for good. All zero: the library makes a UUIDv7. To know it, get one from `docket_new_event_id`.
    uint8_t event_id[16];
    /// When it happened: microseconds since 1970-01-01T00:00:00Z; DOCKET_NOW for the moment of the call.
    int64_t occurred_at_us;
    /// The registered event type, such as "authz.decision".
    const char *type;
    /// The identifier that the event has in the system it came from.
    const char *source_event_id;
    /// A division inside the tenant.
    const char *scope;
    docket_actor actor;
    /// The delegation chain, outermost first; DOCKET_MAX_DELEGATION at the most.
    const docket_actor *delegation;
    size_t delegation_count;
    const char *action;
    const char *resource_type;
    const char *resource_id;
    /// DOCKET_ALLOW and its kin, DOCKET_SUCCESS and its kin.
    int32_t decision;
    int32_t outcome;
    const char *reason;
    /// The policy that decided.
    const char *policy;
    /// The text of a JSON array.
    const char *obligations;
    /// The text of a JSON value.
    const char *evaluated_rules;
    /// Finite.
    double risk_score;
    const char *session_id;
    const char *request_id;
    const char *agent_id;
    /// The emitting service.
    const char *source;
    /// The W3C trace and span; all zero: absent.
    uint8_t trace_id[16];
    uint8_t span_id[8];
    /// In microseconds; not negative.
    int64_t duration_us;
    /// A fingerprint of the data that was processed: a hash with its algorithm, and sizes in bytes, not negative.
    const char *payload_hash;
    int64_t payload_in_size_bytes;
    int64_t payload_out_size_bytes;
    /// Everything else: the text of a JSON object.
    const char *attributes;
} docket_event;

/// An event in which nothing is set.
static inline docket_event docket_event_init(void) {
    docket_event event;
    memset(&event, 0, sizeof event);
    event.size = (uint32_t)sizeof event;
    return event;
}

/// Makes a new UUIDv7. NULL is ignored.
void docket_new_event_id(uint8_t event_id[16]);

// MARK: A client's life

/// A time that never runs out, as a `timeout_ms`.
#define DOCKET_FOREVER (-1)

/// Makes a client. It waits for nothing but the journal, if there is one; a connection is made when the first batch is ready. With a
/// journal, what an earlier process has left there is sent first.
///
/// `*client` is set in any case, to NULL when it fails: DOCKET_INVALID_CONFIGURATION, DOCKET_JOURNAL_FAILED (another process has it
/// open, or its files are damaged), DOCKET_INVALID_ARGUMENT.
docket_status docket_client_create(const docket_config *config, docket_client **client, docket_error *error);

/// Hands an event over. Never waits for the collector. When it returns DOCKET_OK, the event is in the queue: sent in the background,
/// again and again until it is answered. DOCKET_QUEUE_FULL, DOCKET_TOO_LARGE: it was dropped and counted. DOCKET_INVALID_EVENT: it
/// wasn't taken at all.
docket_status docket_client_emit(docket_client *client, const docket_event *event, docket_error *error);

/// The same of an event that is JSON already: one object as docs/json.md has it, `length` bytes of UTF-8. `event_id` may be missing.
docket_status docket_client_emit_json(docket_client *client, const char *json, size_t length, docket_error *error);

/// Hands an event over and waits until the local journal has synced it: it outlives the process from then on, and is stored exactly
/// once, also if another process has to send it. Threads that wait at the same time share one sync.
///
/// Waits `timeout_ms` milliseconds at the most, or DOCKET_FOREVER. DOCKET_TIMED_OUT: the event may be kept all the same.
/// DOCKET_QUEUE_FULL, DOCKET_JOURNAL_FAILED, DOCKET_TOO_LARGE: nothing of it is. DOCKET_INVALID_CONFIGURATION: there is no journal.
docket_status docket_client_emit_durably(
    docket_client *client, const docket_event *event, int64_t timeout_ms, docket_error *error);
docket_status docket_client_emit_durably_json(
    docket_client *client, const char *json, size_t length, int64_t timeout_ms, docket_error *error);

/// `docket_receipt.durability`
enum {
    /// Committed in PostgreSQL.
    DOCKET_COMMITTED = 1,
    /// Flushed to the collector's own spool; PostgreSQL follows.
    DOCKET_SPOOLED = 2
};

/// Proof of storage: of the batch in which the event went (docs/evidence.md).
typedef struct docket_receipt {
    uint32_t size;
    /// DOCKET_COMMITTED or DOCKET_SPOOLED.
    int32_t durability;
    /// The collector's number for the batch.
    int64_t batch_id;
    /// When the collector received the batch: microseconds since 1970-01-01T00:00:00Z.
    int64_t received_at_us;
    /// The Merkle root over the leaves of the accepted events.
    uint8_t root[32];
    /// The Merkle root over the leaves of all events as received.
    uint8_t content_hash[32];
} docket_receipt;

/// A receipt to be filled.
static inline docket_receipt docket_receipt_init(void) {
    docket_receipt receipt;
    memset(&receipt, 0, sizeof receipt);
    receipt.size = (uint32_t)sizeof receipt;
    return receipt;
}

/// Hands an event over and waits until the collector has committed it; fills the receipt, which may be NULL.
///
/// Waits `timeout_ms` milliseconds at the most, or DOCKET_FOREVER. DOCKET_TIMED_OUT: it is sent on, and may be stored. DOCKET_REJECTED:
/// it is in quarantine. DOCKET_REFUSED, DOCKET_UNAUTHORIZED, DOCKET_UNAVAILABLE, DOCKET_QUEUE_FULL, DOCKET_EVICTED, DOCKET_TOO_LARGE:
/// it was dropped and counted.
docket_status docket_client_emit_and_wait(
    docket_client *client, const docket_event *event, int64_t timeout_ms, docket_receipt *receipt, docket_error *error);
docket_status docket_client_emit_and_wait_json(
    docket_client *client, const char *json, size_t length, int64_t timeout_ms, docket_receipt *receipt,
    docket_error *error);

/// Sends what has been emitted so far, and waits until the collector has answered all of it and `on_rejection` has been told:
/// `timeout_ms` milliseconds at the most, or DOCKET_FOREVER. Rejected events are answered ones. Any other status: one of the batches
/// was refused or given up, or DOCKET_TIMED_OUT; what was sent may still be stored.
docket_status docket_client_flush(docket_client *client, int64_t timeout_ms, docket_error *error);

/// What became of the events that a client was given. At each moment
/// `enqueued + recovered == committed + rejected + dropped + queued`.
typedef struct docket_stats {
    uint32_t size;
    uint32_t reserved;
    /// Events that were handed over, whatever became of them; not those that a call answered with DOCKET_INVALID_… or the like.
    int64_t enqueued;
    /// Events of earlier processes that were read from the journal so far.
    int64_t recovered;
    /// Events that the collector has stored, and those that it has put into quarantine.
    int64_t committed;
    int64_t rejected;
    /// Events that were lost: the sum of the numbers below.
    int64_t dropped;
    /// Events that wait for an answer, in memory or in the journal; how many of those are in the journal.
    int64_t queued;
    int64_t journalled;
    /// What is held in memory, and what the journal's files take, in bytes.
    int64_t queued_bytes;
    int64_t journal_bytes;
    /// Batches that the collector has stored.
    int64_t acknowledged_batches;
    /// There was no room in the queue.
    int64_t dropped_queue_full;
    /// Given up for newer ones (DOCKET_DROP_OLDEST).
    int64_t dropped_evicted;
    /// Larger than a batch may be.
    int64_t dropped_too_large;
    /// Refused by the collector for good, or often enough (`docket_config.max_attempts`).
    int64_t dropped_refused;
    /// The journal couldn't keep them; whoever waited for that was told.
    int64_t dropped_journal;
    /// The client was closed before they were sent.
    int64_t dropped_shut_down;
    /// Sent, and the client was closed before an answer came: they may be stored all the same.
    int64_t dropped_unanswered;
} docket_stats;

/// Statistics to be filled.
static inline docket_stats docket_stats_init(void) {
    docket_stats stats;
    memset(&stats, 0, sizeof stats);
    stats.size = (uint32_t)sizeof stats;
    return stats;
}

/// Fills `stats`. Never waits for the collector.
docket_status docket_client_stats(docket_client *client, docket_stats *stats, docket_error *error);

/// Sends what is left, waits for the answers `timeout_ms` milliseconds at the most (or DOCKET_FOREVER), and closes the client. What
/// isn't answered by then goes into the journal, if there is one; without it, it is dropped and counted. Closing takes a second more at
/// the most. Fills `stats`, which may be NULL, with the last numbers.
///
/// DOCKET_OK: it is closed, and nothing was lost by that. DOCKET_TIMED_OUT: it is closed, and the message says how many events were lost.
/// Any other status: this call has closed nothing. From the moment of the call others answer DOCKET_CLOSED, a second close as well; calls under way that wait end with their answer or
/// DOCKET_CLOSED. Once it has returned no callback is called, or still runs.
docket_status docket_client_close(docket_client *client, int64_t timeout_ms, docket_stats *stats, docket_error *error);

#ifdef __cplusplus
}
#endif

#endif
