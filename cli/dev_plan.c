/* SPDX-License-Identifier: MIT
 *
 * dev_plan: see dev_plan.h.
 */
#include "dev_plan.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FIFO_BATCH = 10 };

/* --- From options --------------------------------------------------------------------------- */

static int add_queue(lk_dev_plan *p, const char *name, lk_err *err)
{
    const lk_dev_options *o = p->options;
    if (p->queue_count == LK_DEV_PLAN_MAX)
        return LK_FAIL(err, LK_E_INVALID, "more than %d queues", LK_DEV_PLAN_MAX);
    lk_cli_queue *queue = &p->queues[p->queue_count].made;
    int rc = lk_cli_queue_name(queue, name, o->fifo, err);
    if (rc != 0)
        return rc;
    queue->visibility_s = o->visibility_s ? o->visibility_s : o->timeout_s + 1;
    queue->max_receive_count = o->max_receive_count ? o->max_receive_count
                               : queue->fifo        ? LK_CLI_RECEIVES_FIFO
                                                    : LK_CLI_RECEIVES;
    p->queue_count++;
    return 0;
}

/* Between the last queue and the last function. */
static void connect_last(lk_dev_plan *p)
{
    const lk_dev_options *o = p->options;
    lk_dev_source *source = &p->sources[p->source_count++];
    *source = (lk_dev_source){.queue = p->queue_count - 1,
                              .function = p->function_count - 1,
                              .window_s = o->window_s,
                              .report_batch_item_failures = !o->no_report,
                              .filters = o->filters.items,
                              .filter_count = o->filters.count};
    source->batch_size = o->batch_size                             ? o->batch_size
                         : p->queues[p->queue_count - 1].made.fifo ? FIFO_BATCH
                                                                   : 1;
    p->functions[p->function_count - 1].sources++;
}

static lk_dev_function *add_function(lk_dev_plan *p, const char *name)
{
    const lk_dev_options *o = p->options;
    lk_dev_function *f = &p->functions[p->function_count++];
    *f = (lk_dev_function){.name = name,
                           .argv = (const char *const *)o->command,
                           .timeout_s = o->timeout_s,
                           .memory_mb = o->memory_mb,
                           .allow_recursion = o->allow_recursion};
    return f;
}

/* Reads "NAME=COMMAND [ARGUMENT]...", quoted as a shell does. */
static int read_command(lk_dev_function *f, const char *spec, lk_err *err)
{
    lk_slice name;
    lk_slice command = lk_slice_cut(lk_slice_of(spec), '=', &name);
    lk_buf_add(&f->text, name);
    int rc = lk_buf_check(&f->text, err);
    if (!rc)
        rc = lk_words_split(command, &f->words, err);
    if (!rc && (name.len == 0 || f->words.count == 0))
        rc = LK_FAIL(err, LK_E_INVALID,
                     "--function %s: a name, '=' and a command are needed, as in --function "
                     "c-jobs=./bootstrap",
                     spec);
    f->argv = (const char *const *)f->words.items;
    return rc;
}

/* Whether the last queue is one of those before it. */
static bool is_named_twice(const lk_dev_plan *p)
{
    const char *name = p->queues[p->queue_count - 1].made.name;
    for (size_t i = 0; i + 1 < p->queue_count; i++)
        if (strcmp(p->queues[i].made.name, name) == 0)
            return true;
    return false;
}

/* A function with a queue of its own, as --function says. */
static int add_other(lk_dev_plan *p, const char *spec, lk_err *err)
{
    lk_dev_function *f = add_function(p, NULL);
    int rc = read_command(f, spec, err);
    f->name = f->text.ptr;
    if (rc == 0)
        rc = add_queue(p, f->name, err);
    if (rc == 0 && is_named_twice(p))
        rc = LK_FAIL(err, LK_E_INVALID, "--function %s: the queue has a function already", f->name);
    if (rc == 0)
        connect_last(p);
    return rc;
}

static int plan_options(lk_dev_plan *p, lk_err *err)
{
    const lk_dev_options *o = p->options;
    int rc = 0;
    add_function(p, o->name);
    for (size_t i = 0; rc == 0 && i < LK_MAX(o->queues.count, (size_t)1); i++) {
        rc = add_queue(p, o->queues.count > 0 ? o->queues.items[i] : "jobs", err);
        if (rc == 0)
            connect_last(p);
    }
    for (size_t i = 0; rc == 0 && i < o->functions.count; i++)
        rc = add_other(p, o->functions.items[i], err);
    return rc;
}

