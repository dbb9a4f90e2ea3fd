/* SPDX-License-Identifier: MIT
 *
 * test_options: structs that callers fill, as a program has them that was built with another header
 * than the library: shorter ones count as far as they go, others are refused by what to do. Those
 * of lk_client_new are in test_client.c.
 */
#include "lk_test_round.h"
#include "lk_test_worker.h"

/* A copy as an older header has it: without the member at `bytes` and what follows. There is no
 * more memory than that. */
static void *older(const void *options, size_t bytes)
{
    void *copy = malloc(bytes);
    assert_non_null(copy);
    memcpy(copy, options, bytes);
    memcpy(copy, &bytes, sizeof(bytes));
    return copy;
}

#define OLDER(options, member) older(&(options), offsetof(__typeof__(options), member))

/* A struct without size, and one of a newer header. */
static const size_t wrong_sizes[] = {0, 4096};

static void expect_told(const lk_err *err, size_t size, const char *start_from)
{
    const char *told = size == 0 ? start_from : "4096 bytes";
    if (!strstr(err->message, told))
        fail_msg("\"%s\" does not say %s", err->message, told);
}

/* --- Sending -------------------------------------------------------------------------------- */

static void send_options_of_an_older_header_count_as_far_as_they_go(void **state)
{
    lk_test_worker *f = *state;
    lk_err err;
    lk_send_options options = LK_SEND_OPTIONS_INIT;
    options.delay_ms = 2000 * 1000;
    options.long_delays = LK_LONG_DELAYS_RAISE; /* not part of it */
    lk_send_options *known = OLDER(options, long_delays);
    assert_lk_ok(lk_send(lk_test_local_client(f->local), lk_slice_of("jobs"), lk_slice_of("{}"),
                         known, NULL, &err));
    assert_int_equal(lk_test_local_delayed(f->local, "jobs"), 1);
    free(known);
}

static void send_options_of_another_size_are_refused(void **state)
{
    lk_test_worker *f = *state;
    lk_client *client = lk_test_local_client(f->local);
    lk_slice queue = lk_slice_of("jobs");
    lk_slice body = lk_slice_of("{}");
    lk_err err;
    lk_send_options options = LK_SEND_OPTIONS_INIT;
    for (size_t i = 0; i < LK_COUNT(wrong_sizes); i++) {
        options.size = wrong_sizes[i];
        assert_lk_fails(lk_send(client, queue, body, &options, NULL, &err), LK_E_INVALID);
        expect_told(&err, options.size, "LK_SEND_OPTIONS_INIT");
        assert_lk_fails(lk_send_async(client, queue, body, &options, 1, &err), LK_E_INVALID);
    }
    assert_int_equal(lk_test_local_total(f->local, "jobs"), 0);
}

/* Entries of a header in which the options end before long_delays. */
typedef struct older_send_entry {
    lk_slice body;
    unsigned char options[offsetof(lk_send_options, long_delays)];
} older_send_entry;

static void many_messages_of_an_older_header_are_found_where_they_stand(void **state)
{
    lk_test_worker *f = *state;
    lk_err err;
    lk_send_options options = LK_SEND_OPTIONS_INIT;
    options.size = sizeof(((older_send_entry *)NULL)->options);
    older_send_entry *entries = calloc(3, sizeof(*entries));
    lk_send_result results[3];
    for (size_t i = 0; i < 3; i++) {
        options.delay_ms = i == 2 ? 60000 : 0;
        entries[i].body = lk_slice_of("{}");
        memcpy(entries[i].options, &options, options.size);
    }
    assert_lk_ok(lk_send_batch(lk_test_local_client(f->local), lk_slice_of("jobs"),
                               (const lk_send_entry *)(const void *)entries, 3, results, &err));
    assert_int_equal(lk_test_local_visible(f->local, "jobs"), 2);
    assert_int_equal(lk_test_local_delayed(f->local, "jobs"), 1);
    free(entries);
}

