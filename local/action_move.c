/* SPDX-License-Identifier: MIT
 *
 * action_move: move tasks: StartMessageMoveTask, CancelMessageMoveTask, ListMessageMoveTasks. They
 * name queues by ARN, and a task by a handle: base64 of {"taskId":"…","sourceArn":"…"}.
 */
#include "action_run.h"

#include "json.h"

/* --- Queues by ARN -------------------------------------------------------------------------- */

static bool looks_like_arn(lk_slice arn)
{
    size_t colons = 0;
    for (size_t i = 0; i < arn.len; i++)
        colons += arn.ptr[i] == ':';
    return colons >= 5 && lk_slice_has_prefix(arn, LK_SLICE_LITERAL("arn:"));
}

/* NULL: request->fault says why. */
static const lk_store_queue *queue_of_arn(const lk_action_context *context, lk_request *request,
                                          const char *parameter, lk_slice arn)
{
    const lk_store_queue *queue =
        lk_store_queue_find(context->store, lk_action_arn_name(request->env, arn));
    if (queue)
        return queue;
    if (!looks_like_arn(arn))
        lk_fault_format(&request->fault, &request->arena, LK_FAULT_PARAMETER_VALUE,
                        "You must use this format to specify the %s: "
                        "arn:<partition>:<service>:<region>:<account-id>:<resource-id>",
                        parameter);
    else
        lk_fault_format(&request->fault, &request->arena, LK_FAULT_RESOURCE_NOT_FOUND,
                        "The resource that you specified for the %s parameter doesn't exist.",
                        parameter);
    return NULL;
}

/* --- Handles -------------------------------------------------------------------------------- */

/* In the arena; {NULL,0}: out of memory. */
static lk_slice write_handle(lk_request *request, const char *task_id, lk_slice source_arn)
{
    lk_buf text = {0};
    lk_buf handle = {0};
    lk_slice copy = {0};
    lk_json_writer w = {.out = &text};
    lk_json_begin_object(&w);
    lk_json_member_str(&w, "taskId", task_id);
    lk_json_member_string(&w, "sourceArn", source_arn);
    lk_json_end_object(&w);
    if (!text.failed)
        lk_base64_encode(&handle, (const unsigned char *)text.ptr, text.len);
    if (!text.failed && !handle.failed)
        copy = lk_arena_copy(&request->arena, lk_buf_slice(&handle));
    lk_buf_clear(&handle);
    lk_buf_clear(&text);
    return copy;
}

/* What a handle says; borrowed from the document. */
typedef struct named_task {
    lk_json *document; /* lk_json_free */
    lk_slice task_id;
    lk_slice source_arn;
} named_task;

static int read_handle(lk_request *request, named_task *task, lk_err *err)
{
    lk_buf text = {0};
    int rc = LK_E_JSON;
    *task = (named_task){.document = NULL};
    if (lk_base64_decode(request->task_handle, &text))
        rc = text.failed ? LK_FAIL_NOMEM(err)
                         : lk_json_parse(lk_buf_slice(&text), "TaskHandle", &task->document, err);
    lk_buf_clear(&text);
    if (rc == LK_E_NOMEM)
        return rc;
    task->task_id = lk_json_string(lk_json_get(task->document, "taskId"));
    task->source_arn = lk_json_string(lk_json_get(task->document, "sourceArn"));
    if (task->task_id.ptr && task->source_arn.ptr)
        return 0;
    return lk_fault_format(&request->fault, &request->arena, LK_FAULT_PARAMETER_VALUE, "%s",
                           "Value for parameter TaskHandle is invalid.");
}

/* --- StartMessageMoveTask ------------------------------------------------------------------- */

int lk_start_move_check(lk_request *request, lk_err *err)
{
    (void)err; /* the signature of a row's check */
    if (request->max_per_second == LK_ABSENT ||
        (request->max_per_second >= 1 && request->max_per_second <= LK_STORE_MOVE_PER_SECOND))
        return 0;
    return lk_fault_format(&request->fault, &request->arena, LK_FAULT_PARAMETER_VALUE,
                           "Value for parameter MaxNumberOfMessagesPerSecond is invalid. Reason: "
                           "You must enter a number that's between 1 and %d.",
                           LK_STORE_MOVE_PER_SECOND);
}

static const char *start_refusal(int refusal)
{
    switch (refusal) {
    case LK_STORE_NO_SOURCE:
        return "Source queue must be configured as a Dead Letter Queue.";
    case LK_STORE_QUEUE_TYPE:
        return "The source queue and destination queue must be of the same queue type.";
    default: /* LK_STORE_MOVE_ACTIVE; the destination was found before */
        return "There is already a task running. Only one active task is allowed for a source "
               "queue arn at a given time.";
    }
}

static int start(const lk_action_context *context, lk_request *request,
                 const lk_store_queue *source, lk_slice destination, lk_err *err)
{
    char task_id[LK_STORE_UUID_SIZE];
    int64_t max_per_second = request->max_per_second == LK_ABSENT ? 0 : request->max_per_second;
    int rc = lk_store_move_start(context->store, source, destination, max_per_second,
                                 context->now_ms, task_id, err);
    if (rc > 0)
        return lk_fault_format(&request->fault, &request->arena, LK_FAULT_PARAMETER_VALUE, "%s",
                               start_refusal(rc));
    if (rc)
        return rc;
    request->answer_handle = write_handle(request, task_id, request->source_arn);
    return request->answer_handle.ptr ? 0 : LK_FAIL_NOMEM(err);
}

