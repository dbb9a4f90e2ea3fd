/* SPDX-License-Identifier: MIT
 *
 * Fuzzes event: an event is refused as a whole, or each of its records is complete or says what is
 * wrong with it.
 */
#include "fuzz.h"

#include "event.h"

static void look_at(const lk_record *record)
{
    const char *fault = lk_record_fault(record);
    FUZZ_REQUIRE(fault || (record->is_job && record->message_id.len > 0 &&
                           record->receipt_handle.len > 0 && record->body.ptr));
    FUZZ_REQUIRE(record->receive_count >= 1);
    FUZZ_REQUIRE(record->sent_at_ms >= 0 && record->first_receive_at_ms >= 0);
    FUZZ_REQUIRE(lk_record_due_at_ms(record) >= 0);
    int spent = lk_record_delay_receives(record);
    FUZZ_REQUIRE(spent == 0 || (spent == 1 && record->receive_count > 1));
    (void)lk_record_is_fifo(record);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    lk_fuzz_input input = lk_fuzz_input_copy(data, size);
    lk_event *event = NULL;
    lk_err err;
    int is_jobs = lk_event_is_jobs(input.text, &err);
    bool any_job = false;
    if (lk_event_parse(input.text, &event, &err) == 0) {
        for (size_t i = 0; i < lk_event_count(event); i++) {
            look_at(lk_event_at(event, i));
            any_job |= lk_event_at(event, i)->is_job;
        }
        FUZZ_REQUIRE(is_jobs == any_job);
    }
    lk_event_free(event);
    lk_fuzz_input_free(&input);
    return 0;
}
