/* SPDX-License-Identifier: MIT
 *
 * lambdakiq.h: background jobs on Amazon SQS and AWS Lambda. The manual of the C API.
 *
 * Reading order: errors, text, client, sending, SQS calls, records, decisions, batch, arguments,
 * metrics, Runtime API, worker. Who has jobs to perform begins at the end: the worker drives all
 * the rest. Job bodies are ActiveJob's JSON, so a Rails application and a C program can enqueue and
 * perform each other's jobs on the same queues.
 *
 * Ownership words used below: *borrowed* (valid during the call only), *copied*, *transferred*
 * (the callee frees), *owned by X until Y*. A `const T *` parameter is borrowed.
 *
 * Threads: a handle (lk_client, lk_batch, lk_runtime, lk_worker) is used by one thread at a time; a
 * second one gets LK_E_BUSY. Only the *_interrupt functions and lk_worker_stop may be called from
 * another thread. There is no mutable global state but what lk_worker_run keeps for its signal
 * handler; several handles per process are fine. After fork() a client notices the new process id
 * and opens connections of its own; those of the parent are left untouched.
 *
 * C++: the *_INIT macros are designated initialisers, standard since C++20 and understood before.
 *
 * Interrupting: a call that blocks returns LK_E_INTERRUPTED soon after the *_interrupt function of
 * its handle was called. A send that was cut off may have been accepted.
 */
#ifndef LAMBDAKIQ_H
#define LAMBDAKIQ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LK_VERSION_MAJOR 3
#define LK_VERSION_MINOR 0
#define LK_VERSION_PATCH 0
#define LK_VERSION       "3.0.0"

