/* SPDX-License-Identifier: MIT
 *
 * sqs_digest: see the header. Where libcrypto refuses MD5 (FIPS) nothing is expected, so nothing
 * can fail.
 */
#include "sqs_digest.h"

#include "json.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_ATTRIBUTES = 32 }; /* SQS allows 10; more are left to it to refuse */

/* --- Computing ------------------------------------------------------------------------------ */

static void digest_list(const lk_md5_attribute *list, size_t count, char out[LK_MD5_HEX_SIZE])
{
    if (count == 0 || !lk_md5_attributes_hex(list, count, out))
        out[0] = '\0';
}

static void digest_body(lk_slice body, char out[LK_MD5_HEX_SIZE])
{
    if (!lk_md5_hex(body, out))
        out[0] = '\0';
}

void lk_sqs_digests_make(lk_slice body, const lk_md5_attribute *attributes, size_t count,
                         const lk_md5_attribute *system_attributes, size_t system_count,
                         lk_sqs_digests *digests)
{
    digests->id[0] = '\0';
    digest_body(body, digests->body);
    digest_list(attributes, count, digests->attributes);
    digest_list(system_attributes, system_count, digests->system_attributes);
}

static bool is_binary(lk_slice data_type)
{
    return lk_slice_has_prefix(data_type, LK_SLICE_LITERAL("Binary"));
}

/* MD5 of a map of attributes as requests and answers write it; "" when there are none, or they
 * cannot be digested. */
static void digest_attributes(const lk_json *map, char out[LK_MD5_HEX_SIZE])
{
    lk_md5_attribute list[MAX_ATTRIBUTES];
    lk_buf decoded[MAX_ATTRIBUTES] = {{0}};
    size_t count = 0;
    bool complete = lk_json_length(map) <= MAX_ATTRIBUTES;
    for (void *it = complete ? lk_json_iter(map) : NULL; it; it = lk_json_iter_next(map, it)) {
        const lk_json *value = lk_json_iter_value(it);
        lk_md5_attribute *a = &list[count];
        a->name = lk_json_iter_key(it);
        a->data_type = lk_json_string(lk_json_get(value, "DataType"));
        a->value = lk_json_string(lk_json_get(value, "StringValue"));
        if (is_binary(a->data_type)) {
            lk_slice text = lk_json_string(lk_json_get(value, "BinaryValue"));
            complete = complete && lk_base64_decode(text, &decoded[count]);
            a->value = lk_buf_slice(&decoded[count]);
        }
        count++;
    }
    digest_list(list, complete ? count : 0, out);
    for (size_t i = 0; i < count; i++)
        lk_buf_clear(&decoded[i]);
}

static void digest_message(const lk_json *message, const char *body_key, const char *attributes_key,
                           lk_sqs_digests *digests)
{
    digest_body(lk_json_string(lk_json_get(message, body_key)), digests->body);
    digest_attributes(lk_json_get(message, attributes_key), digests->attributes);
}

static void expect_message(const lk_json *message, lk_sqs_digests *digests)
{
    digest_message(message, "MessageBody", "MessageAttributes", digests);
    digest_attributes(lk_json_get(message, "MessageSystemAttributes"), digests->system_attributes);
}

static void expect_entries(const lk_json *entries, lk_sqs_expect *expect)
{
    size_t count = lk_json_length(entries);
    if (count > LK_SQS_BATCH_MAX)
        return; /* SQS refuses the call */
    for (size_t i = 0; i < count; i++) {
        lk_sqs_digests *digests = &expect->entries[expect->count];
        const lk_json *entry = lk_json_at(entries, i);
        lk_slice id = lk_json_string(lk_json_get(entry, "Id"));
        if (id.len == 0 || !lk_slice_copy(id, digests->id, sizeof(digests->id)))
            continue; /* SQS refuses it */
        expect_message(entry, digests);
        expect->count++;
    }
}

int lk_sqs_expect_of(const char *action, lk_slice request, lk_sqs_expect *expect, lk_err *err)
{
    expect->count = 0;
    bool one = strcmp(action, "SendMessage") == 0;
    if (!one && strcmp(action, "SendMessageBatch") != 0)
        return 0;
    lk_json *root;
    int rc = lk_json_parse(request, "request", &root, err);
    if (rc)
        return rc;
    if (one) {
        expect->entries[0].id[0] = '\0';
        expect_message(root, &expect->entries[0]);
        expect->count = 1;
    } else {
        expect_entries(lk_json_get(root, "Entries"), expect);
    }
    lk_json_free(root);
    return 0;
}

/* --- Checking ------------------------------------------------------------------------------- */

/* expected "": nothing to compare with. */
static int compare(const char *what, const lk_json *answer, const char *key, const char *expected,
                   lk_err *err)
{
    lk_slice got = lk_json_string(lk_json_get(answer, key));
    if (!*expected || lk_slice_equal_str(got, expected))
        return 0;
    lk_slice id = lk_json_string(lk_json_get(answer, "MessageId"));
    return LK_FAIL(err, LK_E_CHECKSUM,
                   "message %.*s: %s is \"%.*s\", but the digest of what was %s is %s: it changed "
                   "on its way",
                   LK_SLICE_FMT(id), key, LK_SLICE_FMT(got), what, expected);
}

