/* SPDX-License-Identifier: MIT
 *
 * fault: the table behind fault.h, and filling one in.
 */
#include "fault.h"

static const lk_fault_row rows[] = {
#define LK_X(name, query_code, prefix, shape, status, text)                                        \
    [LK_FAULT_##name] = {query_code, prefix shape, status, text},
    LK_FAULTS(LK_X)
#undef LK_X
};

const lk_fault_row *lk_fault_row_get(lk_fault_code code)
{
    return &rows[code];
}

const char *lk_fault_side(lk_fault_code code)
{
    return rows[code].http_status >= 500 ? "Receiver" : "Sender";
}

lk_slice lk_fault_query_message(const lk_fault *fault)
{
    if (fault->code == LK_FAULT_NON_EXISTENT_QUEUE)
        return LK_SLICE_LITERAL("The specified queue does not exist for this wsdl version.");
    return fault->message;
}

int lk_fault_set(lk_fault *fault, lk_fault_code code)
{
    *fault = (lk_fault){.code = code, .message = lk_slice_of(rows[code].text)};
    return 1;
}

int lk_fault_format(lk_fault *fault, lk_arena *arena, lk_fault_code code, const char *format, ...)
{
    va_list args;
    lk_fault_set(fault, code);
    va_start(args, format);
    lk_slice message = lk_arena_vformat(arena, format, args);
    va_end(args);
    if (message.ptr) /* out of memory: the row's own text still says what it is */
        fault->message = message;
    return 1;
}
