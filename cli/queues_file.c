/* SPDX-License-Identifier: MIT
 *
 * queues_file: see queues_file.h. Queues without dead letters of their own are made first: they may
 * be where others' dead letters go.
 */
#include "queues_file.h"

#include "file.h"

#include <string.h>

enum { FILE_MAX_BYTES = 4 << 20 };

/* One queue of the file; all in its arena or its JSON. */
typedef struct lk_cli_declared {
    lk_slice name;
    const char *text_name;     /* the same with a NUL */
    lk_name_value *attributes; /* with room for one more */
    size_t attribute_count;
    bool has_redrive; /* an attribute */
    const char *dead_name;
    int64_t max_receive_count;
    const lk_json *tags;
} lk_cli_declared;

/* One reading of a file. */
typedef struct reader {
    lk_cli_queues_file *file;
    lk_cli_declared *queue; /* that is being read; NULL: none yet */
    lk_err *err;
} reader;

static int refuse(const reader *r, const char *format, ...) __attribute__((format(printf, 2, 3)));

static int refuse(const reader *r, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    lk_err_vset(r->err, LK_E_INVALID, format, args);
    va_end(args);
    if (r->queue && r->queue->text_name)
        lk_err_prefix(r->err, "%s: queue \"%s\"", r->file->path, r->queue->text_name);
    else
        lk_err_prefix(r->err, "%s", r->file->path);
    return LK_E_INVALID;
}

/* --- Attributes ----------------------------------------------------------------------------- */

/* The text SQS wants; {NULL,0}: no such value. *rc: out of memory. */
static lk_slice text_of(const reader *r, const lk_json *value, int *rc)
{
    lk_buf text = {0};
    lk_slice copy = {0};
    switch (lk_json_typeof(value)) {
    case LK_JSON_STRING:
        return lk_json_string(value);
    case LK_JSON_BOOL:
        return lk_slice_of(lk_json_bool(value) ? "true" : "false");
    case LK_JSON_INT:
    case LK_JSON_OBJECT:
        *rc = lk_json_dump(value, &text, r->err);
        copy = *rc ? copy : lk_arena_copy(&r->file->arena, lk_buf_slice(&text));
        lk_buf_clear(&text);
        if (!*rc && !copy.ptr)
            *rc = LK_FAIL_NOMEM(r->err);
        return copy;
    default:
        return copy;
    }
}

static int read_attributes(const reader *r, const lk_json *map)
{
    lk_cli_declared *queue = r->queue;
    queue->attributes =
        lk_arena_alloc(&r->file->arena, lk_json_length(map) + 1, sizeof(*queue->attributes));
    if (!queue->attributes)
        return LK_FAIL_NOMEM(r->err);
    if (map && lk_json_typeof(map) != LK_JSON_OBJECT)
        return refuse(r, "\"attributes\" is not an object, as {\"VisibilityTimeout\": 60}");
    for (void *it = lk_json_iter(map); it; it = lk_json_iter_next(map, it)) {
        int rc = 0;
        lk_name_value *attribute = &queue->attributes[queue->attribute_count++];
        attribute->name = lk_json_iter_key(it);
        attribute->value = text_of(r, lk_json_iter_value(it), &rc);
        if (rc)
            return rc;
        if (!attribute->value.ptr)
            return refuse(r,
                          "attribute \"%.*s\" is neither text nor a whole number, true, false "
                          "or an object",
                          LK_SLICE_FMT(attribute->name));
        queue->has_redrive |= lk_slice_equal_str(attribute->name, "RedrivePolicy");
    }
    return 0;
}

/* --- Dead letters --------------------------------------------------------------------------- */

static const char *copy_text(const reader *r, lk_slice text)
{
    return lk_arena_copy(&r->file->arena, text).ptr;
}

/* "jobs-dlq", or "jobs-dlq.fifo". */
static int read_default_dead(const reader *r, const lk_cli_queue *names)
{
    r->queue->dead_name = copy_text(r, lk_slice_of(names->dead_name));
    return r->queue->dead_name ? 0 : LK_FAIL_NOMEM(r->err);
}

static int read_dead_object(const reader *r, const lk_json *object)
{
    for (void *it = lk_json_iter(object); it; it = lk_json_iter_next(object, it)) {
        lk_slice key = lk_json_iter_key(it);
        const lk_json *value = lk_json_iter_value(it);
        if (lk_slice_equal_str(key, "name")) {
            if (lk_json_string(value).len == 0)
                return refuse(r, "\"deadLetter\": \"name\" is not a queue's name");
            r->queue->dead_name = copy_text(r, lk_json_string(value));
            if (!r->queue->dead_name)
                return LK_FAIL_NOMEM(r->err);
        } else if (lk_slice_equal_str(key, "maxReceiveCount")) {
            if (!lk_json_int64(value, &r->queue->max_receive_count))
                return refuse(r, "\"deadLetter\": \"maxReceiveCount\" is not a whole number");
        } else {
            return refuse(r, "\"deadLetter\" has no \"%.*s\"; it has name and maxReceiveCount",
                          LK_SLICE_FMT(key));
        }
    }
    return 0;
}