int lk_start_move_run(const lk_action_context *context, lk_request *request, lk_err *err)
{
    const lk_store_queue *source = queue_of_arn(context, request, "SourceArn", request->source_arn);
    const lk_store_queue *destination = NULL;
    if (!source)
        return 1;
    if (request->destination_arn.ptr) {
        destination = queue_of_arn(context, request, "DestinationArn", request->destination_arn);
        if (!destination)
            return 1;
    }
    if (destination == source)
        return lk_fault_format(&request->fault, &request->arena, LK_FAULT_PARAMETER_VALUE, "%s",
                               "Source queue arn and destination queue arn cannot be the same.");
    return start(context, request, source, destination ? destination->name : (lk_slice){0}, err);
}

/* --- CancelMessageMoveTask ------------------------------------------------------------------ */

static int cancel(const lk_action_context *context, lk_request *request, const named_task *task,
                  lk_err *err)
{
    const lk_store_queue *source = queue_of_arn(context, request, "SourceArn", task->source_arn);
    if (!source)
        return 1;
    int rc =
        lk_store_move_cancel(context->store, source, task->task_id, &request->answer_moved, err);
    if (rc == LK_STORE_NO_MOVE)
        return lk_fault_format(&request->fault, &request->arena, LK_FAULT_RESOURCE_NOT_FOUND, "%s",
                               "Task does not exist.");
    if (rc == LK_STORE_MOVE_OVER)
        return lk_fault_format(&request->fault, &request->arena, LK_FAULT_PARAMETER_VALUE, "%s",
                               "Value for parameter TaskHandle is invalid. Reason: Only a task "
                               "that is RUNNING can be cancelled.");
    return rc;
}

int lk_cancel_move_run(const lk_action_context *context, lk_request *request, lk_err *err)
{
    named_task task;
    int rc = read_handle(request, &task, err);
    if (rc == 0)
        rc = cancel(context, request, &task, err);
    lk_json_free(task.document);
    return rc;
}

/* --- ListMessageMoveTasks ------------------------------------------------------------------- */

int lk_list_moves_check(lk_request *request, lk_err *err)
{
    (void)err; /* the signature of a row's check */
    if (request->max_results == LK_ABSENT ||
        (request->max_results >= 1 && request->max_results <= LK_STORE_MOVES_KEPT))
        return 0;
    return lk_fault_format(&request->fault, &request->arena, LK_FAULT_PARAMETER_VALUE,
                           "Value for parameter MaxResults is invalid. Reason: You must enter a "
                           "number that's between 1 and %d.",
                           LK_STORE_MOVES_KEPT);
}

static const char *const status_names[] = {
    [LK_STORE_MOVE_RUNNING] = "RUNNING",     [LK_STORE_MOVE_CANCELLING] = "CANCELLING",
    [LK_STORE_MOVE_COMPLETED] = "COMPLETED", [LK_STORE_MOVE_CANCELLED] = "CANCELLED",
    [LK_STORE_MOVE_FAILED] = "FAILED",
};

static const char *const failure_reasons[] = {
    [LK_STORE_MOVE_NO_FAILURE] = NULL,
    [LK_STORE_MOVE_NO_QUEUE] = LK_AWS_SQS "NonExistentQueue",
    [LK_STORE_MOVE_NO_ORIGIN] = "CouldNotDetermineMessageSource",
};

/* false: out of memory. */
static bool shape_move(lk_request *request, const lk_store_move *move, lk_shaped_move *shaped)
{
    bool running = move->status == LK_STORE_MOVE_RUNNING;
    bool has_destination = move->destination[0] != '\0';
    *shaped = (lk_shaped_move){
        .status = lk_slice_of(status_names[move->status]),
        .source_arn = request->source_arn,
        .max_per_second = move->max_per_second > 0 ? move->max_per_second : LK_ABSENT,
        .moved = move->moved,
        .to_move = move->to_move,
        .failure_reason = lk_slice_of(failure_reasons[move->failure]),
        .started_at_ms = move->started_at_ms,
    };
    if (running)
        shaped->task_handle = write_handle(request, move->task_id, request->source_arn);
    if (has_destination)
        shaped->destination_arn = lk_action_queue_arn(request, lk_slice_of(move->destination));
    return (!running || shaped->task_handle.ptr) &&
           (!has_destination || shaped->destination_arn.ptr);
}

int lk_list_moves_run(const lk_action_context *context, lk_request *request, lk_err *err)
{
    lk_store_move moves[LK_STORE_MOVES_KEPT];
    size_t count = 0;
    size_t max = request->max_results == LK_ABSENT ? 1 : (size_t)request->max_results;
    const lk_store_queue *source = queue_of_arn(context, request, "SourceArn", request->source_arn);
    if (!source)
        return 1;
    int rc = lk_store_move_list(context->store, source, max, moves, &count, err);
    if (rc)
        return rc;
    lk_shaped_move *items = lk_arena_alloc(&request->arena, count, sizeof *items);
    bool shaped = items != NULL;
    for (size_t i = 0; shaped && i < count; i++)
        shaped = shape_move(request, &moves[i], &items[i]);
    if (!shaped)
        return LK_FAIL_NOMEM(err);
    request->answer_moves = (lk_shaped_moves){.items = items, .count = count};
    return 0;
}