static void many_messages_of_another_size_are_refused_as_a_whole(void **state)
{
    lk_test_worker *f = *state;
    lk_err err;
    lk_send_result results[2];
    lk_send_entry entries[2] = {{lk_slice_of("{}"), LK_SEND_OPTIONS_INIT},
                                {lk_slice_of("{}"), LK_SEND_OPTIONS_INIT}};
    for (size_t i = 0; i < LK_COUNT(wrong_sizes); i++) {
        entries[1].options.size = wrong_sizes[i];
        assert_lk_fails(lk_send_batch(lk_test_local_client(f->local), lk_slice_of("jobs"), entries,
                                      2, results, &err),
                        LK_E_INVALID);
        expect_told(&err, wrong_sizes[i], "LK_SEND_OPTIONS_INIT");
    }
    entries[1].options.size = offsetof(lk_send_options, long_delays); /* unlike its neighbour */
    assert_lk_fails(lk_send_batch(lk_test_local_client(f->local), lk_slice_of("jobs"), entries, 2,
                                  results, &err),
                    LK_E_INVALID);
    assert_int_equal(lk_test_local_total(f->local, "jobs"), 0);
}

/* --- New jobs ------------------------------------------------------------------------------- */

static void enqueue_options_of_an_older_header_count_as_far_as_they_go(void **state)
{
    lk_test_worker *f = *state;
    lk_err err;
    lk_enqueue_options options = LK_ENQUEUE_OPTIONS_INIT;
    options.delay_ms = 60000;
    options.message_group_id = "not part of it, nor valid: \x01";
    lk_enqueue_options *known = OLDER(options, message_group_id);
    lk_client *client = lk_test_local_client(f->local);
    assert_lk_ok(lk_enqueue(client, "jobs", "TestJob", NULL, known, NULL, &err));
    lk_test_worker_open(f);
    assert_lk_ok(lk_worker_enqueue(f->worker, "jobs", "TestJob", NULL, known, NULL, &err));
    assert_int_equal(lk_test_local_delayed(f->local, "jobs"), 2);
    free(known);
}

static void enqueue_options_of_another_size_are_refused(void **state)
{
    lk_test_worker *f = *state;
    lk_client *client = lk_test_local_client(f->local);
    lk_err err;
    lk_enqueue_options options = LK_ENQUEUE_OPTIONS_INIT;
    lk_test_worker_open(f);
    for (size_t i = 0; i < LK_COUNT(wrong_sizes); i++) {
        options.size = wrong_sizes[i];
        assert_lk_fails(lk_enqueue(client, "jobs", "TestJob", NULL, &options, NULL, &err),
                        LK_E_INVALID);
        expect_told(&err, options.size, "LK_ENQUEUE_OPTIONS_INIT");
        assert_lk_fails(lk_worker_enqueue(f->worker, "jobs", "TestJob", NULL, &options, NULL, &err),
                        LK_E_INVALID);
    }
    assert_int_equal(lk_test_local_total(f->local, "jobs"), 0);
}

/* Entries of a header in which the options end before message_group_id. */
typedef struct older_enqueue_entry {
    const char *job_class;
    const char *arguments_json;
    unsigned char options[offsetof(lk_enqueue_options, message_group_id)];
} older_enqueue_entry;

static void many_jobs_of_an_older_header_are_found_where_they_stand(void **state)
{
    lk_test_worker *f = *state;
    lk_err err;
    lk_enqueue_options options = LK_ENQUEUE_OPTIONS_INIT;
    options.size = sizeof(((older_enqueue_entry *)NULL)->options);
    older_enqueue_entry *entries = calloc(3, sizeof(*entries));
    const lk_enqueue_entry *given = (const lk_enqueue_entry *)(const void *)entries;
    lk_send_result results[3];
    for (size_t i = 0; i < 3; i++) {
        options.delay_ms = i == 2 ? 60000 : 0;
        entries[i].job_class = "TestJob";
        memcpy(entries[i].options, &options, options.size);
    }
    lk_test_worker_open(f);
    lk_client *client = lk_test_local_client(f->local);
    assert_lk_ok(lk_enqueue_batch(client, "jobs", given, 3, results, &err));
    assert_lk_ok(lk_worker_enqueue_batch(f->worker, "jobs", given, 3, results, &err));
    assert_int_equal(lk_test_local_visible(f->local, "jobs"), 4);
    assert_int_equal(lk_test_local_delayed(f->local, "jobs"), 2);
    free(entries);
}