#ifdef __cplusplus
extern "C" {
#endif

#if defined(LK_BUILDING) && defined(__GNUC__)
#define LK_API __attribute__((visibility("default")))
#else
#define LK_API
#endif
#ifdef __GNUC__
#define LK_CHECK               __attribute__((warn_unused_result))
#define LK_FORMAT(text, first) __attribute__((__format__(__printf__, text, first)))
#else
#define LK_CHECK
#define LK_FORMAT(text, first)
#endif

/* --- Errors --------------------------------------------------------------------------------- */

/* name, value, retriable by nature, meaning */
#define LK_ERRORS(X)                                                                               \
    X(OK, 0, false, "no error")                                                                    \
    X(E_NOMEM, -1, false, "out of memory")                                                         \
    X(E_INVALID, -2, false, "invalid argument")                                                    \
    X(E_BUSY, -3, false, "the handle is in use by another thread")                                 \
    X(E_INTERRUPTED, -4, false, "interrupted by the caller")                                       \
    X(E_TIMEOUT, -5, true, "no answer in time")                                                    \
    X(E_CONNECT, -6, true, "no connection could be made; nothing was sent")                        \
    X(E_HTTP, -7, true, "the connection failed during the exchange")                               \
    X(E_TLS, -8, false, "the server's certificate could not be verified, or TLS failed")           \
    X(E_JSON, -9, false, "malformed JSON")                                                         \
    X(E_CREDENTIALS, -10, false, "no usable AWS credentials")                                      \
    X(E_CONFIG, -11, false, "missing or unusable configuration: region, endpoint, profile, file")  \
    X(E_SERVICE, -12, false, "the service answered with an error; see aws_code")                   \
    X(E_CHECKSUM, -13, true, "an MD5 digest does not match what was sent or received")             \
    X(E_TOO_LARGE, -14, false, "the message is over the size limit")                               \
    X(E_RECORD, -15, false, "the record is not a job of ours, or malformed")                       \
    X(E_RUNTIME, -16, false, "the Lambda Runtime API refused the call")                            \
    X(E_IO, -17, false, "a file or socket of this machine failed")                                 \
    X(E_UNSUPPORTED, -18, false, "not supported; the message names what was met")                  \
    X(E_DEADLINE, -19, false, "the function's remaining time is used up")                          \
    X(E_JOB, -20, false, "the application's own failure, see lk_fail")                             \
    X(E_INTERNAL, -99, false, "a defect in lambdakiq")

typedef enum lk_code {
#define LK_X(name, value, retriable, text) LK_##name = (value),
    LK_ERRORS(LK_X)
#undef LK_X
} lk_code;

/* What went wrong. Every function that can fail takes a nullable `lk_err *` last and fills it once,
 * where the failure is known; it never allocates. Branch on code, retriable and aws_code; show
 * message: it says what happened, to what, and what to do next. */
typedef struct lk_err {
    int code;            /* an lk_code */
    bool retriable;      /* the same call may succeed later */
    int http_status;     /* 0 when there was no HTTP answer */
    char aws_code[96];   /* SQS's code as in x-amzn-query-error, e.g.
                            "AWS.SimpleQueueService.NonExistentQueue"; "" when none */
    char aws_type[64];   /* the __type behind '#', e.g. "QueueDoesNotExist"; "" when none */
    char request_id[64]; /* x-amzn-RequestId of the failed call; "" when none */
    char name[64];       /* what the application calls it, see lk_fail; "" when none */
    char message[512];
} lk_err;

/* For the application's own failures, of jobs above all: fills *err (may be NULL) with LK_E_JOB, a
 * name as exceptions have one ("ImageTooLarge": the metrics' ExceptionName, Lambda's errorType) and
 * the message, cut where they are too long. What is no UTF-8 is mended where it is shown. Returns
 * LK_E_JOB. */
LK_API int lk_fail(lk_err *err, const char *name, const char *format, ...) LK_FORMAT(3, 4);

/* "LK_E_TIMEOUT" and "no answer in time"; static text, never NULL. */
LK_API const char *lk_code_name(int code);
LK_API const char *lk_code_text(int code);
LK_API const char *lk_version(void);

/* --- Text ----------------------------------------------------------------------------------- */

/* Bytes with a length, not NUL-terminated, borrowed unless said otherwise. {NULL, 0} = absent. */
typedef struct lk_slice {
    const char *ptr;
    size_t len;
} lk_slice;

LK_API lk_slice lk_slice_of(const char *text); /* of a C string; NULL gives {NULL, 0} */
LK_API void lk_free(void *memory); /* what this API hands over with "free with lk_free" */

/* --- Client --------------------------------------------------------------------------------- */

/* One connection pool, one set of credentials, one region. */
typedef struct lk_client lk_client;

/* Structs that callers fill and that have a `size` begin with their …_INIT: it sets the defaults,
 * and the size by which a program that was built with an older header is understood: what its
 * struct does not have keeps its default. LK_E_INVALID: a size of 0, or one beyond the library's,
 * which is older than the header then. */

/* All strings are copied; NULL or 0 means the default. Start from LK_CLIENT_OPTIONS_INIT. */
typedef struct lk_client_options {
    size_t size;
    const char *region;        /* default: AWS_REGION, AWS_DEFAULT_REGION, the profile's region */
    const char *endpoint;      /* base URL; default: AWS_ENDPOINT_URL_SQS, AWS_ENDPOINT_URL, the
                                  profile's endpoint_url, host of a queue URL, the region's */
    const char *profile;       /* default: AWS_PROFILE, "default"; one given here goes before the
                                  environment's credentials */
    const char *access_key_id; /* with secret_access_key: static credentials; default: environment,
                                  web identity, profile (keys, role, web identity, process),
                                  container endpoint, instance metadata, in that order */
    const char *secret_access_key;
    const char *session_token;
    const char *user_agent;     /* appended to ours */
    int64_t connect_timeout_ms; /* default 2000 */
    int64_t timeout_ms;  /* whole call, one attempt; default 10000 (a long poll adds its wait) */
    int64_t idle_max_ms; /* an idle connection older than this is not reused; default 15000 */
    int max_attempts;    /* 1..10, default AWS_MAX_ATTEMPTS or 3 */
    int64_t max_message_bytes; /* refused before the network; default 1048576 */
    bool skip_md5;             /* do not verify digests */
} lk_client_options;

#define LK_CLIENT_OPTIONS_INIT                                                                     \
    {                                                                                              \
        .size = sizeof(lk_client_options)                                                          \
    }

/* Makes a client. No I/O: files, credentials and connections are looked up at the first call.
 * options: borrowed, NULL for all defaults. Returns NULL with err filled: LK_E_INVALID (an option
 * out of range), LK_E_NOMEM. Free with lk_client_free. */
LK_API lk_client *lk_client_new(const lk_client_options *options, lk_err *err) LK_CHECK;

/* Closes connections, zeroes secrets, frees. Calls still on their way are abandoned: lk_flush
 * first. Accepts NULL. In a forked child the parent's connections are left alone. */
LK_API void lk_client_free(lk_client *client);

/* Makes the call that blocks on this client, or else the next one that would block, return
 * LK_E_INTERRUPTED. Threads: any, but not at the same time as lk_client_discard or lk_client_free.
 * Signal handlers: yes. */
LK_API void lk_client_interrupt(lk_client *client);

/* Replaces the credentials, e.g. before each call when the application owns them. Strings copied;
 * session_token may be NULL. */
LK_API int lk_client_set_credentials(lk_client *client, const char *access_key_id,
                                     const char *secret_access_key, const char *session_token,
                                     lk_err *err) LK_CHECK;

/* Drops all connections without closing them politely and forgets calls on their way: for a child
 * right after fork() that wants the descriptors back at once. */
LK_API void lk_client_discard(lk_client *client);

/* --- Sending jobs --------------------------------------------------------------------------- */

/* What to do with a start time more than 900 s (SQS's DelaySeconds) away. */
typedef enum lk_long_delays {
    LK_LONG_DELAYS_ON,   /* default: attribute due_at, re-sent on the way, never early */
    LK_LONG_DELAYS_CAP,  /* as Lambdakiq 2.4.0: starts after 900 s */
    LK_LONG_DELAYS_RAISE /* LK_E_INVALID */
} lk_long_delays;

typedef struct lk_send_options {
    size_t size;
    lk_slice job_id;  /* the body's; becomes group and deduplication id of a FIFO queue */
    int64_t delay_ms; /* from now until the job may start; <= 0: at once (B10). FIFO queues: by
                         attribute, standard queues: by DelaySeconds */
    /* Both ids: longer than 128 bytes, or with characters SQS does not take: their SHA-256. */
    lk_slice message_group_id; /* FIFO default: job_id. Standard queues: sent only when given
                                  (fair queues) */
    lk_slice message_deduplication_id; /* FIFO default: job_id, see resend_of. LK_E_INVALID on a
                                          standard queue, which does not deduplicate */
    lk_slice
        resend_of; /* messageId of the message that is being performed when the same job is sent
                      again: ":messageId" is put behind the deduplication id, so that SQS does
                      not drop the message as a duplicate; the trace header loses Lineage */
    lk_slice trace_header; /* AWSTraceHeader; default: _X_AMZN_TRACE_ID of the environment. Left out
                              when it is not printable ASCII of at most 1024 bytes */
    lk_long_delays long_delays;
} lk_send_options;

#define LK_SEND_OPTIONS_INIT                                                                       \
    {                                                                                              \
        .size = sizeof(lk_send_options)                                                            \
    }

/* What SQS answered to an accepted message. */
typedef struct lk_sent {
    char message_id[101];
    char sequence_number[41]; /* FIFO only, else "" */
} lk_sent;

/* Sends one job. queue: name, URL or ARN. body: the job as ActiveJob's JSON, sent as it is.
 * options: NULL for defaults; FIFO queues need job_id. *sent may be NULL.
 * Returns: 0; LK_E_TOO_LARGE, LK_E_INVALID before the network; LK_E_SERVICE with aws_code;
 * transport codes. After LK_E_TIMEOUT, LK_E_HTTP, LK_E_INTERRUPTED the message may have been
 * accepted. Blocks: yes. One HTTP request; a name that needs its URL costs GetQueueUrl once. */
LK_API int lk_send(lk_client *client, lk_slice queue, lk_slice body, const lk_send_options *options,
                   lk_sent *sent, lk_err *err) LK_CHECK;

/* What lk_send would send, as SendMessage's JSON object without QueueUrl: for callers that make the
 * call with an SQS client of their own. *json: free with lk_free. Blocks: no. */
LK_API int lk_send_params(lk_client *client, lk_slice queue, lk_slice body,
                          const lk_send_options *options, char **json, size_t *len,
                          lk_err *err) LK_CHECK;

typedef struct lk_send_entry {
    lk_slice body;
    lk_send_options options; /* LK_SEND_OPTIONS_INIT */
} lk_send_entry;

typedef struct lk_send_result {
    lk_sent sent;
    lk_err err; /* code LK_OK: accepted */
} lk_send_result;

/* Sends many, split by 10 entries and by total bytes; entries that SQS reports failed for its own
 * reasons are retried, others surface in results[i].err. Order is kept.
 * Returns 0 when every entry has a result (look at each), negative only when nothing was tried. */
LK_API int lk_send_batch(lk_client *client, lk_slice queue, const lk_send_entry *entries,
                         size_t count, lk_send_result *results, lk_err *err) LK_CHECK;

/* Puts a job on its way and returns without the answer (the outbox; all is copied). Collect with
 * lk_flush. tag: yours, comes back with a failure. Returns 0: accepted by the outbox, not by SQS.
 * Blocks: at most 100 ms for a handshake; else no. */
LK_API int lk_send_async(lk_client *client, lk_slice queue, lk_slice body,
                         const lk_send_options *options, uint64_t tag, lk_err *err) LK_CHECK;

/* Waits until every call on its way is answered, with retries, at most timeout_ms (< 0: until each
 * has its answer or error). Returns 0, LK_E_TIMEOUT when some are still out, LK_E_INTERRUPTED.
 * Failed sends are then pulled with lk_send_failure. */
LK_API int lk_flush(lk_client *client, int64_t timeout_ms, lk_err *err) LK_CHECK;

/* Next async send that failed for good: 1 with *tag, *body (owned by client until the next call on
 * it) and *failure filled, 0 when none. */
LK_API int lk_send_failure(lk_client *client, uint64_t *tag, lk_slice *body, lk_err *failure);

/* Gives up the async sends that have no answer yet: they come out of lk_send_failure with
 * LK_E_TIMEOUT, and may have been accepted all the same. For a process that must end now. */
LK_API void lk_send_give_up(lk_client *client);

/* A new job from C: makes the body (job_class, job_id, queue_name, arguments, executions,
 * enqueued_at …, as ActiveJob writes it) and sends it. arguments_json: a JSON array, NULL = []. */
typedef struct lk_enqueue_options {
    size_t size;
    const char *job_id; /* default: a new UUID */
    int64_t delay_ms;
    const char *message_group_id;
    const char *message_deduplication_id;
    const char *trace_header;
    int priority; /* written when has_priority */
    bool has_priority;
    lk_long_delays long_delays;
} lk_enqueue_options;

#define LK_ENQUEUE_OPTIONS_INIT                                                                    \
    {                                                                                              \
        .size = sizeof(lk_enqueue_options)                                                         \
    }

LK_API int lk_enqueue(lk_client *client, const char *queue, const char *job_class,
                      const char *arguments_json, const lk_enqueue_options *options, lk_sent *sent,
                      lk_err *err) LK_CHECK;

/* Strings are borrowed. */
typedef struct lk_enqueue_entry {
    const char *job_class;
    const char *arguments_json;
    lk_enqueue_options options; /* LK_ENQUEUE_OPTIONS_INIT */
} lk_enqueue_entry;

/* Many new jobs for one queue, as lk_send_batch sends them; results (count long) tells of each. A
 * job that cannot be sent (arguments that are no JSON array, say) fails alone. Returns 0 when every
 * entry has a result, negative only when nothing was tried. */
LK_API int lk_enqueue_batch(lk_client *client, const char *queue, const lk_enqueue_entry *entries,
                            size_t count, lk_send_result *results, lk_err *err) LK_CHECK;

/* --- SQS calls ------------------------------------------------------------------------------ */

/* Any SQS action over the JSON protocol, signed, retried, digests verified.
 * action: "ReceiveMessage". params_json: a JSON object with SQS's member names; a QueueUrl in it
 * may be a name, URL or ARN. *response: the answer's JSON ("{}" for void actions), free with
 * lk_free. Returns 0, LK_E_SERVICE, LK_E_CHECKSUM, transport codes. Blocks: yes. */
LK_API int lk_sqs_call(lk_client *client, const char *action, lk_slice params_json, char **response,
                       size_t *response_len, lk_err *err) LK_CHECK;

/* Attempts and request id of the last finished call on this client: for instrumentation. */
typedef struct lk_call_info {
    int attempts;
    int http_status;
    int64_t duration_us;
    char request_id[64];
} lk_call_info;

LK_API void lk_client_last_call(const lk_client *client, lk_call_info *info);

/* A call that nobody waited for (the outbox's, those of a batch of sends), finished. */
typedef struct lk_call_report {
    const char *action;  /* "SendMessageBatch" … */
    lk_slice queue_name; /* owned by client */
    size_t entries;      /* 1 for a call that is no batch */
    lk_call_info info;
    lk_err err; /* code LK_OK: SQS answered; entries of a batch may have failed all the same */
} lk_call_report;

/* Keeps reports of such calls from now on, a thousand at most, or no longer. Off at first and after
 * fork(). Returns: 0, LK_E_BUSY, LK_E_NOMEM. */
LK_API int lk_client_observe(lk_client *client, bool on, lk_err *err) LK_CHECK;
/* The next report: 1 with *report filled, 0 when there is none. */
LK_API int lk_client_observed(lk_client *client, lk_call_report *report);

typedef struct lk_queue_attributes {
    int max_receive_count; /* 1..1000, LK_MAX_RECEIVE_NONE or LK_MAX_RECEIVE_UNKNOWN */
    int64_t retention_s;   /* MessageRetentionPeriod; 0 unknown */
    int64_t visibility_s;  /* VisibilityTimeout; -1 unknown */
    int64_t read_at_ms;    /* when SQS was asked; 0 never */
} lk_queue_attributes;

#define LK_MAX_RECEIVE_NONE    0    /* no redrive policy */
#define LK_MAX_RECEIVE_UNKNOWN (-1) /* denied or unreachable */

/* What failures need to know of a queue; cached, asked again when older than max_age_ms
 * (< 0: any age will do). On failure *attributes holds UNKNOWN values. */
LK_API int lk_queue_attributes_get(lk_client *client, lk_slice queue, int64_t max_age_ms,
                                   lk_queue_attributes *attributes, lk_err *err) LK_CHECK;

/* The queue's URL as GetQueueUrl answers; asked once, cached. *url: free with lk_free. */
LK_API int lk_queue_url(lk_client *client, lk_slice queue, char **url, lk_err *err) LK_CHECK;
LK_API bool lk_queue_is_fifo(lk_slice queue); /* by name, URL or ARN */

typedef struct lk_message_attribute {
    lk_slice name;
    lk_slice data_type;
    lk_slice string_value; /* String and Number */
    lk_slice binary_value; /* Binary: base64 text */
} lk_message_attribute;

typedef struct lk_name_value {
    lk_slice name;
    lk_slice value;
} lk_name_value;

/* A received message. All slices are owned by its lk_messages. */
typedef struct lk_message {
    lk_slice message_id;
    lk_slice receipt_handle;
    lk_slice body;
    lk_slice md5_of_body;
    lk_slice md5_of_message_attributes; /* {NULL,0}: none */
    const lk_name_value *attributes;    /* system attributes */
    size_t attribute_count;
    const lk_message_attribute *message_attributes;
    size_t message_attribute_count;
} lk_message;

typedef struct lk_messages lk_messages; /* the answer to one receive */

/* Receives 1..10 messages with all attributes. wait_s 0..20 or -1 (the queue's), visibility_s
 * 0..43200 or -1 (the queue's). An empty answer is 0 messages. Free with lk_messages_free.
 * Blocks: up to wait_s, then timeout_ms. */
LK_API int lk_receive(lk_client *client, lk_slice queue, int max_messages, int wait_s,
                      int visibility_s, lk_messages **messages, lk_err *err) LK_CHECK;
LK_API size_t lk_messages_count(const lk_messages *messages);
LK_API const lk_message *lk_messages_at(const lk_messages *messages, size_t index);
LK_API void lk_messages_free(lk_messages *messages);

LK_API int lk_delete(lk_client *client, lk_slice queue, lk_slice receipt_handle,
                     lk_err *err) LK_CHECK;
/* Deletes any number, ten a call; errors[i] (NULL or count long) holds each one's result. Returns 0
 * when every entry has a result. */
LK_API int lk_delete_batch(lk_client *client, lk_slice queue, const lk_slice *receipt_handles,
                           size_t count, lk_err *errors, lk_err *err) LK_CHECK;
LK_API int lk_change_visibility(lk_client *client, lk_slice queue, lk_slice receipt_handle,
                                int64_t visibility_s, lk_err *err) LK_CHECK;
LK_API int lk_change_visibility_batch(lk_client *client, lk_slice queue,
                                      const lk_slice *receipt_handles, const int64_t *visibility_s,
                                      size_t count, lk_err *errors, lk_err *err) LK_CHECK;

/* attributes: name/value pairs (NULL, 0 for none). *url: free with lk_free; may be NULL. */
LK_API int lk_create_queue(lk_client *client, const char *name, const lk_name_value *attributes,
                           size_t count, char **url, lk_err *err) LK_CHECK;
LK_API int lk_set_queue_attributes(lk_client *client, lk_slice queue,
                                   const lk_name_value *attributes, size_t count,
                                   lk_err *err) LK_CHECK;
LK_API int lk_delete_queue(lk_client *client, lk_slice queue, lk_err *err) LK_CHECK;

/* Epoch ms by the clock that due times are judged with: the machine's, plus the offset in the file
 * that LAMBDAKIQ_CLOCK_FILE names (local runs with a moved clock). For facts.now_ms. */
LK_API int64_t lk_now_ms(void);

/* --- Events and records --------------------------------------------------------------------- */

/* One record of an SQS event, as the rules need it. Slices are borrowed until the call that takes
 * the record returns (lk_batch_add copies), or owned by the batch it came from. */
typedef struct lk_record {
    lk_slice message_id;
    lk_slice receipt_handle;
    lk_slice body;
    lk_slice event_source_arn;
    lk_slice message_group_id;   /* {NULL,0} on a standard queue without group */
    lk_slice trace_header;       /* AWSTraceHeader */
    bool is_job;                 /* messageAttributes.lambdakiq.stringValue == '1' */
    int receive_count;           /* ApproximateReceiveCount; missing or bad = 1 (B15) */
    int64_t sent_at_ms;          /* 0 unknown */
    int64_t first_receive_at_ms; /* 0 unknown */
    int64_t delay_s;             /* attribute delay_seconds; 0 none */
    int64_t due_at_ms;           /* attribute due_at; 0 none */
} lk_record;

/* receive_count 1, all else empty. */
LK_API void lk_record_init(lk_record *record);
/* One member of the record's `attributes` (system attributes) / of its `messageAttributes` (its
 * stringValue). Names that matter to no rule are ignored. */
LK_API void lk_record_set_attribute(lk_record *record, lk_slice name, lk_slice value);
LK_API void lk_record_set_message_attribute(lk_record *record, lk_slice name,
                                            lk_slice string_value);
LK_API bool lk_record_is_fifo(const lk_record *record); /* by event_source_arn */
/* Why no job can be made of the record ("has no receiptHandle"), static text that completes a
 * sentence about it; NULL: it is one of ours and complete. */
LK_API const char *lk_record_fault(const lk_record *record);
/* When the job may start: due_at, else on FIFO queues sent_at + delay_seconds; 0 = at once. */
LK_API int64_t lk_record_due_at_ms(const lk_record *record);
/* d: receives that provably were only the delay: 1 from the second receive on when a FIFO message
 * was first received a second or more before it was due (less is slept through, and a try), else 0.
 */
LK_API int lk_record_delay_receives(const lk_record *record);
/* Whether there may be other receives that were only the delay, because SQS refused to take the job
 * anew when it was not due: on a standard queue when the first one came early, on a FIFO queue when
 * it came so early that one deferral, 12 h less margins, did not do. */
LK_API bool lk_record_uncounted_delays(const lk_record *record);

/* 1: a job event (one record at least is ours), 0: another event, LK_E_JSON: not JSON. */
LK_API int lk_event_is_jobs(lk_slice event_json, lk_err *err) LK_CHECK;

/* --- Decisions ------------------------------------------------------------------------------ */

#define LK_MAX_RETRIES      12
#define LK_MAX_VISIBILITY_S 43200 /* 12 h, counted by SQS from the receive */
#define LK_RETRY_UNSET      (-1)  /* the class says nothing */
#define LK_RETRY_MAX        (-2)  /* retry: true */

/* Seconds to the next try after the nth failure, n = 1..12 (values outside are clamped):
 * 30 46 76 156 346 730 1416 2536 4246 6726 10180 14836, i.e. (n-1)^4 + 15(n+1), Sidekiq's. */
LK_API int64_t lk_backoff_s(int n);

typedef enum lk_action {
    /* before a job runs */
    LK_RUN,   /* perform it (after sleep_ms) */
    LK_SKIP,  /* FIFO: an earlier record of its group is still to come. Visibility wait_s, failed */
    LK_DEFER, /* FIFO: not due. Visibility wait_s, reported failed */
    LK_HOP,   /* not due: re-send with what remains, then delete. Reported done */
    /* before or after */
    LK_DRAIN, /* tries spent: visibility wait_s (0), reported failed; SQS moves it to the DLQ */
    /* after it ran */
    LK_DELETE,       /* DeleteMessage, reported done */
    LK_RETRY,        /* ChangeMessageVisibility(wait_s), reported failed */
    LK_LEAVE_FOR_DLQ /* no call, reported failed: the next receive attempt moves it */
} lk_action;

LK_API const char *lk_action_name(lk_action action); /* "RUN" … */

typedef struct lk_decision {
    lk_action action;
    int64_t wait_s;   /* visibility to set; -1: no call, the queue's own timeout counts */
    int64_t sleep_ms; /* RUN, HOP: wait this long first, a second at most */
    bool dead;        /* the job will not be tried again. After it ran: retry_stopped; before: it
                         had died already (or its function died in the last try). A DRAIN that is
                         not dead leads to another try: before it ran, at its last receive */
    bool shortened;   /* wait cut to stay within MessageRetentionPeriod (B31): warn once */
    bool no_redrive;  /* deleted because the queue has no redrive policy: warn once */
    int limit;        /* after a failure: how many retries the job gets, as lk_job_limit; else 0 */
} lk_decision;

/* Option `dead` of a job class: where its dead jobs go. */
typedef enum lk_dead_mode {
    LK_DEAD_DEFAULT, /* deleted when the class's own retries are spent, else kept (Lambdakiq 2.4) */
    LK_DEAD_DLQ,     /* always to the dead-letter queue */
    LK_DEAD_DELETE   /* always deleted, at the message's last receive too */
} lk_dead_mode;

/* All that decides what happens to a record; no I/O, no clock of its own. Those of a wrong size
 * count as LK_JOB_FACTS_INIT. */
typedef struct lk_job_facts {
    size_t size;
    bool fifo;
    int receive_count;     /* >= 1 */
    int delay_receives;    /* d: 0 or 1 */
    int max_receive_count; /* 1..1000, LK_MAX_RECEIVE_NONE, LK_MAX_RECEIVE_UNKNOWN */
    int retry;             /* the class's: 0.., LK_RETRY_UNSET, LK_RETRY_MAX */
    int max_retries;       /* config.lambdakiq.max_retries: 0..12 */
    lk_dead_mode dead;
    bool undeletable;     /* a poison record: never deleted by a failure (B3) */
    bool hopeless;        /* the failure says that no retry will help, see LK_HOPELESS */
    bool group_blocked;   /* an earlier record of the FIFO group failed, waits or was skipped */
    int64_t group_wait_s; /* that record's wait; -1 unknown */
    int64_t due_at_ms;    /* 0: at once */
    int64_t now_ms;
    int64_t received_at_ms; /* when this receive happened (the batch's arrival) */
    int64_t sent_at_ms;     /* 0 unknown */
    int64_t retention_s;    /* 0 unknown */
    int64_t retry_in_s;     /* a retry's wait of the job's own choice; -1: the backoff */
    int jitter_percent;     /* 0..100 of the backoff, at most, that `random` adds to it */
    uint32_t random;
    /* Whether its receives can have been spent on waiting instead of tries. */
    bool alone_in_group;   /* FIFO: the group is the job's id, so nobody can be before it */
    bool uncounted_delays; /* lk_record_uncounted_delays */
    bool seen_dead;        /* this process itself saw it die */
} lk_job_facts;

#define LK_JOB_FACTS_INIT                                                                          \
    {                                                                                              \
        .size = sizeof(lk_job_facts), .receive_count = 1,                                          \
        .max_receive_count = LK_MAX_RECEIVE_UNKNOWN, .retry = LK_RETRY_UNSET,                      \
        .max_retries = LK_MAX_RETRIES, .group_wait_s = -1, .retry_in_s = -1                        \
    }

/* The number of retries this job gets: min(own retry or max_retries, 12, maxReceiveCount - 1);
 * NONE gives 0 (as Lambdakiq 2.4.0). */
LK_API int lk_job_limit(const lk_job_facts *facts);
/* RUN, SKIP, DEFER, HOP or DRAIN. Pure. */
LK_API lk_decision lk_job_before(const lk_job_facts *facts);
/* DELETE after success; RETRY, LEAVE_FOR_DLQ, DRAIN or DELETE after a failure. Pure. */
LK_API lk_decision lk_job_after(const lk_job_facts *facts, bool success);
/* What becomes of a HOP when SQS refuses the new message: DEFER while a receive is left to run it,
 * at its last one LEAVE_FOR_DLQ (or DRAIN), dead. Pure. */
LK_API lk_decision lk_job_unsent(const lk_job_facts *facts);
/* What becomes of a job that is not started now (the deadline, a shutdown): HOP, but reported
 * failed, when giving it back would spend its last receive or try, or a receive before its first
 * run; SKIP behind its group's head; else RETRY with wait 0. may_hop: false when there is no time
 * for a send, or when nothing at all ran in this invocation: what is sent anew each time and never
 * started would go round for ever. Pure. */
LK_API lk_decision lk_job_unstarted(const lk_job_facts *facts, bool may_hop);

/* --- Batch ---------------------------------------------------------------------------------- */

/* The jobs of one event, pulled one by one. The batch decides, makes the SQS calls through its
 * client's outbox while the next job runs, and gives the response:
 *
 *     lk_batch *b = lk_batch_new(client, &options, &err);
 *     rc = lk_batch_add_event(b, event, &err);
 *     while ((rc = lk_batch_next(b, &job, &err)) == 1) {
 *         rc = lk_batch_start(b, job, &job_options, &decision, &err);
 *         if (decision.action != LK_RUN) continue;
 *         … perform …
 *         rc = lk_batch_finish(b, job, &outcome, &decision, &err);
 *     }
 *     rc = lk_batch_response(b, &json, &err);
 */
typedef struct lk_batch lk_batch;
typedef struct lk_job lk_job; /* a record being worked on; owned by its batch until that is freed */

typedef enum lk_delete_mode {
    LK_DELETE_EACH,   /* default, as Lambdakiq 2.4.0: DeleteMessage for every finished job */
    LK_DELETE_MAPPING /* the last record of a batch is left to the event source mapping */
} lk_delete_mode;

typedef struct lk_batch_options {
    size_t size;
    int max_retries;     /* 0..12 */
    int64_t deadline_ms; /* epoch ms when the function is killed; 0: none */
    int64_t guard_ms;    /* no job starts when less than this is left; default 0 */
    int jitter_percent;  /* 0..100 of the backoff, added at random; default 0 */
    lk_delete_mode delete_mode;
    bool recursion_allowed; /* keep Lineage in re-sends (RecursiveLoop: Allow); default false */
} lk_batch_options;

#define LK_BATCH_OPTIONS_INIT                                                                      \
    {                                                                                              \
        .size = sizeof(lk_batch_options), .max_retries = LK_MAX_RETRIES                            \
    }

/* client: must outlive the batch (the batch holds no reference), and serves one batch at a time.
 * options: copied, NULL for defaults. Returns NULL with err filled: LK_E_INVALID, LK_E_NOMEM. */
LK_API lk_batch *lk_batch_new(lk_client *client, const lk_batch_options *options,
                              lk_err *err) LK_CHECK;
/* Abandons what is not settled. Accepts NULL. */
LK_API void lk_batch_free(lk_batch *batch);

/* Adds a whole event, or one record (copied). Only before the first lk_batch_next. */
LK_API int lk_batch_add_event(lk_batch *batch, lk_slice event_json, lk_err *err) LK_CHECK;
LK_API int lk_batch_add(lk_batch *batch, const lk_record *record, lk_err *err) LK_CHECK;

/* The next job that may run: 1 with *job, 0 when there is none left (or time is up, see
 * lk_batch_stop). Records that are skipped, deferred, hopped or foreign are dealt with here and
 * show up as notes. Pumps the outbox once. May sleep up to 1 s for a job that is nearly due.
 * Negative: LK_E_INTERRUPTED, LK_E_NOMEM; the batch stays usable. */
LK_API int lk_batch_next(lk_batch *batch, lk_job **job, lk_err *err) LK_CHECK;

/* Options of the job's class, known once the application resolved it. */
typedef struct lk_job_options {
    size_t size;
    int retry; /* 0..12, LK_RETRY_UNSET, LK_RETRY_MAX */
    lk_dead_mode dead;
    int jitter_percent; /* 0..100 of the backoff; -1: the batch's */
} lk_job_options;

#define LK_JOB_OPTIONS_INIT                                                                        \
    {                                                                                              \
        .size = sizeof(lk_job_options), .retry = LK_RETRY_UNSET, .jitter_percent = -1              \
    }

/* Whether to run it: RUN, or DRAIN when its tries are spent already (it is settled then; do not
 * call finish). options NULL: defaults. */
LK_API int lk_batch_start(lk_batch *batch, lk_job *job, const lk_job_options *options,
                          lk_decision *decision, lk_err *err) LK_CHECK;

typedef enum lk_outcome_kind {
    LK_DONE,
    LK_FAILED,    /* raised: retry, or death */
    LK_POISON,    /* could not be started: bad body, unknown class. Retried, never deleted */
    LK_UNTOUCHED, /* returned unrun (shutdown): as what lk_batch_stop stops */
    /* Failed, and no retry will help. Deleted where its death means that; else visible again at
     * once, and run again, until its receives or retries are used up and SQS moves it to the
     * dead-letter queue, which nobody else can do. With unknown queue attributes: as LK_FAILED. */
    LK_HOPELESS
} lk_outcome_kind;

typedef struct lk_outcome {
    size_t size;
    lk_outcome_kind kind;
    int64_t retry_in_s; /* LK_FAILED: instead of the backoff; -1: the backoff */
} lk_outcome;

#define LK_OUTCOME_INIT                                                                            \
    {                                                                                              \
        .size = sizeof(lk_outcome), .kind = LK_DONE, .retry_in_s = -1                              \
    }

/* What lk_batch_finish would do with a job that ran (or, without start, could not). Nothing is done
 * yet, so that a death can be told of before its message is let go: a process that ends meanwhile
 * has it come back. May be called again with another outcome; the last one counts. A failure may
 * block for GetQueueAttributes. LK_E_INTERRUPTED: nothing is decided, call it again. */
LK_API int lk_batch_decide(lk_batch *batch, lk_job *job, const lk_outcome *outcome,
                           lk_decision *decision, lk_err *err) LK_CHECK;
/* Carries out what lk_batch_decide decided (outcome NULL), or decides on the outcome first: puts
 * the SQS call on its way. Interrupted while deciding, the job stays open and finish can be
 * repeated. Errors of the calls never surface here but as notes: they must not touch other records.
 */
LK_API int lk_batch_finish(lk_batch *batch, lk_job *job, const lk_outcome *outcome,
                           lk_decision *decision, lk_err *err) LK_CHECK;

/* Start no more jobs: the rest is reported failed and visible again at once; by visibility 0, or
 * sent anew where it must not spend a receive (lk_job_unstarted). */
LK_API void lk_batch_stop(lk_batch *batch);

typedef enum lk_note_kind {
    LK_NOTE_FOREIGN, /* not a job of ours, or not complete: reported failed, left alone */
    LK_NOTE_SKIPPED,
    LK_NOTE_DEFERRED,
    LK_NOTE_HOPPED,
    LK_NOTE_DRAINED,
    LK_NOTE_UNSTARTED,     /* the deadline or a stop came first */
    LK_NOTE_SETTLE_FAILED, /* a delete, visibility or re-send call failed for good: err says why */
    LK_NOTE_ATTRIBUTES_UNKNOWN, /* GetQueueAttributes failed: nothing will be deleted by a failure
                                 */
    LK_NOTE_RETENTION,          /* a wait was cut to stay within MessageRetentionPeriod */
    LK_NOTE_NO_REDRIVE,         /* a failed job was deleted: the queue has no RedrivePolicy */
    LK_NOTE_LONG_GROUP          /* a FIFO delay beyond 12 h went to its group's end */
} lk_note_kind;

LK_API const char *lk_note_name(lk_note_kind kind); /* "FOREIGN" … */

/* Something worth a log line or an event. Slices owned by the batch until it is freed. */
typedef struct lk_note {
    lk_note_kind kind;
    bool warning; /* else informational */
    lk_slice message_id;
    lk_slice queue_name;
    int64_t wait_s; /* -1: does not apply */
    lk_err err;     /* its message says it: log it as "message ID of QUEUE: …" */
} lk_note;

/* Pulls the next note: 1, or 0 when there is none. */
LK_API int lk_batch_note(lk_batch *batch, lk_note *note);

/* Waits for every call still on its way, with retries, until 500 ms before the deadline. */
LK_API int lk_batch_settle(lk_batch *batch, lk_err *err) LK_CHECK;

/* {"batchItemFailures":[{"itemIdentifier":"…"}]}: settles first; records never handed out count as
 * failed. *json is owned by the batch until it is freed. */
LK_API int lk_batch_response(lk_batch *batch, lk_slice *json, lk_err *err) LK_CHECK;
LK_API size_t lk_batch_failure_count(const lk_batch *batch);              /* after response */
LK_API lk_slice lk_batch_failure_at(const lk_batch *batch, size_t index); /* a messageId */

LK_API const lk_record *lk_job_record(const lk_job *job);
LK_API size_t lk_job_index(const lk_job *job);        /* 0: the first record that was added */
LK_API lk_slice lk_job_queue_name(const lk_job *job); /* from eventSourceARN (B21) */
/* From the body, parsed at the first of these calls; {NULL,0} when it is not a job's JSON. */
LK_API lk_slice lk_job_class(lk_job *job);
LK_API lk_slice lk_job_id(lk_job *job);
LK_API lk_slice lk_job_arguments(lk_job *job); /* JSON array text */
/* The value for ActiveJob's `executions` before perform counts it up:
 * body's executions + receive count - 1 - d. */
LK_API int lk_job_executions(lk_job *job, int body_executions);
/* Which execution this is, from 1: ActiveJob's `executions` while a job is performed. */
LK_API int lk_job_execution(lk_job *job);
LK_API int64_t lk_job_enqueued_at_ms(lk_job *job); /* epoch ms, by the body; 0 unknown */
/* To the function's deadline, not below 0; INT64_MAX: there is none. */
LK_API int64_t lk_job_time_left_ms(const lk_job *job);

/* --- Arguments ------------------------------------------------------------------------------ */

/* An argument of a job, or a part of one, read as ActiveJob reads it. All values, and the texts
 * they give, are owned by the job until its batch is freed.
 *
 *     perform_later('in.png', width: 300)
 *
 *     rc = lk_value_cstring(lk_job_argument(job, 0), &path, err);
 *     rc = rc ? rc : lk_value_int(lk_job_keyword(job, "width"), &width, err);
 *
 * A look-up never fails: what is not there is a value of type LK_VALUE_MISSING that knows its
 * place, and reading it says so. Reading returns 0; LK_E_INVALID when there is nothing, or
 * something of another type, with a message that names class, place, expected and met type
 * ("ThumbnailJob: keyword width: expected an integer, met a string"), never the value; LK_E_NOMEM.
 * On failure the out parameter is left alone, so that it may hold a default. */
typedef struct lk_value lk_value;

typedef enum lk_value_type {
    LK_VALUE_MISSING,
    LK_VALUE_NULL, /* nil */
    LK_VALUE_BOOL,
    LK_VALUE_INT,
    LK_VALUE_DOUBLE, /* an integer beyond 64 bits too */
    LK_VALUE_STRING,
    LK_VALUE_ARRAY,
    LK_VALUE_HASH, /* keyword arguments too */
    LK_VALUE_SYMBOL,
    LK_VALUE_GLOBAL_ID, /* a record of a model, by its GlobalID */
    LK_VALUE_SERIALIZED /* another object: Time, Date, Duration, BigDecimal, a class of the
                           application */
} lk_value_type;

LK_API const char *lk_value_type_name(lk_value_type type); /* "an integer" … */

LK_API size_t lk_job_argument_count(lk_job *job);
LK_API const lk_value *lk_job_argument(lk_job *job, size_t index); /* from 0; never NULL */
/* A keyword argument: a member of the last argument, when that is a hash. Never NULL. */
LK_API const lk_value *lk_job_keyword(lk_job *job, const char *name);

LK_API lk_value_type lk_value_typeof(const lk_value *value);
/* A hash's member, keys being strings or symbols alike; of a serialized object, a part of what
 * ActiveJob wrote ("value", "time_zone"). Never NULL. */
LK_API const lk_value *lk_value_get(const lk_value *hash, const char *key);
/* The elements of an array, or the members of a hash in their order: how many, which, and its name.
 * Each look costs as many steps as its index. */
LK_API size_t lk_value_count(const lk_value *value);
LK_API const lk_value *lk_value_at(const lk_value *value, size_t index); /* never NULL */
LK_API lk_slice lk_value_name(const lk_value *member); /* its key; {NULL,0}: of no hash */

/* A string or symbol: UTF-8, with a NUL behind it, and any number within. */
LK_API int lk_value_string(const lk_value *value, lk_slice *text, lk_err *err) LK_CHECK;
/* The same as a C string: one that holds a NUL is refused, as a path would end early. */
LK_API int lk_value_cstring(const lk_value *value, const char **text, lk_err *err) LK_CHECK;
LK_API int lk_value_int(const lk_value *value, int64_t *number, lk_err *err) LK_CHECK;
/* A float or an integer. */
LK_API int lk_value_double(const lk_value *value, double *number, lk_err *err) LK_CHECK;
LK_API int lk_value_bool(const lk_value *value, bool *flag, lk_err *err) LK_CHECK;
/* "gid://shop/Order/42" */
LK_API int lk_value_global_id(const lk_value *value, lk_slice *gid, lk_err *err) LK_CHECK;
/* A Time, DateTime or ActiveSupport::TimeWithZone, or a string in ISO 8601, as epoch ms. */
LK_API int lk_value_time_ms(const lk_value *value, int64_t *epoch_ms, lk_err *err) LK_CHECK;
/* A serialized object's serializer: "ActiveJob::Serializers::DurationSerializer"; else {NULL,0}. */
LK_API lk_slice lk_value_serializer(const lk_value *value);
/* Any value as JSON text, with ActiveJob's marks (`_aj_…`) in it. Integers beyond 64 bits come out
 * as reals; lk_job_arguments has them as they were. */
LK_API int lk_value_json(const lk_value *value, lk_slice *json, lk_err *err) LK_CHECK;

/* --- Metrics -------------------------------------------------------------------------------- */

/* Dimensions of a metric, to be combined to a set. Each combination of values that comes up is a
 * metric of its own, and costs as one. */
typedef enum lk_dimension {
    LK_DIMENSION_APP_NAME = 1,
    LK_DIMENSION_JOB_EVENT = 2,
    LK_DIMENSION_JOB_NAME = 4,
    LK_DIMENSION_QUEUE_NAME = 8
} lk_dimension;

/* One CloudWatch Embedded Metric Format line. Absent slices leave their property out. */
typedef struct lk_metric {
    size_t size;
    lk_slice metrics_namespace; /* default "Lambdakiq" */
    lk_slice app_name;          /* dimension AppName */
    lk_slice job_event;         /* dimension JobEvent: "perform.active_job" */
    lk_slice job_name;          /* dimension JobName: the class */
    lk_slice job_id;
    lk_slice queue_name;
    lk_slice message_id;
    lk_slice exception_name;        /* present: ExceptionCount 1 */
    lk_slice enqueued_at;           /* ISO 8601 */
    lk_slice request_id;            /* the web request that the job was enqueued in */
    int executions;                 /* from 1; < 0: absent */
    int64_t duration_ms;            /* < 0: absent */
    int64_t timestamp_ms;           /* epoch ms; 0: now */
    const lk_slice *arguments_json; /* JobArg1..n, each a JSON value; NULL: not printed */
    size_t argument_count;
    /* Of lk_dimension, one set a byte; NULL: one set of AppName, JobEvent and JobName. A dimension
     * without a value is left out, and so is a set that is empty then, or the same as another. When
     * none is left the event is counted without dimensions. */
    const uint8_t *dimension_sets;
    size_t dimension_set_count;
} lk_metric;

#define LK_METRIC_INIT                                                                             \
    {                                                                                              \
        .size = sizeof(lk_metric), .executions = -1, .duration_ms = -1                             \
    }

/* *line: JSON without newline, free with lk_free. */
LK_API int lk_metrics_format(const lk_metric *metric, char **line, size_t *len,
                             lk_err *err) LK_CHECK;

/* --- Lambda Runtime API --------------------------------------------------------------------- */

typedef struct lk_runtime lk_runtime;

typedef struct lk_invocation {
    lk_slice request_id; /* all owned by the runtime until the next lk_runtime_next */
    lk_slice event;
    int64_t deadline_ms; /* epoch ms; 0 unknown */
    lk_slice function_arn;
    lk_slice trace_id; /* also put into _X_AMZN_TRACE_ID: see lk_runtime_next */
    lk_slice client_context;
    lk_slice cognito_identity;
} lk_invocation;

/* host_port: "127.0.0.1:9001"; NULL = AWS_LAMBDA_RUNTIME_API. LK_E_CONFIG when neither. */
LK_API lk_runtime *lk_runtime_new(const char *host_port, lk_err *err) LK_CHECK;
LK_API void lk_runtime_free(lk_runtime *runtime);
/* Waits for the next invocation, without timeout (the sandbox may freeze meanwhile). Sets
 * _X_AMZN_TRACE_ID with setenv: no other thread may read the environment at that moment.
 * Returns 0, LK_E_INTERRUPTED, LK_E_CONNECT / LK_E_HTTP (the API is gone: end the process). */
LK_API int lk_runtime_next(lk_runtime *runtime, lk_invocation *invocation, lk_err *err) LK_CHECK;
/* Bounded retries. LK_E_TOO_LARGE when the response is over 6 MiB (the invocation has failed then,
 * the runtime goes on). */
LK_API int lk_runtime_respond(lk_runtime *runtime, lk_slice request_id, lk_slice response,
                              lk_err *err) LK_CHECK;
/* Reports the invocation failed. stack_trace: lines, may be NULL. */
LK_API int lk_runtime_fail(lk_runtime *runtime, lk_slice request_id, lk_slice error_type,
                           lk_slice error_message, const lk_slice *stack_trace, size_t stack_count,
                           lk_err *err) LK_CHECK;
/* Reports that the function could not start; exit afterwards. */
LK_API int lk_runtime_init_error(lk_runtime *runtime, lk_slice error_type, lk_slice error_message,
                                 const lk_slice *stack_trace, size_t stack_count,
                                 lk_err *err) LK_CHECK;
/* Makes the lk_runtime_next that waits, or else the next one, return LK_E_INTERRUPTED. An answer
 * being posted is not cut off: its invocation would count as failed. Threads: any. Signal handlers:
 * yes. */
LK_API void lk_runtime_interrupt(lk_runtime *runtime);

/* An internal Lambda extension. Lambda kills a function without notice unless it has an extension;
 * with this one its processes get SIGTERM first, and about 150 ms from then. */
typedef struct lk_extension lk_extension;

/* Registers it and keeps it: to be called while the function starts, before the first
 * lk_runtime_next, and freed at its end only. host_port: as for lk_runtime_new. name: unique in the
 * function. NULL with err: LK_E_CONFIG (not on Lambda), LK_E_RUNTIME (refused: the function has
 * started already, or the name is taken), LK_E_CONNECT, LK_E_HTTP, LK_E_TIMEOUT, LK_E_NOMEM.
 * Blocks: 4 s at most. */
LK_API lk_extension *lk_extension_register(const char *host_port, const char *name,
                                           lk_err *err) LK_CHECK;
LK_API void lk_extension_free(lk_extension *extension); /* accepts NULL */

/* --- Worker --------------------------------------------------------------------------------- */

/* A jobs function written in C. This is all of its `bootstrap`:
 *
 *     static int thumbnail(lk_job *job, void *ctx, lk_err *err)
 *     {
 *         const char *path;
 *         int rc = lk_value_cstring(lk_job_argument(job, 0), &path, err);
 *         return rc ? rc : shrink(path, err);
 *     }
 *     int main(void)
 *     {
 *         lk_worker *worker = lk_worker_new(NULL, NULL);
 *         lk_worker_register(worker, "ThumbnailJob", thumbnail, NULL, NULL, NULL);
 *         return lk_worker_run(worker);
 *     }
 *
 * It takes invocations from the Runtime API, performs the jobs of each event one after the other,
 * settles them as lk_batch does, writes metrics and log lines, and answers. A record that no job
 * can be made of (malformed body, a class that nobody registered) fails alone.
 *
 * A handler that crashes, calls exit or is killed at the deadline takes the function with it, and
 * nothing more: what that event had finished is deleted, or its delete is on its way; the others
 * come back when their visibility timeout ends, and count that receive as a try.
 */
typedef struct lk_worker lk_worker;

/* What a handler returns: one of these, or a negative lk_code with *err filled (by lk_fail, or by
 * the function of this API that failed), which is a failure: the job is retried after its backoff
 * or what lk_job_retry_in says, or it is dead. Any other number is a failure too. */
typedef enum lk_perform_result {
    LK_PERFORM_DONE = 0,
    /* Not wanted any more: deleted, without retry or death. *err may say why. */
    LK_PERFORM_DISCARD = 1,
    /* Failed for good, *err says why: see LK_HOPELESS for what can be done then. */
    LK_PERFORM_DIE = 2
} lk_perform_result;

/* Performs a job. job: valid during the call. err: never NULL, empty. */
typedef int (*lk_perform_fn)(lk_job *job, void *ctx, lk_err *err);
/* Told of a job's death: its retries, or the queue's maxReceiveCount, are used up. The message is
 * let go afterwards, so that a process that ends meanwhile cannot skip this; where it is deleted
 * then, the job runs and dies once more (at least once). */
typedef void (*lk_exhausted_fn)(lk_job *job, void *ctx, const lk_err *failure);
/* Answers an event that has no jobs. *response: JSON text from malloc, which the worker frees;
 * NULL: "null". Returns 0, or negative with *err filled: the invocation has failed then. */
typedef int (*lk_event_fn)(const lk_invocation *invocation, void *ctx, char **response,
                           lk_err *err);
/* Takes a line, without its newline, that would go to standard output. */
typedef void (*lk_print_fn)(void *ctx, const char *line, size_t len);

/* Strings are copied. Start from LK_WORKER_OPTIONS_INIT. */
typedef struct lk_worker_options {
    size_t size;
    lk_client *client; /* must outlive the worker, and serves it alone; NULL: one of its own */
    const lk_client_options *client_options; /* for its own; NULL: defaults */
    int max_retries;                         /* 0..12, of classes that do not say otherwise */
    int64_t guard_ms;           /* no job starts with less than this left; default 1000 */
    int jitter_percent;         /* 0..100 of the backoff, added at random; default 0 */
    lk_delete_mode delete_mode; /* default LK_DELETE_MAPPING: the last record of an event is left to
                                   the event source mapping, a call less */
    bool recursion_allowed;     /* as in lk_batch_options */
    bool shutdown_extension; /* lk_worker_run registers the extension "lambdakiq-shutdown", so that
                                Lambda announces the end with SIGTERM; without it, should that
                                fail, the function works as ever */
    bool no_metrics;
    const char *metrics_namespace; /* default "Lambdakiq" */
    const char *metrics_app_name;  /* dimension AppName; default AWS_LAMBDA_FUNCTION_NAME */
    const uint8_t *dimension_sets; /* as in lk_metric; copied */
    size_t dimension_set_count;
    lk_print_fn print; /* NULL: standard output */
    void *print_ctx;
} lk_worker_options;

#define LK_WORKER_OPTIONS_INIT                                                                     \
    {                                                                                              \
        .size = sizeof(lk_worker_options), .max_retries = LK_MAX_RETRIES, .guard_ms = 1000,        \
        .delete_mode = LK_DELETE_MAPPING                                                           \
    }

/* Makes a worker. No I/O. options: NULL for defaults. What does not make sense (LK_E_INVALID, in
 * *err when that is given) is kept in the worker, for lk_worker_run to report to Lambda: neither
 * this nor lk_worker_register needs to be checked there. NULL only when out of memory, which
 * lk_worker_run takes too. */
LK_API lk_worker *lk_worker_new(const lk_worker_options *options, lk_err *err);
LK_API void lk_worker_free(lk_worker *worker); /* accepts NULL */

/* Options of a class of jobs. */
typedef struct lk_handler_options {
    size_t size;
    int retry; /* its own number of retries: 0.., LK_RETRY_MAX; LK_RETRY_UNSET: the worker's.
                  When its own are used up its message is deleted, see lk_dead_mode */
    lk_dead_mode dead;                 /* where its dead jobs go */
    int jitter_percent;                /* 0..100; -1: the worker's */
    bool hide_arguments;               /* keep them out of the metrics' JobArg1… */
    lk_exhausted_fn retries_exhausted; /* gets the handler's ctx; NULL: nobody */
} lk_handler_options;

#define LK_HANDLER_OPTIONS_INIT                                                                    \
    {                                                                                              \
        .size = sizeof(lk_handler_options), .retry = LK_RETRY_UNSET, .jitter_percent = -1          \
    }

/* Says who performs the jobs of a class. job_class: as in the body, "Images::ThumbnailJob" too;
 * copied. ctx: yours. options: copied, NULL for defaults. Returns 0; LK_E_INVALID: an option out of
 * range, or the class is registered already; LK_E_NOMEM. Kept for lk_worker_run, see lk_worker_new.
 */
LK_API int lk_worker_register(lk_worker *worker, const char *job_class, lk_perform_fn perform,
                              void *ctx, const lk_handler_options *options, lk_err *err);
/* Who answers events without jobs; nobody: their invocations fail. (Records of an SQS queue that
 * are not jobs of ours are reported failed all the same, as the messages would be deleted
 * otherwise.) */
LK_API void lk_worker_on_event(lk_worker *worker, lk_event_fn answer, void *ctx);
/* The program cannot start, for a reason of its own (see lk_fail): lk_worker_run reports that. */
LK_API void lk_worker_refuse(lk_worker *worker, const lk_err *reason);

/* Works until the process is to end. worker: transferred; NULL is a failed lk_worker_new. Returns
 * what main returns: 0 after SIGTERM, SIGINT or lk_worker_stop, when the job in progress has
 * finished, the rest of its event is given back and the response is out; 1 when it could not start
 * (reported to Lambda, and on stderr) or the Runtime API is gone. Standard output becomes line
 * buffered. One at a time in a process: it has the signals. */
LK_API int lk_worker_run(lk_worker *worker);
/* Ends lk_worker_run in that way. lk_worker_handle starts no more jobs, of this event or a later
 * one: they are given back. Threads: any. Signal handlers: yes. */
LK_API void lk_worker_stop(lk_worker *worker);

/* One invocation, for programs with a loop of their own. invocation: event counts, and request_id
 * and deadline_ms where they are known. *response: owned by the worker until its next call.
 * Negative: the invocation has failed, to be reported with lk_runtime_fail; LK_E_BUSY,
 * LK_E_INVALID for a worker with errors kept in it. Blocks: while jobs run. */
LK_API int lk_worker_handle(lk_worker *worker, const lk_invocation *invocation, lk_slice *response,
                            lk_err *err) LK_CHECK;

/* The worker's client, for handlers: jobs of their own, any SQS call. Jobs sent with lk_send_async
 * are collected before the invocation is answered; those that SQS refused are logged. */
LK_API lk_client *lk_worker_client(lk_worker *worker);
/* lk_enqueue, and its metrics line (enqueue.active_job, enqueue_at.active_job). */
LK_API int lk_worker_enqueue(lk_worker *worker, const char *queue, const char *job_class,
                             const char *arguments_json, const lk_enqueue_options *options,
                             lk_sent *sent, lk_err *err) LK_CHECK;
/* lk_enqueue_batch, and a line for each job. */
LK_API int lk_worker_enqueue_batch(lk_worker *worker, const char *queue,
                                   const lk_enqueue_entry *entries, size_t count,
                                   lk_send_result *results, lk_err *err) LK_CHECK;

/* For handlers, about the job in hand: */
LK_API lk_worker *lk_job_worker(const lk_job *job); /* NULL: its batch is driven by hand */
/* Should this attempt fail, and be retried, then after so many seconds (0 to what SQS can hide a
 * message for), instead of the backoff. */
LK_API void lk_job_retry_in(lk_job *job, int64_t seconds);
/* Whether the process is about to end: a signal has come, or fewer than five seconds (at most a
 * quarter of the time there was) are left. Jobs that run long may stop early then. */
LK_API bool lk_job_stopping(const lk_job *job);

typedef enum lk_log_level {
    LK_LOG_TRACE,
    LK_LOG_DEBUG,
    LK_LOG_INFO,
    LK_LOG_WARN,
    LK_LOG_ERROR,
    LK_LOG_FATAL
} lk_log_level;

/* A line on standard output: time, request id, level, the job's class and id, and the text; where
 * AWS_LAMBDA_LOG_FORMAT is JSON, a JSON object. Nothing below AWS_LAMBDA_LOG_LEVEL (INFO). The text
 * is cut at 16 KiB; what is no UTF-8, and control characters, do not break the line. */
LK_API void lk_job_log(const lk_job *job, lk_log_level level, const char *format, ...)
    LK_FORMAT(3, 4);
LK_API void lk_worker_log(const lk_worker *worker, lk_log_level level, const char *format, ...)
    LK_FORMAT(3, 4);

#ifdef __cplusplus
}
#endif

#endif
