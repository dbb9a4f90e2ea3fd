/* SPDX-License-Identifier: MIT
 *
 * sqs_error: codes come in two spellings, x-amzn-query-error ("AWS.SimpleQueueService.X") and
 * __type
 * ("com.amazonaws.sqs#Y"); lists here name both without prefixes.
 */
#include "sqs_error.h"

#include "json.h"

#include <string.h>

enum { MAX_EXCERPT = 80 };

/* What the AWS SDKs' standard retry mode takes for throttling, KMS's for encrypted queues
 * included. Not OverLimit: that is a queue with 120,000 messages in flight, or too many
 * permissions; seconds later it still is. */
static const char *const throttling[] = {
    "Throttling",       "ThrottlingException",       "ThrottledException",
    "RequestThrottled", "RequestThrottledException", "TooManyRequestsException",
    "SlowDown",         "RequestLimitExceeded",      "BandwidthLimitExceeded",
    "KmsThrottled",     "KMS.ThrottlingException",   "PriorRequestNotComplete",
};

static const char *const transient[] = {"RequestTimeout", "RequestTimeoutException",
                                        "InternalError", "InternalFailure", "ServiceUnavailable"};

static const char *const skewed[] = {
    "RequestExpired",        "RequestTimeTooSkewed",      "RequestInTheFuture",
    "SignatureDoesNotMatch", "InvalidSignatureException",
};

static const char *const expired[] = {"ExpiredToken", "ExpiredTokenException",
                                      "TokenRefreshRequired"};

static const struct {
    const char *code;
    const char *remedy;
} remedies[] = {
    {"NonExistentQueue", "check the queue's name, region and account, and that it exists"},
    {"QueueDoesNotExist", "check the queue's name, region and account, and that it exists"},
    {"AccessDenied", "the IAM policy of these credentials, or the queue's, does not allow it"},
    {"AccessDeniedException",
     "the IAM policy of these credentials, or the queue's, does not allow it"},
    {"InvalidClientTokenId", "check AWS_ACCESS_KEY_ID, and AWS_SESSION_TOKEN if there is one"},
    {"UnrecognizedClientException",
     "check AWS_ACCESS_KEY_ID, and AWS_SESSION_TOKEN if there is one"},
    {"SignatureDoesNotMatch", "check AWS_SECRET_ACCESS_KEY and the clock of this machine"},
    {"InvalidSignatureException", "check AWS_SECRET_ACCESS_KEY and the clock of this machine"},
    {"RequestExpired", "check the clock of this machine"},
    {"ExpiredToken", "get new temporary credentials"},
    {"ExpiredTokenException", "get new temporary credentials"},
    {"MissingAuthenticationToken", "no signature arrived: does a proxy drop headers?"},
};

static bool has_code(const lk_err *err, const char *code)
{
    const char *dot = strrchr(err->aws_code, '.');
    return strcmp(err->aws_code, code) == 0 || strcmp(err->aws_type, code) == 0 ||
           (dot && strcmp(dot + 1, code) == 0);
}

static bool has_code_of(const lk_err *err, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (has_code(err, list[i]))
            return true;
    }
    return false;
}

bool lk_sqs_error_is_skew(const lk_err *err)
{
    return has_code_of(err, skewed, LK_COUNT(skewed));
}

bool lk_sqs_error_is_expired(const lk_err *err)
{
    return has_code_of(err, expired, LK_COUNT(expired));
}

static const char *remedy_of(const lk_err *err)
{
    for (size_t i = 0; i < LK_COUNT(remedies); i++) {
        if (has_code(err, remedies[i].code))
            return remedies[i].remedy;
    }
    return NULL;
}

/* Behind '#', before ':' (some services append a URL). */
static lk_slice shape_of(lk_slice type)
{
    lk_slice head;
    lk_slice behind = lk_slice_cut(type, '#', &head);
    lk_slice_cut(behind.ptr ? behind : head, ':', &head);
    return lk_slice_trim(head);
}

static void read_codes(const lk_http_response *answer, const lk_json *root, lk_err *err)
{
    lk_slice type = lk_json_string(lk_json_get(root, "__type"));
    if (type.len == 0)
        type = lk_http_header(answer, "x-amzn-errortype");
    lk_slice shape = shape_of(type);
    lk_slice code;
    lk_slice_cut(lk_http_header(answer, "x-amzn-query-error"), ';', &code);
    code = lk_slice_trim(code);
    lk_slice_copy(shape, err->aws_type, sizeof(err->aws_type));
    lk_slice_copy(code.len > 0 ? code : shape, err->aws_code, sizeof(err->aws_code));
}

/* The beginning of a foreign body as one line of printable ASCII. */
static void excerpt_of(lk_slice body, char out[MAX_EXCERPT + 1])
{
    size_t len = 0;
    for (size_t i = 0; i < body.len && len < MAX_EXCERPT; i++) {
        bool printable = body.ptr[i] >= ' ' && body.ptr[i] <= '~';
        out[len] = ' ';
        if (printable)
            out[len] = body.ptr[i];
        len++;
    }
    out[len] = '\0';
}

static void describe_foreign(const lk_http_response *answer, lk_slice host, lk_err *err)
{
    char excerpt[MAX_EXCERPT + 1];
    lk_slice type = lk_http_header(answer, "content-type");
    excerpt_of(lk_slice_trim(lk_buf_slice(&answer->body)), excerpt);
    lk_err_set(err, LK_E_SERVICE,
               "%.*s answered HTTP %d (%.*s), which is not what SQS answers: \"%s\". Is the "
               "endpoint right, or a proxy in between?",
               LK_SLICE_FMT(host), answer->status, (int)LK_MIN(type.len, 60),
               type.len ? type.ptr : "", excerpt);
}

static void describe(const lk_http_response *answer, const lk_json *root, lk_err *err)
{
    lk_slice text = lk_json_string(lk_json_get(root, "message"));
    if (text.len == 0)
        text = lk_json_string(lk_json_get(root, "Message"));
    lk_err codes = *err;
    const char *remedy = remedy_of(err);
    lk_err_set(err, LK_E_SERVICE, "SQS answered %s (HTTP %d): %.*s%s%s%s", codes.aws_code,
               answer->status, (int)LK_MIN(text.len, 250), text.len ? text.ptr : "",
               remedy ? " (" : "", remedy ? remedy : "", remedy ? ")" : "");
    memcpy(err->aws_code, codes.aws_code, sizeof(err->aws_code));
    memcpy(err->aws_type, codes.aws_type, sizeof(err->aws_type));
}

int lk_sqs_error_read(const lk_http_response *answer, lk_slice host, lk_err *err)
{
    if (!err)
        return LK_E_SERVICE;
    lk_json *root = NULL;
    lk_err_clear(err);
    if (lk_json_parse(lk_buf_slice(&answer->body), "error", &root, NULL))
        root = NULL;
    read_codes(answer, root, err);
    if (err->aws_code[0])
        describe(answer, root, err);
    else
        describe_foreign(answer, host, err);
    lk_json_free(root);
    err->http_status = answer->status;
    err->retriable = answer->status >= 500 || answer->status == 429 ||
                     has_code_of(err, throttling, LK_COUNT(throttling)) ||
                     has_code_of(err, transient, LK_COUNT(transient));
    lk_slice_copy(lk_http_header(answer, "x-amzn-requestid"), err->request_id,
                  sizeof(err->request_id));
    return LK_E_SERVICE;
}