static void many_jobs_of_another_size_are_refused_as_a_whole(void **state)
{
    lk_test_worker *f = *state;
    lk_client *client = lk_test_local_client(f->local);
    lk_err err;
    lk_send_result results[2];
    lk_enqueue_entry entries[2] = {{"TestJob", NULL, LK_ENQUEUE_OPTIONS_INIT},
                                   {"TestJob", NULL, LK_ENQUEUE_OPTIONS_INIT}};
    lk_test_worker_open(f);
    for (size_t i = 0; i < LK_COUNT(wrong_sizes); i++) {
        entries[1].options.size = wrong_sizes[i];
        assert_lk_fails(lk_enqueue_batch(client, "jobs", entries, 2, results, &err), LK_E_INVALID);
        expect_told(&err, wrong_sizes[i], "LK_ENQUEUE_OPTIONS_INIT");
        assert_lk_fails(lk_worker_enqueue_batch(f->worker, "jobs", entries, 2, results, &err),
                        LK_E_INVALID);
    }
    assert_int_equal(lk_test_local_total(f->local, "jobs"), 0);
}

/* --- Batch ---------------------------------------------------------------------------------- */

static void batch_options_of_an_older_header_count_as_far_as_they_go(void **state)
{
    lk_test_worker *f = *state;
    lk_err err;
    lk_batch_options options = LK_BATCH_OPTIONS_INIT;
    options.max_retries = 3;
    options.jitter_percent = 101; /* not part of it */
    lk_batch_options *known = OLDER(options, jitter_percent);
    lk_batch *batch = lk_batch_new(lk_test_local_client(f->local), known, &err);
    assert_non_null(batch);
    lk_batch_free(batch);
    free(known);
}

static void batch_options_of_another_size_are_refused(void **state)
{
    lk_test_worker *f = *state;
    lk_err err;
    lk_batch_options options = LK_BATCH_OPTIONS_INIT;
    for (size_t i = 0; i < LK_COUNT(wrong_sizes); i++) {
        options.size = wrong_sizes[i];
        lk_err_clear(&err);
        assert_null(lk_batch_new(lk_test_local_client(f->local), &options, &err));
        assert_int_equal(err.code, LK_E_INVALID);
        expect_told(&err, options.size, "LK_BATCH_OPTIONS_INIT");
    }
}

/* Jitter and the wait that the job chose are not part of them. */
static void job_options_and_outcomes_of_an_older_header_count_as_far_as_they_go(void **state)
{
    lk_test_worker *f = *state;
    lk_err err;
    lk_test_round round;
    lk_decision decision;
    lk_job_options options = LK_JOB_OPTIONS_INIT;
    lk_outcome outcome = LK_OUTCOME_INIT;
    options.jitter_percent = 100;
    outcome.kind = LK_FAILED;
    outcome.retry_in_s = 77;
    lk_job_options *known = OLDER(options, jitter_percent);
    lk_outcome *known_outcome = OLDER(outcome, retry_in_s);
    lk_test_local_send(f->local, "jobs", "a", 0, NULL);
    lk_test_round_begin(&round, f->local, "jobs", NULL);
    lk_job *job = lk_test_round_next(&round);
    assert_lk_ok(lk_batch_start(round.batch, job, known, &decision, &err));
    assert_lk_ok(lk_batch_finish(round.batch, job, known_outcome, &decision, &err));
    assert_int_equal(decision.action, LK_RETRY);
    assert_int_equal(decision.wait_s, 30);
    lk_test_round_end(&round, 1);
    free(known_outcome);
    free(known);
}

