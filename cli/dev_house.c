/* SPDX-License-Identifier: MIT
 *
 * dev_house: see dev_house.h.
 */
#include "dev_house.h"

#include "grace.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    STOP_GRACE_MS = 30000, /* what a running job gets when we are asked to stop */
    OWN_VARIABLES = 7,
    RECURSION_LIMIT = 16
};

/* --- Variables ------------------------------------------------------------------------------ */

bool lk_dev_house_in_memory(const lk_dev_house *house)
{
    return strcmp(house->plan->options->db, ":memory:") == 0;
}

/* Beside the database, because the two belong together: messages sent under a moved clock are in
 * the future for one that is not. Absolute, because the web process runs elsewhere. */
static int name_clock(lk_dev_house *h, lk_err *err)
{
    char *cwd = getcwd(NULL, 0);
    const char *db = h->plan->options->db;
    lk_buf_reset(&h->clock_path);
    if (lk_dev_house_in_memory(h))
        lk_buf_addf(&h->clock_path, "%s/lambdakiq-%ld.clock",
                    getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp", (long)getpid());
    else
        lk_buf_addf(&h->clock_path, "%s%s%s.clock", db[0] == '/' || !cwd ? "" : cwd,
                    db[0] == '/' || !cwd ? "" : "/", db);
    free(cwd);
    return lk_buf_check(&h->clock_path, err);
}

static int add_entry(lk_dev_house *h, const char *name, const char *value, lk_err *err)
{
    lk_buf entry = {0};
    lk_buf_addf(&entry, "%s%s%s", name, value ? "=" : "", value ? value : "");
    char *text = lk_buf_take(&entry);
    h->variables[h->variable_count++] = text;
    return text ? 0 : LK_FAIL_NOMEM(err);
}

static int add_own(lk_dev_house *h, const char *url, lk_err *err)
{
    const lk_dev_options *o = h->plan->options;
    int rc = add_entry(h, "AWS_REGION", o->region, err);
    if (rc == 0) /* for boto3 and the AWS CLI before version 2; on Lambda both are set */
        rc = add_entry(h, "AWS_DEFAULT_REGION", o->region, err);
    if (rc == 0 && !getenv("AWS_ACCESS_KEY_ID") && !getenv("AWS_PROFILE")) {
        rc = add_entry(h, "AWS_ACCESS_KEY_ID", "local", err);
        if (rc == 0)
            rc = add_entry(h, "AWS_SECRET_ACCESS_KEY", "local", err);
    }
    if (rc == 0 && !o->template_path)
        rc = add_entry(h, "JOBS_QUEUE_NAME", h->plan->queues[0].made.name, err);
    if (rc == 0)
        rc = add_entry(h, "LAMBDAKIQ_CLOCK_FILE", h->clock_path.ptr, err);
    /* The last one: who reads our output for it has all of them then. */
    return rc == 0 ? add_entry(h, "AWS_ENDPOINT_URL_SQS", url, err) : rc;
}

int lk_dev_house_set_variables(lk_dev_house *h, const char *url, lk_err *err)
{
    const char *const *globals = NULL;
    size_t count = 0;
    int rc = name_clock(h, err);
    if (rc == 0 && h->plan->options->template_path) {
        h->plan->template.base_url = url;
        rc = lk_template_variables(&h->plan->template, NULL, &globals, err);
    }
    while (rc == 0 && globals && globals[count])
        count++;
    h->variables = rc == 0 ? calloc(count + OWN_VARIABLES + 1, sizeof(*h->variables)) : NULL;
    if (rc == 0 && !h->variables)
        rc = LK_FAIL_NOMEM(err);
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = add_entry(h, globals[i], NULL, err);
    return rc == 0 ? add_own(h, url, err) : rc;
}

/* --- Starting ------------------------------------------------------------------------------- */

/* The database's directory, with those above it. */
static int make_directories(const char *file, lk_err *err)
{
    char path[4096];
    if (!lk_slice_copy(lk_slice_of(file), path, sizeof(path)))
        return LK_FAIL(err, LK_E_INVALID, "the path of the database is too long");
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(path, 0777) != 0 && errno != EEXIST)
            return LK_FAIL(err, LK_E_IO, "cannot make the directory %s for the database: %s", path,
                           strerror(errno));
        *slash = '/';
    }
    return 0;
}