static int read_dead_letter(const reader *r, const lk_json *value)
{
    lk_cli_queue names = {0};
    lk_json_type type = lk_json_typeof(value);
    if (type == LK_JSON_MISSING || (type == LK_JSON_BOOL && !lk_json_bool(value)))
        return 0;
    if (r->queue->has_redrive)
        return refuse(r, "\"deadLetter\" and the attribute RedrivePolicy say the same: give one");
    if (lk_cli_queue_name(&names, r->queue->text_name, false, r->err)) {
        lk_err_prefix(r->err, "%s", r->file->path);
        return LK_E_INVALID;
    }
    r->queue->max_receive_count = names.fifo ? LK_CLI_RECEIVES_FIFO : LK_CLI_RECEIVES;
    int rc = read_default_dead(r, &names);
    if (rc || type == LK_JSON_BOOL)
        return rc;
    if (type == LK_JSON_OBJECT)
        return read_dead_object(r, value);
    if (lk_json_string(value).len == 0)
        return refuse(r, "\"deadLetter\" is neither true nor a queue's name nor an object with "
                         "name and maxReceiveCount");
    r->queue->dead_name = copy_text(r, lk_json_string(value));
    return r->queue->dead_name ? 0 : LK_FAIL_NOMEM(r->err);
}

/* --- Queues --------------------------------------------------------------------------------- */

static int read_tags(const reader *r, const lk_json *map)
{
    if (lk_json_typeof(map) == LK_JSON_MISSING)
        return 0;
    if (lk_json_typeof(map) != LK_JSON_OBJECT)
        return refuse(r, "\"tags\" is not an object, as {\"team\": \"shop\"}");
    for (void *it = lk_json_iter(map); it; it = lk_json_iter_next(map, it))
        if (!lk_json_string(lk_json_iter_value(it)).ptr)
            return refuse(r, "tag \"%.*s\" is not text", LK_SLICE_FMT(lk_json_iter_key(it)));
    r->queue->tags = map;
    return 0;
}

static int read_name(const reader *r, const lk_json *object, size_t number)
{
    lk_slice name = lk_json_string(lk_json_get(object, "name"));
    if (lk_json_typeof(object) != LK_JSON_OBJECT || name.len == 0 ||
        memchr(name.ptr, '\0', name.len))
        return refuse(r, "queue %zu of the list is not an object with a \"name\"", number);
    for (const lk_cli_declared *other = r->file->queues; other < r->queue; other++)
        if (lk_slice_equal(other->name, name))
            return refuse(r, "queue \"%.*s\" is declared twice", LK_SLICE_FMT(name));
    r->queue->name = name;
    r->queue->text_name = copy_text(r, name);
    return r->queue->text_name ? 0 : LK_FAIL_NOMEM(r->err);
}

static int check_members(const reader *r, const lk_json *object)
{
    static const char *const known[] = {"name", "attributes", "deadLetter", "tags"};
    for (void *it = lk_json_iter(object); it; it = lk_json_iter_next(object, it)) {
        lk_slice key = lk_json_iter_key(it);
        bool good = false;
        for (size_t i = 0; i < LK_COUNT(known); i++)
            good |= lk_slice_equal_str(key, known[i]);
        if (!good)
            return refuse(r,
                          "there is no \"%.*s\"; a queue has name, attributes, deadLetter and "
                          "tags",
                          LK_SLICE_FMT(key));
    }
    return 0;
}

static int read_queue(const reader *r, const lk_json *object, size_t number)
{
    int rc;
    if ((rc = read_name(r, object, number)) || (rc = check_members(r, object)) ||
        (rc = read_attributes(r, lk_json_get(object, "attributes"))) ||
        (rc = read_dead_letter(r, lk_json_get(object, "deadLetter"))))
        return rc;
    return read_tags(r, lk_json_get(object, "tags"));
}

static int read_queues(reader *r)
{
    lk_cli_queues_file *file = r->file;
    const lk_json *list = lk_json_get(file->root, "queues");
    size_t length = lk_json_length(list);
    if (lk_json_typeof(list) != LK_JSON_ARRAY)
        return refuse(r, "there is no list of queues, as {\"queues\": [{\"name\": \"jobs\"}]}");
    if (lk_json_length(file->root) > 1)
        return refuse(r, "there is more than \"queues\" in it, which nobody would read");
    file->queues = lk_arena_alloc(&file->arena, length + 1, sizeof(*file->queues));
    if (!file->queues)
        return LK_FAIL_NOMEM(r->err);
    for (size_t i = 0; i < length; i++) {
        r->queue = &file->queues[file->count++];
        int rc = read_queue(r, lk_json_at(list, i), i + 1);
        if (rc)
            return rc;
    }
    return 0;
}