static void job_options_and_outcomes_of_another_size_leave_the_job_open(void **state)
{
    lk_test_worker *f = *state;
    lk_err err;
    lk_test_round round;
    lk_decision decision;
    lk_job_options options = LK_JOB_OPTIONS_INIT;
    lk_outcome outcome = LK_OUTCOME_INIT;
    lk_test_local_send(f->local, "jobs", "a", 0, NULL);
    lk_test_round_begin(&round, f->local, "jobs", NULL);
    lk_job *job = lk_test_round_next(&round);
    for (size_t i = 0; i < LK_COUNT(wrong_sizes); i++) {
        options.size = outcome.size = wrong_sizes[i];
        assert_lk_fails(lk_batch_start(round.batch, job, &options, &decision, &err), LK_E_INVALID);
        expect_told(&err, options.size, "LK_JOB_OPTIONS_INIT");
        assert_lk_fails(lk_batch_decide(round.batch, job, &outcome, &decision, &err), LK_E_INVALID);
        expect_told(&err, options.size, "LK_OUTCOME_INIT");
        assert_lk_fails(lk_batch_finish(round.batch, job, &outcome, &decision, &err), LK_E_INVALID);
    }
    lk_test_round_finish(&round, job, LK_DONE);
    lk_test_round_end(&round, 0);
    assert_int_equal(lk_test_local_total(f->local, "jobs"), 0);
}

/* --- Facts ---------------------------------------------------------------------------------- */

static void facts_of_an_older_header_count_as_far_as_they_go(void **state LK_UNUSED)
{
    lk_job_facts facts = LK_JOB_FACTS_INIT;
    facts.receive_count = 3;
    facts.max_receive_count = 13;
    facts.retry_in_s = 77; /* not part of it */
    lk_job_facts *known = OLDER(facts, retry_in_s);
    lk_decision decision = lk_job_after(known, false);
    assert_int_equal(decision.action, LK_RETRY);
    assert_true(decision.wait_s != 77 && decision.wait_s > 0);
    assert_int_equal(lk_job_limit(known), 12);
    assert_int_equal(lk_job_before(known).action, LK_RUN);
    assert_int_equal(lk_job_unsent(known).action, LK_DEFER);
    assert_int_equal(lk_job_unstarted(known, false).action, LK_RETRY);
    free(known);
}

/* There is no error to return: what nobody knows decides nothing for good. */
static void facts_without_size_are_no_facts(void **state LK_UNUSED)
{
    lk_job_facts facts = LK_JOB_FACTS_INIT;
    facts.receive_count = 13;
    facts.max_receive_count = 13;
    facts.dead = LK_DEAD_DELETE;
    assert_int_equal(lk_job_after(&facts, false).action, LK_DELETE);
    facts.size = 0;
    assert_int_equal(lk_job_after(&facts, false).action, LK_RETRY);
}

/* --- Metrics -------------------------------------------------------------------------------- */

static void a_metric_of_an_older_header_counts_as_far_as_it_goes(void **state LK_UNUSED)
{
    static const uint8_t sets[] = {LK_DIMENSION_QUEUE_NAME};
    lk_err err;
    char *line;
    size_t len;
    lk_metric metric = LK_METRIC_INIT;
    metric.job_event = lk_slice_of("perform.active_job");
    metric.dimension_sets = sets;
    metric.dimension_set_count = 1;
    lk_metric *known = OLDER(metric, dimension_sets);
    assert_lk_ok(lk_metrics_format(known, &line, &len, &err));
    assert_non_null(strstr(line, "[[\"JobEvent\"]]"));
    lk_free(line);
    free(known);
}

static void metrics_of_another_size_are_refused(void **state LK_UNUSED)
{
    lk_err err;
    char *line;
    size_t len;
    lk_metric metric = LK_METRIC_INIT;
    for (size_t i = 0; i < LK_COUNT(wrong_sizes); i++) {
        metric.size = wrong_sizes[i];
        assert_lk_fails(lk_metrics_format(&metric, &line, &len, &err), LK_E_INVALID);
        expect_told(&err, metric.size, "LK_METRIC_INIT");
        assert_null(line);
    }
}

/* --- Worker --------------------------------------------------------------------------------- */

static void worker_options_of_an_older_header_count_as_far_as_they_go(void **state LK_UNUSED)
{
    lk_err err;
    lk_worker_options options = LK_WORKER_OPTIONS_INIT;
    options.max_retries = 3;
    options.metrics_namespace = (const char *)1; /* not part of it */
    lk_worker_options *known = OLDER(options, metrics_namespace);
    lk_worker *worker = lk_worker_new(known, &err);
    assert_non_null(worker);
    assert_int_equal(err.code, LK_OK);
    assert_non_null(lk_worker_client(worker));
    lk_worker_free(worker);
    free(known);
}