static int start_server(lk_dev_house *h, lk_err *err)
{
    const lk_dev_options *o = h->plan->options;
    lk_server_options options = {
        .port = (int)o->port, .db_path = o->db, .region = o->region, .account = LK_DEV_ACCOUNT};
    int rc = lk_dev_house_in_memory(h) ? 0 : make_directories(o->db, err);
    if (rc == 0)
        rc = name_clock(h, err);
    if (rc == 0)
        rc = lk_clock_new(h->clock_path.ptr, &h->clock, err);
    options.clock = h->clock;
    return rc != 0 ? rc : lk_server_start(&options, &h->server, err);
}

/* The house's variables, those of the template over them, and _HANDLER. */
static int list_variables(lk_dev_house *h, const lk_dev_function *f, lk_buf *handler,
                          const char ***list, lk_err *err)
{
    const char *const *own = NULL;
    size_t own_count = 0, used = 0;
    int rc = f->declared ? lk_template_variables(&h->plan->template, f->declared, &own, err) : 0;
    while (rc == 0 && own && own[own_count])
        own_count++;
    *list = rc == 0 ? calloc(h->variable_count + own_count + 2, sizeof(**list)) : NULL;
    if (rc == 0 && !*list)
        rc = LK_FAIL_NOMEM(err);
    if (rc != 0)
        return rc;
    for (size_t i = 0; i < h->variable_count; i++)
        (*list)[used++] = h->variables[i];
    for (size_t i = 0; i < own_count; i++)
        (*list)[used++] = own[i];
    if (f->handler) {
        lk_buf_addf(handler, "_HANDLER=%s", f->handler);
        (*list)[used++] = handler->ptr;
    }
    return lk_buf_check(handler, err);
}

static int start_function(lk_dev_house *h, const lk_dev_function *f, lk_err *err)
{
    const char **variables = NULL;
    lk_buf handler = {0};
    int rc = list_variables(h, f, &handler, &variables, err);
    lk_function_options options = {.name = f->name,
                                   .argv = f->argv,
                                   .cwd = f->cwd,
                                   .env = variables,
                                   .workers = f->workers,
                                   .min_workers = f->sources,
                                   .timeout_ms = f->timeout_s * 1000,
                                   .memory_mb = (int)f->memory_mb,
                                   /* a template's number is for Lambda's machines */
                                   .memory_limit = h->plan->options->memory_mb > 0,
                                   .region = h->plan->options->region,
                                   .account = LK_DEV_ACCOUNT,
                                   /* with --json stdout is ours alone */
                                   .log_fd = h->cli->json ? STDERR_FILENO : STDOUT_FILENO,
                                   .log_json = h->plan->options->log_json};
    if (rc == 0)
        rc = lk_function_start(&options, &h->functions[h->function_count++], err);
    free(variables);
    lk_buf_clear(&handler);
    return rc;
}

static lk_client_options client_options(const lk_dev_house *h)
{
    lk_client_options options = LK_CLIENT_OPTIONS_INIT;
    options.endpoint = lk_server_url(h->server);
    options.region = h->plan->options->region;
    options.access_key_id = "local";
    options.secret_access_key = "local";
    return options;
}

static void end_polls(void *ctx)
{
    lk_server_end_polls(((lk_dev_house *)ctx)->server);
}

/* Of a function's sources each has its share of the workers. */
static int concurrency(const lk_dev_plan *plan, size_t index)
{
    const lk_dev_source *source = &plan->sources[index];
    const lk_dev_function *f = &plan->functions[source->function];
    int before = 0;
    for (size_t i = 0; i < index; i++)
        before += plan->sources[i].function == source->function;
    int share = f->workers / f->sources + (before < f->workers % f->sources);
    int most = source->max_concurrency > 0 ? (int)source->max_concurrency : share;
    return LK_MIN(share, most);
}

