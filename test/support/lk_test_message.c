/* SPDX-License-Identifier: MIT
 *
 * lk_test_message: see the header.
 */
#include "lk_test_message.h"

#include "lk_test.h"

static const int64_t wall_now_ms = INT64_C(1600000000123); /* apart, to tell which one was asked */

static int64_t clock_ms(void *ctx)
{
    return *(int64_t *)ctx;
}

static int64_t wall_ms(void *ctx)
{
    (void)ctx;
    return wall_now_ms;
}

int lk_test_message_setup(void **state)
{
    unsetenv("_X_AMZN_TRACE_ID");
    lk_err err;
    lk_test_message *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    f->now_ms = LK_TEST_MESSAGE_NOW_MS;
    f->env = lk_env_default;
    f->env.clock_ms = clock_ms;
    f->env.wall_ms = wall_ms;
    f->env.ctx = &f->now_ms;
    lk_client_options options = LK_CLIENT_OPTIONS_INIT;
    options.region = "us-east-1";
    options.max_message_bytes = 1000;
    f->client = lk_client_new_env(&options, &f->env, &err);
    assert_non_null(f->client);
    assert_lk_ok(lk_queue_get(f->client, lk_slice_of("jobs"), &f->standard, &err));
    assert_lk_ok(lk_queue_get(f->client, lk_slice_of("jobs.fifo"), &f->fifo, &err));
    *state = f;
    return 0;
}

int lk_test_message_teardown(void **state)
{
    lk_test_message *f = *state;
    unsetenv("_X_AMZN_TRACE_ID");
    lk_client_free(f->client);
    free(f);
    return 0;
}

lk_send_options lk_test_message_options(void)
{
    lk_send_options o = LK_SEND_OPTIONS_INIT;
    o.job_id = lk_slice_of("j-1");
    return o;
}

void lk_test_message_members(lk_test_message *f, const lk_queue *queue,
                             const lk_send_options *options, const char *expected)
{
    lk_err err;
    lk_buf out = {0};
    assert_lk_ok(lk_message_build(f->client, queue, lk_slice_of("{}"), options, &out, NULL, &err));
    assert_slice(lk_buf_slice(&out), expected);
    lk_buf_clear(&out);
}

lk_json *lk_test_message_built(lk_test_message *f, const lk_queue *queue,
                               const lk_send_options *options)
{
    lk_err err;
    lk_buf out = {0};
    lk_json *root = NULL;
    lk_buf_add_char(&out, '{');
    assert_lk_ok(lk_message_build(f->client, queue, lk_slice_of("{}"), options, &out, NULL, &err));
    lk_buf_add_char(&out, '}');
    assert_lk_ok(lk_json_parse(lk_buf_slice(&out), "message", &root, &err));
    lk_buf_clear(&out);
    return root;
}

lk_slice lk_test_message_attribute(const lk_json *message, const char *name)
{
    const lk_json *attribute = lk_json_get(lk_json_get(message, "MessageAttributes"), name);
    return lk_json_string(lk_json_get(attribute, "StringValue"));
}

void lk_test_message_refused(lk_test_message *f, const lk_queue *queue, lk_slice body,
                             const lk_send_options *options, int code, const char *word)
{
    lk_err err;
    lk_buf out = {0};
    size_t size = 0;
    lk_buf_add_str(&out, "before");
    assert_lk_fails(lk_message_build(f->client, queue, body, options, &out, &size, &err), code);
    if (!strstr(err.message, word))
        fail_msg("\"%s\" does not mention \"%s\"", err.message, word);
    assert_slice(lk_buf_slice(&out), "before");
    lk_buf_clear(&out);
}
