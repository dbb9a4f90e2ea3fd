/* SPDX-License-Identifier: MIT
 *
 * Tests of arena and fault: the memory of a request, and the table of SQS's errors.
 */
#include "fault.h"
#include "lk_test.h"

static void pieces_are_zeroed_aligned_and_do_not_overlap(void **state)
{
    lk_arena arena = {0};
    char *pieces[300];
    (void)state;
    for (size_t i = 0; i < LK_COUNT(pieces); i++) {
        size_t size = i % 37 + 1;
        pieces[i] = lk_arena_alloc(&arena, size, 1);
        assert_int_equal((uintptr_t)pieces[i] % _Alignof(max_align_t), 0);
        for (size_t k = 0; k < size; k++)
            assert_int_equal(pieces[i][k], 0);
        memset(pieces[i], (int)i, size);
    }
    for (size_t i = 0; i < LK_COUNT(pieces); i++)
        assert_int_equal((unsigned char)pieces[i][i % 37], i & 0xFF);
    lk_arena_clear(&arena);
}

static void a_piece_may_be_bigger_than_a_block(void **state)
{
    lk_arena arena = {0};
    (void)state;
    char *before = lk_arena_alloc(&arena, 1, 1);
    char *big = lk_arena_alloc(&arena, 1000, 1000);
    assert_non_null(before);
    assert_non_null(big);
    memset(big, 'x', 1000000);
    assert_int_equal(*before, 0);
    lk_arena_clear(&arena);
}

static void nothing_is_still_a_piece(void **state)
{
    lk_arena arena = {0};
    (void)state;
    assert_non_null(lk_arena_alloc(&arena, 0, 16));
    lk_arena_clear(&arena);
}

static void a_size_that_overflows_is_out_of_memory(void **state)
{
    lk_arena arena = {0};
    (void)state;
    assert_null(lk_arena_alloc(&arena, SIZE_MAX / 2, 3));
    assert_null(lk_arena_alloc(&arena, SIZE_MAX - 8, 1));
    lk_arena_clear(&arena);
}

static void text_is_copied_and_formatted(void **state)
{
    lk_arena arena = {0};
    char original[] = "text";
    (void)state;
    lk_slice copy = lk_arena_copy(&arena, (lk_slice){original, 3});
    lk_slice empty = lk_arena_copy(&arena, (lk_slice){0});
    lk_slice made = lk_arena_format(&arena, "%s-%d", "n", 42);
    original[0] = 'X';
    assert_slice(copy, "tex");
    assert_int_equal(copy.ptr[3], 0);
    assert_non_null(empty.ptr);
    assert_int_equal(empty.len, 0);
    assert_slice(made, "n-42");
    lk_arena_clear(&arena);
}

static void every_fault_has_its_names_a_status_and_a_text(void **state)
{
    (void)state;
#define LK_X(name, query_code, prefix, shape, status, text) LK_FAULT_##name,
    static const lk_fault_code codes[] = {LK_FAULTS(LK_X)};
#undef LK_X
    for (size_t i = 0; i < LK_COUNT(codes); i++) {
        const lk_fault_row *row = lk_fault_row_get(codes[i]);
        assert_non_null(strchr(row->json_type, '#'));
        assert_in_range(row->http_status, 400, 599);
        assert_true(strlen(row->text) > 10);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(row->query_code, lk_fault_row_get(codes[k])->query_code);
    }
}

static void five_hundreds_are_the_receivers_fault(void **state)
{
    (void)state;
    assert_string_equal(lk_fault_side(LK_FAULT_INTERNAL_FAILURE), "Receiver");
    assert_string_equal(lk_fault_side(LK_FAULT_UNAVAILABLE), "Receiver");
    assert_string_equal(lk_fault_side(LK_FAULT_NON_EXISTENT_QUEUE), "Sender");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_zeroed_aligned_and_do_not_overlap),
        cmocka_unit_test(a_piece_may_be_bigger_than_a_block),
        cmocka_unit_test(nothing_is_still_a_piece),
        cmocka_unit_test(a_size_that_overflows_is_out_of_memory),
        cmocka_unit_test(text_is_copied_and_formatted),
        cmocka_unit_test(every_fault_has_its_names_a_status_and_a_text),
        cmocka_unit_test(five_hundreds_are_the_receivers_fault),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