static int start_mapping(lk_dev_house *h, size_t index, lk_err *err)
{
    const lk_dev_source *source = &h->plan->sources[index];
    const lk_cli_queue *queue = &h->plan->queues[source->queue].made;
    bool recursion = h->plan->functions[source->function].allow_recursion;
    lk_mapping_options options = {.queue_arn = queue->arn.ptr,
                                  .queue_url = queue->url,
                                  .region = h->plan->options->region,
                                  .client = client_options(h),
                                  .batch_size = (int)source->batch_size,
                                  .window_s = (int)source->window_s,
                                  .report_batch_item_failures = source->report_batch_item_failures,
                                  .filter_patterns = source->filters,
                                  .filter_count = source->filter_count,
                                  .max_concurrency = concurrency(h->plan, index),
                                  .end_polls = end_polls,
                                  .end_polls_ctx = h,
                                  .recursion_limit = recursion ? 0 : RECURSION_LIMIT};
    int rc = lk_mapping_start(&options, h->functions[source->function],
                              &h->mappings[h->mapping_count], err);
    if (rc == 0)
        h->mapping_count++;
    else
        lk_err_prefix(err, "queue %s", queue->name);
    return rc;
}

/* --- Clock ---------------------------------------------------------------------------------- */

static void resume_all(void *ctx)
{
    lk_dev_house *h = ctx;
    for (size_t i = 0; i < h->mapping_count; i++)
        lk_mapping_resume(h->mappings[i]);
}

static bool pause_all(void *ctx, int64_t wait_ms)
{
    lk_dev_house *h = ctx;
    int64_t until = lk_mono_ms() + wait_ms;
    for (size_t i = 0; i < h->mapping_count; i++) {
        if (!lk_mapping_pause(h->mappings[i], LK_MAX(until - lk_mono_ms(), 0))) {
            resume_all(ctx);
            return false;
        }
    }
    return true;
}

/* --- The whole ------------------------------------------------------------------------------ */

int lk_dev_house_start(lk_dev_house *h, lk_err *err)
{
    int rc = start_server(h, err);
    if (rc == 0)
        rc = lk_dev_house_set_variables(h, lk_server_url(h->server), err);
    if (rc == 0)
        rc = lk_dev_plan_create_queues(h->plan, h->server, err);
    for (size_t i = 0; rc == 0 && i < h->plan->function_count; i++)
        rc = start_function(h, &h->plan->functions[i], err);
    for (size_t i = 0; rc == 0 && i < h->plan->source_count; i++)
        rc = start_mapping(h, i, err);
    if (rc == 0)
        lk_server_set_clock_gate(
            h->server,
            &(lk_server_clock_gate){.try_pause = pause_all, .resume = resume_all, .ctx = h});
    return rc;
}

static int64_t longest_timeout_ms(const lk_dev_plan *plan)
{
    int64_t longest_s = 0;
    for (size_t i = 0; i < plan->function_count; i++)
        longest_s = LK_MAX(longest_s, plan->functions[i].timeout_s);
    return longest_s * 1000;
}

static void stop_functions(lk_dev_house *h)
{
    lk_cli_grace grace;
    lk_function *running[LK_COUNT(h->functions)];
    size_t count = 0;
    for (size_t i = 0; i < h->function_count; i++)
        if (h->functions[i])
            running[count++] = h->functions[i];
    lk_cli_grace_begin(&grace, h->cli, running, count,
                       LK_MIN(longest_timeout_ms(h->plan), STOP_GRACE_MS));
    for (size_t i = 0; i < h->mapping_count; i++)
        lk_mapping_stop(h->mappings[i]);
    lk_cli_grace_end(&grace);
    for (size_t i = 0; i < count; i++)
        lk_function_free(running[i]);
}

void lk_dev_house_stop(lk_dev_house *h)
{
    for (size_t i = 0; i < h->mapping_count; i++)
        lk_mapping_quit(h->mappings[i]);
    if (h->server)
        lk_server_set_clock_gate(h->server, NULL);
    stop_functions(h);
    lk_server_stop(h->server);
    lk_clock_free(h->clock);
    if (lk_dev_house_in_memory(h) && h->clock_path.ptr)
        unlink(h->clock_path.ptr);
    for (size_t i = 0; i < h->variable_count; i++)
        free(h->variables[i]);
    free(h->variables);
    lk_buf_clear(&h->clock_path);
}