/* --- From a template ------------------------------------------------------------------------ */

static int take_queue(lk_dev_plan *p, const lk_template_queue *declared, lk_err *err)
{
    lk_dev_queue *queue = &p->queues[p->queue_count++];
    queue->declared = declared;
    queue->made.fifo = lk_queue_is_fifo(lk_slice_of(declared->name));
    queue->made.max_receive_count = declared->max_receive_count;
    lk_slice_copy(lk_slice_of(declared->name), queue->made.name, sizeof(queue->made.name));
    lk_slice_copy(lk_slice_of(declared->dead_name), queue->made.dead_name,
                  sizeof(queue->made.dead_name));
    lk_buf_add(&queue->made.arn, declared->arn);
    return lk_buf_check(&queue->made.arn, err);
}

static void take_source(lk_dev_plan *p, const lk_template_source *declared)
{
    p->sources[p->source_count++] =
        (lk_dev_source){.queue = declared->queue,
                        .function = p->function_count - 1,
                        .batch_size = declared->batch_size,
                        .window_s = declared->window_s,
                        .max_concurrency = declared->max_concurrency,
                        .report_batch_item_failures = declared->report_batch_item_failures,
                        .filters = declared->filters,
                        .filter_count = declared->filter_count};
    p->functions[p->function_count - 1].sources++;
}

/* The one of --function, the one behind "--", or the `bootstrap` where the function's code is. */
static int find_command(lk_dev_plan *p, lk_dev_function *f, lk_err *err)
{
    const lk_dev_options *o = p->options;
    const lk_template_function *declared = f->declared;
    size_t id_len = declared->id.len, name_len = strlen(f->name);
    for (size_t i = 0; i < o->functions.count; i++) {
        lk_slice name;
        (void)lk_slice_cut(lk_slice_of(o->functions.items[i]), '=', &name);
        if ((name.len == id_len && lk_slice_equal(name, declared->id)) ||
            (name.len == name_len && lk_slice_equal_str(name, f->name)))
            return read_command(f, o->functions.items[i], err);
    }
    if (f->argv)
        return 0;
    f->cwd = declared->code_uri[0] ? declared->code_uri : NULL;
    lk_buf_addf(&f->text, "%s%sbootstrap", f->cwd ? f->cwd : ".",
                f->cwd && f->cwd[strlen(f->cwd) - 1] == '/' ? "" : "/");
    if (lk_buf_check(&f->text, err) != 0)
        return err->code;
    char *path = access(f->text.ptr, X_OK) == 0 ? realpath(f->text.ptr, NULL) : NULL;
    if (!path)
        return LK_FAIL(err, LK_E_INVALID,
                       "function %s has no command: give one behind \"--\" or with --function "
                       "%.*s=COMMAND (there is no %s)",
                       f->name, LK_SLICE_FMT(declared->id), f->text.ptr);
    lk_buf_reset(&f->text);
    lk_buf_add_str(&f->text, path);
    free(path);
    f->own_argv[0] = f->text.ptr;
    f->argv = f->own_argv;
    return lk_buf_check(&f->text, err);
}

static int take_function(lk_dev_plan *p, const lk_template_function *declared, lk_err *err)
{
    lk_dev_function *f = add_function(p, declared->name);
    f->declared = declared;
    f->handler = declared->handler[0] ? declared->handler : NULL;
    f->timeout_s = declared->timeout_s;
    f->memory_mb = p->options->memory_mb ? p->options->memory_mb : declared->memory_mb;
    f->allow_recursion = f->allow_recursion || declared->allow_recursion;
    for (size_t i = 0; i < declared->source_count; i++)
        take_source(p, &declared->sources[i]);
    return find_command(p, f, err);
}