/* `"key":"digest"` stands somewhere in the text, with or without white space between. */
static bool says(lk_slice answer, const char *key, const char *digest)
{
    if (!*digest)
        return true;
    size_t key_len = strlen(key);
    size_t digest_len = strlen(digest);
    for (const char *at = answer.ptr; at; at++) {
        size_t left = answer.len - (size_t)(at - answer.ptr);
        at = left > 0 ? memmem(at, left, key, key_len) : NULL;
        if (!at)
            return false;
        lk_slice rest = {at + key_len, answer.len - (size_t)(at + key_len - answer.ptr)};
        rest = lk_slice_trim(rest);
        if (!lk_slice_has_prefix(rest, LK_SLICE_LITERAL(":")))
            continue;
        rest = lk_slice_trim((lk_slice){rest.ptr + 1, rest.len - 1});
        if (rest.len > digest_len + 1 && rest.ptr[0] == '"' && rest.ptr[digest_len + 1] == '"' &&
            memcmp(rest.ptr + 1, digest, digest_len) == 0)
            return true;
    }
    return false;
}

/* An answer to one send as text: no parsing for a look at three short strings. */
static bool says_all(lk_slice answer, const lk_sqs_digests *digests)
{
    return says(answer, "\"MD5OfMessageBody\"", digests->body) &&
           says(answer, "\"MD5OfMessageAttributes\"", digests->attributes) &&
           says(answer, "\"MD5OfMessageSystemAttributes\"", digests->system_attributes);
}

/* The usual answer to SendMessageBatch, in which nothing failed. False: it is another one, or there
 * is a digest that it does not say. */
static bool says_each(lk_slice answer, const lk_sqs_expect *expect)
{
    static const char *const keys[] = {"Id"};
    lk_slice elements[LK_SQS_BATCH_MAX];
    size_t count;
    if (!lk_json_plain_list(answer, "Successful", elements, LK_COUNT(elements), &count))
        return false;
    for (size_t i = 0; i < count; i++) {
        lk_slice id;
        if (!lk_json_plain_members(elements[i], keys, 1, &id))
            return false;
        for (size_t k = 0; k < expect->count; k++) {
            if (lk_slice_equal_str(id, expect->entries[k].id) &&
                !says_all(elements[i], &expect->entries[k]))
                return false;
        }
    }
    return true;
}

static int check_sent(const lk_json *answer, const lk_sqs_digests *digests, lk_err *err)
{
    int rc = compare("sent", answer, "MD5OfMessageBody", digests->body, err);
    if (!rc)
        rc = compare("sent", answer, "MD5OfMessageAttributes", digests->attributes, err);
    if (!rc)
        rc = compare("sent", answer, "MD5OfMessageSystemAttributes", digests->system_attributes,
                     err);
    return rc;
}

/* Entries that failed have no digests; whoever asked sees them in Failed. */
static int check_sent_batch(const lk_json *successful, const lk_sqs_expect *expect, lk_err *err)
{
    int rc = 0;
    for (size_t i = 0; !rc && i < lk_json_length(successful); i++) {
        const lk_json *answer = lk_json_at(successful, i);
        lk_slice id = lk_json_string(lk_json_get(answer, "Id"));
        for (size_t k = 0; !rc && k < expect->count; k++) {
            if (lk_slice_equal_str(id, expect->entries[k].id))
                rc = check_sent(answer, &expect->entries[k], err);
        }
    }
    return rc;
}

static int check_received(const lk_json *messages, lk_err *err)
{
    int rc = 0;
    for (size_t i = 0; !rc && i < lk_json_length(messages); i++) {
        const lk_json *message = lk_json_at(messages, i);
        lk_sqs_digests digests;
        digest_message(message, "Body", "MessageAttributes", &digests);
        rc = compare("received", message, "MD5OfBody", digests.body, err);
        if (!rc)
            rc = compare("received", message, "MD5OfMessageAttributes", digests.attributes, err);
    }
    if (rc && err)
        err->retriable = false;
    return rc;
}

int lk_sqs_digest_check(const char *action, const lk_sqs_expect *expect, lk_slice answer,
                        lk_err *err)
{
    bool receive = strcmp(action, "ReceiveMessage") == 0;
    bool single = !receive && expect->count > 0 && expect->entries[0].id[0] == '\0';
    if (!receive && expect->count == 0)
        return 0;
    if (single ? says_all(answer, &expect->entries[0]) : !receive && says_each(answer, expect))
        return 0;
    lk_json *root;
    int rc = lk_json_parse(answer, "answer", &root, err);
    if (rc)
        return rc;
    if (receive)
        rc = check_received(lk_json_get(root, "Messages"), err);
    else if (single)
        rc = check_sent(root, &expect->entries[0], err);
    else
        rc = check_sent_batch(lk_json_get(root, "Successful"), expect, err);
    lk_json_free(root);
    return rc;
}
