/* SPDX-License-Identifier: MIT
 *
 * lk_test_function: see the header.
 */
#include "lk_test_function.h"

#include "lk_test.h"
#include "lk_test_process.h"

#include "json.h"

#include <unistd.h>

int lk_test_function_setup(void **state)
{
    lk_test_function *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    f->log = tmpfile();
    assert_non_null(f->log);
    *state = f;
    return 0;
}

int lk_test_function_teardown(void **state)
{
    lk_test_function *f = *state;
    lk_function_free(f->function);
    fclose(f->log);
    lk_buf_clear(&f->log_text);
    lk_buf_clear(&f->payload);
    free(f);
    return 0;
}

lk_function_options lk_test_function_options(lk_test_function *f, const char *const *argv)
{
    return (lk_function_options){.name = "jobs",
                                 .argv = argv,
                                 .workers = 1,
                                 .timeout_ms = LK_TEST_FUNCTION_PATIENCE_MS,
                                 .init_timeout_ms = LK_TEST_FUNCTION_PATIENCE_MS,
                                 .memory_mb = 256,
                                 .region = "eu-central-1",
                                 .account = "123456789012",
                                 .log_fd = fileno(f->log)};
}

void lk_test_function_start_with(lk_test_function *f, const lk_function_options *options)
{
    lk_err err;
    assert_lk_ok(lk_function_start(options, &f->function, &err));
}

void lk_test_function_start(lk_test_function *f, const char *how, int64_t timeout_ms)
{
    const char *argv[] = {LK_TEST_FUNCTION_COMMAND, how, NULL};
    lk_function_options options = lk_test_function_options(f, argv);
    options.timeout_ms = timeout_ms;
    lk_test_function_start_with(f, &options);
}

lk_invoke_status lk_test_function_invoke(lk_test_function *f, const char *event)
{
    lk_slice no_trace = {0};
    return lk_function_invoke(f->function, lk_slice_of(event), no_trace,
                              LK_TEST_FUNCTION_PATIENCE_MS, &f->payload);
}

void lk_test_function_payload_has(lk_test_function *f, const char *text)
{
    if (!f->payload.ptr || !strstr(f->payload.ptr, text))
        fail_msg("payload is %s, expected %s in it", f->payload.ptr, text);
}

int64_t lk_test_function_number(lk_test_function *f, const char *event, const char *member)
{
    lk_err err;
    lk_json *json = NULL;
    int64_t value = -1;
    assert_int_equal(lk_test_function_invoke(f, event), LK_INVOKE_OK);
    assert_lk_ok(lk_json_parse(lk_buf_slice(&f->payload), "payload", &json, &err));
    assert_true(lk_json_int64(member ? lk_json_get(json, member) : json, &value));
    lk_json_free(json);
    return value;
}

pid_t lk_test_function_pid(lk_test_function *f)
{
    return (pid_t)lk_test_function_number(f, "{\"do\":\"facts\"}", "pid");
}

const char *lk_test_function_log(lk_test_function *f)
{
    char bytes[4096];
    off_t at = 0;
    ssize_t got;
    lk_buf_reset(&f->log_text);
    while ((got = pread(fileno(f->log), bytes, sizeof(bytes), at)) > 0) {
        lk_buf_add(&f->log_text, (lk_slice){bytes, (size_t)got});
        at += got;
    }
    return f->log_text.ptr ? f->log_text.ptr : "";
}

const char *lk_test_function_log_has(const char *from, const char *text)
{
    const char *at = strstr(from, text);
    if (!at)
        fail_msg("the log has no \"%s\" in: %s", text, from);
    return at + strlen(text);
}

size_t lk_test_function_log_count(lk_test_function *f, const char *text)
{
    size_t count = 0;
    for (const char *at = strstr(lk_test_function_log(f), text); at; at = strstr(at + 1, text))
        count++;
    return count;
}

void lk_test_function_wait_log(lk_test_function *f, const char *text)
{
    int64_t until = lk_mono_ms() + LK_TEST_FUNCTION_PATIENCE_MS;
    while (lk_test_function_log_count(f, text) == 0) {
        assert_true(lk_mono_ms() < until);
        lk_test_sleep_ms(5);
    }
}

static void *invocation_main(void *arg)
{
    lk_test_invocation *i = arg;
    lk_slice no_trace = {0};
    i->status = lk_function_invoke(i->function, lk_slice_of(i->event), no_trace,
                                   LK_TEST_FUNCTION_PATIENCE_MS, &i->payload);
    return NULL;
}

void lk_test_invocation_begin(lk_test_invocation *i, lk_test_function *f, const char *event)
{
    *i = (lk_test_invocation){.function = f->function, .event = event};
    assert_int_equal(pthread_create(&i->thread, NULL, invocation_main, i), 0);
}

lk_invoke_status lk_test_invocation_join(lk_test_invocation *i)
{
    assert_int_equal(pthread_join(i->thread, NULL), 0);
    lk_buf_clear(&i->payload);
    return i->status;
}

void lk_test_function_wait_running(lk_test_function *f, size_t count)
{
    int64_t until = lk_mono_ms() + LK_TEST_FUNCTION_PATIENCE_MS;
    while (lk_function_running(f->function) < count) {
        assert_true(lk_mono_ms() < until);
        lk_test_sleep_ms(5);
    }
}