static void worker_options_of_another_size_are_kept_as_what_is_wrong(void **state LK_UNUSED)
{
    lk_err err;
    lk_slice response;
    lk_invocation invocation = {.event = lk_slice_of("{}")};
    lk_worker_options options = LK_WORKER_OPTIONS_INIT;
    options.metrics_namespace = (const char *)1; /* who knows what stands there */
    for (size_t i = 0; i < LK_COUNT(wrong_sizes); i++) {
        options.size = wrong_sizes[i];
        lk_worker *worker = lk_worker_new(&options, &err);
        assert_non_null(worker);
        assert_int_equal(err.code, LK_E_INVALID);
        expect_told(&err, options.size, "LK_WORKER_OPTIONS_INIT");
        assert_lk_fails(lk_worker_handle(worker, &invocation, &response, &err), LK_E_INVALID);
        lk_worker_free(worker);
    }
}

static void handler_options_of_an_older_header_count_as_far_as_they_go(void **state)
{
    lk_test_worker *f = *state;
    lk_handler_options options = LK_HANDLER_OPTIONS_INIT;
    options.retry = 0;
    options.retries_exhausted = lk_test_worker_mourn; /* not part of it */
    lk_handler_options *known = OLDER(options, retries_exhausted);
    lk_test_worker_register(f, known);
    free(known);
    lk_test_worker_fail(f, "Broken", "at once");
    lk_test_worker_enqueue(f, "TestJob", "[1]");
    assert_int_equal(lk_test_worker_invoke(f, "jobs"), 0);
    assert_int_equal(lk_test_local_total(f->local, "jobs"), 0);
    assert_int_equal(f->deaths, 0);
}

static void handler_options_of_another_size_are_refused(void **state)
{
    lk_test_worker *f = *state;
    lk_err err;
    lk_handler_options options = LK_HANDLER_OPTIONS_INIT;
    lk_test_worker_open(f);
    for (size_t i = 0; i < LK_COUNT(wrong_sizes); i++) {
        options.size = wrong_sizes[i];
        assert_lk_fails(
            lk_worker_register(f->worker, "TestJob", lk_test_worker_act, f, &options, &err),
            LK_E_INVALID);
        expect_told(&err, options.size, "LK_HANDLER_OPTIONS_INIT");
    }
}

#define on_worker(test)                                                                            \
    cmocka_unit_test_setup_teardown(test, lk_test_worker_setup, lk_test_worker_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        on_worker(send_options_of_an_older_header_count_as_far_as_they_go),
        on_worker(send_options_of_another_size_are_refused),
        on_worker(many_messages_of_an_older_header_are_found_where_they_stand),
        on_worker(many_messages_of_another_size_are_refused_as_a_whole),
        on_worker(enqueue_options_of_an_older_header_count_as_far_as_they_go),
        on_worker(enqueue_options_of_another_size_are_refused),
        on_worker(many_jobs_of_an_older_header_are_found_where_they_stand),
        on_worker(many_jobs_of_another_size_are_refused_as_a_whole),
        on_worker(batch_options_of_an_older_header_count_as_far_as_they_go),
        on_worker(batch_options_of_another_size_are_refused),
        on_worker(job_options_and_outcomes_of_an_older_header_count_as_far_as_they_go),
        on_worker(job_options_and_outcomes_of_another_size_leave_the_job_open),
        cmocka_unit_test(facts_of_an_older_header_count_as_far_as_they_go),
        cmocka_unit_test(facts_without_size_are_no_facts),
        cmocka_unit_test(a_metric_of_an_older_header_counts_as_far_as_it_goes),
        cmocka_unit_test(metrics_of_another_size_are_refused),
        cmocka_unit_test(worker_options_of_an_older_header_count_as_far_as_they_go),
        cmocka_unit_test(worker_options_of_another_size_are_kept_as_what_is_wrong),
        on_worker(handler_options_of_an_older_header_count_as_far_as_they_go),
        on_worker(handler_options_of_another_size_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