static int parse_file(lk_cli_queues_file *file, lk_err *err)
{
    lk_buf text = {0};
    int reason = lk_file_read(file->path, FILE_MAX_BYTES, &text);
    int rc = reason ? LK_FAIL(err, LK_E_IO, "cannot read the queues in %s: %s", file->path,
                              strerror(reason))
                    : lk_json_parse(lk_buf_slice(&text), file->path, &file->root, err);
    lk_buf_clear(&text);
    return rc;
}

int lk_cli_queues_file_read(const char *path, lk_cli_queues_file *file, lk_err *err)
{
    *file = (lk_cli_queues_file){.path = path};
    reader r = {.file = file, .err = err};
    int rc = parse_file(file, err);
    return rc ? rc : read_queues(&r);
}

void lk_cli_queues_file_clear(lk_cli_queues_file *file)
{
    lk_json_free(file->root);
    lk_arena_clear(&file->arena);
    *file = (lk_cli_queues_file){0};
}

/* --- Making --------------------------------------------------------------------------------- */

static int tag(lk_server *server, const lk_cli_declared *queue, lk_err *err)
{
    lk_buf params = {0};
    lk_json_writer w = {.out = &params};
    if (!queue->tags)
        return 0;
    lk_json_begin_object(&w);
    lk_json_member_string(&w, "QueueUrl", queue->name);
    lk_json_key(&w, "Tags");
    lk_json_begin_object(&w);
    for (void *it = lk_json_iter(queue->tags); it; it = lk_json_iter_next(queue->tags, it)) {
        lk_json_key_slice(&w, lk_json_iter_key(it));
        lk_json_value_string(&w, lk_json_string(lk_json_iter_value(it)));
    }
    lk_json_end_object(&w);
    lk_json_end_object(&w);
    int rc = lk_buf_check(&params, err);
    if (rc == 0)
        rc = lk_server_do(server, "TagQueue", lk_buf_slice(&params), NULL, err);
    lk_buf_clear(&params);
    return rc;
}

static bool is_declared(const lk_cli_queues_file *file, const char *name)
{
    for (size_t i = 0; i < file->count; i++)
        if (lk_slice_equal_str(file->queues[i].name, name))
            return true;
    return false;
}

/* attributes has room for RedrivePolicy behind what the file gives. */
static int make_with_dead(const lk_cli_queues_file *file, const lk_cli_declared *queue,
                          lk_server *server, const char *region, const char *account, lk_err *err)
{
    lk_buf redrive = {0};
    int rc = 0;
    if (!is_declared(file, queue->dead_name))
        rc = lk_cli_queue_make_dead(server, queue->dead_name, err);
    lk_cli_queue_add_redrive(&redrive, region, account, queue->dead_name, queue->max_receive_count);
    if (rc == 0)
        rc = lk_buf_check(&redrive, err);
    queue->attributes[queue->attribute_count] =
        (lk_name_value){LK_SLICE_LITERAL("RedrivePolicy"), lk_buf_slice(&redrive)};
    if (rc == 0)
        rc = lk_cli_queue_make(server, queue->text_name, queue->attributes,
                               queue->attribute_count + 1, NULL, err);
    lk_buf_clear(&redrive);
    return rc;
}

static int make(const lk_cli_queues_file *file, const lk_cli_declared *queue, lk_server *server,
                const char *region, const char *account, lk_err *err)
{
    int rc = queue->dead_name ? make_with_dead(file, queue, server, region, account, err)
                              : lk_cli_queue_make(server, queue->text_name, queue->attributes,
                                                  queue->attribute_count, NULL, err);
    if (rc == 0)
        rc = tag(server, queue, err);
    if (rc == 0)
        return 0;
    if (lk_cli_queue_differs(err)) {
        lk_err why = *err;
        rc = LK_FAIL(err, LK_E_INVALID,
                     "%s; change the file, or the queue (SetQueueAttributes), or start with "
                     "another database",
                     why.message);
    }
    lk_err_prefix(err, "%s: queue \"%s\"", file->path, queue->text_name);
    return rc;
}

int lk_cli_queues_file_make(const lk_cli_queues_file *file, lk_server *server, const char *region,
                            const char *account, lk_err *err)
{
    int rc = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; rc == 0 && i < file->count; i++) {
            const lk_cli_declared *queue = &file->queues[i];
            bool has_dead = queue->dead_name || queue->has_redrive;
            if (has_dead == (pass == 1))
                rc = make(file, queue, server, region, account, err);
        }
    }
    return rc;
}