static int check_functions(const lk_dev_plan *p, lk_err *err)
{
    const lk_dev_options *o = p->options;
    const lk_template *t = &p->template;
    for (size_t i = 0; i < o->functions.count; i++) {
        lk_slice name;
        bool known = false;
        (void)lk_slice_cut(lk_slice_of(o->functions.items[i]), '=', &name);
        for (size_t f = 0; f < t->function_count; f++)
            known = known || lk_slice_equal(name, t->functions[f].id) ||
                    lk_slice_equal_str(name, t->functions[f].name);
        if (!known)
            return LK_FAIL(err, LK_E_INVALID,
                           "--function %.*s: the template has no function of that name that works "
                           "on a queue",
                           LK_SLICE_FMT(name));
    }
    return 0;
}

/* Of queues, functions or sources. */
static size_t most_of_one_kind(const lk_template *t)
{
    size_t sources = 0;
    for (size_t i = 0; i < t->function_count; i++)
        sources += t->functions[i].source_count;
    return LK_MAX(sources, LK_MAX(t->queue_count, t->function_count));
}

static int plan_template(lk_dev_plan *p, lk_err *err)
{
    const lk_dev_options *o = p->options;
    lk_template *t = &p->template;
    int rc = lk_template_read(o->template_path, o->parameters.items, o->parameters.count, o->region,
                              LK_DEV_ACCOUNT, t, err);
    if (rc == 0 && most_of_one_kind(t) > LK_DEV_PLAN_MAX)
        rc = LK_FAIL(err, LK_E_INVALID, "%s: more than %d queues, functions or event sources",
                     o->template_path, LK_DEV_PLAN_MAX);
    if (rc == 0)
        rc = check_functions(p, err);
    for (size_t i = 0; rc == 0 && i < t->queue_count; i++)
        rc = take_queue(p, &t->queues[i], err);
    for (size_t i = 0; rc == 0 && i < t->function_count; i++)
        rc = take_function(p, &t->functions[i], err);
    return rc;
}

/* --- The plan ------------------------------------------------------------------------------- */

/* Each source polls for itself, and keeps a worker while it does. */
static void count_workers(lk_dev_plan *p)
{
    for (size_t i = 0; i < p->function_count; i++) {
        lk_dev_function *f = &p->functions[i];
        f->workers = (int)LK_MAX(p->options->workers, f->sources);
    }
}

int lk_dev_plan_make(lk_dev_plan *p, const lk_dev_options *options, lk_err *err)
{
    p->options = options;
    int rc = options->template_path ? plan_template(p, err) : plan_options(p, err);
    count_workers(p);
    return rc;
}

void lk_dev_plan_clear(lk_dev_plan *p)
{
    for (size_t i = 0; i < p->function_count; i++) {
        lk_words_clear(&p->functions[i].words);
        lk_buf_clear(&p->functions[i].text);
    }
    for (size_t i = 0; i < p->queue_count; i++)
        lk_cli_queue_clear(&p->queues[i].made);
    if (p->template.tree)
        lk_template_clear(&p->template);
}

/* --- Queues --------------------------------------------------------------------------------- */

static bool has_redrive(const lk_template_queue *declared)
{
    return declared->dead_name[0] != '\0';
}

/* Dead-letter queues must be there before those whose policy names them: all are made without,
 * which a queue can be that has one, and then get it. */
static int create_declared(lk_dev_queue *queue, lk_server *server, bool redrive, lk_err *err)
{
    const lk_template_queue *d = queue->declared;
    size_t plain = d->attribute_count - has_redrive(d);
    if (redrive && has_redrive(d))
        return lk_cli_queue_update(server, d->name, d->attributes + plain, 1, err);
    return redrive
               ? 0
               : lk_cli_queue_declare(server, d->name, d->attributes, plain, &queue->made.url, err);
}

int lk_dev_plan_create_queues(lk_dev_plan *p, lk_server *server, lk_err *err)
{
    int rc = 0;
    for (int redrive = 0; redrive <= 1; redrive++) {
        for (size_t i = 0; rc == 0 && i < p->queue_count; i++) {
            lk_dev_queue *queue = &p->queues[i];
            if (queue->declared)
                rc = create_declared(queue, server, redrive == 1, err);
            else if (redrive == 0)
                rc = lk_cli_queue_create(server, p->options->region, LK_DEV_ACCOUNT, true,
                                         &queue->made, NULL, err);
            if (rc != 0)
                lk_err_prefix(err, "queue %s", queue->made.name);
        }
    }
    return rc;
}
