/* SPDX-License-Identifier: MIT
 *
 * Tests of action_rules: what SQS lets pass.
 */
#include "action_rules.h"
#include "lk_test.h"

static bool queue_name(const char *name)
{
    return lk_rule_queue_name(lk_slice_of(name));
}

static void queue_names_are_up_to_80_letters_digits_hyphens_and_underscores(void **state)
{
    char name[82];
    (void)state;
    memset(name, 'a', sizeof name);
    name[80] = '\0';
    assert_true(queue_name(name));
    name[80] = 'a';
    name[81] = '\0';
    assert_false(queue_name(name));
    assert_true(queue_name("Jobs_1-x"));
    assert_true(queue_name("jobs.fifo"));
    assert_false(queue_name(""));
    assert_false(queue_name(".fifo"));
    assert_false(queue_name("jo bs"));
    assert_false(queue_name("jo.bs"));
    assert_false(queue_name("jobs.fifo.fifo"));
    assert_false(queue_name("jöbs"));
}

static void the_fifo_suffix_counts_towards_80(void **state)
{
    char name[82];
    (void)state;
    memset(name, 'a', sizeof name);
    memcpy(name + 75, ".fifo", sizeof ".fifo");
    assert_true(queue_name(name));
    memcpy(name + 76, ".fifo", sizeof ".fifo");
    assert_false(queue_name(name));
}

static void message_ids_are_128_printing_characters_without_space(void **state)
{
    char id[130];
    (void)state;
    memset(id, '~', sizeof id);
    assert_true(lk_rule_message_id((lk_slice){id, 128}));
    assert_false(lk_rule_message_id((lk_slice){id, 129}));
    assert_false(lk_rule_message_id((lk_slice){id, 0}));
    assert_true(lk_rule_message_id(LK_SLICE_LITERAL("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~aZ9")));
    assert_false(lk_rule_message_id(LK_SLICE_LITERAL("a b")));
    assert_false(lk_rule_message_id(LK_SLICE_LITERAL("a\tb")));
    assert_false(lk_rule_message_id(LK_SLICE_LITERAL("ä")));
}

static bool characters(const char *text, size_t len)
{
    return lk_rule_characters((lk_slice){text, len});
}

static void bodies_hold_the_characters_of_xml_and_no_others(void **state)
{
    (void)state;
    assert_true(characters("a\tb\nc\rd \x7F é ✓ 𝄞", sizeof "a\tb\nc\rd \x7F é ✓ 𝄞" - 1));
    assert_true(characters("\xEF\xBF\xBD", 3));  /* U+FFFD */
    assert_false(characters("\xEF\xBF\xBE", 3)); /* U+FFFE */
    assert_false(characters("\xEF\xBF\xBF", 3)); /* U+FFFF */
    assert_true(characters("\xEF\xBE\xBF", 3));
    assert_true(characters("\xF0\x9F\xBF\xBF", 4)); /* U+1FFFF */
    assert_false(characters("a\0b", 3));
    assert_false(characters("\x1B[0m", 4));
    assert_false(characters("\x0B", 1));
}

static bool number(const char *text)
{
    return lk_rule_number(lk_slice_of(text));
}

static void numbers_are_decimal_text(void **state)
{
    (void)state;
    assert_true(number("0"));
    assert_true(number("-42"));
    assert_true(number("+42"));
    assert_true(number("3.14"));
    assert_true(number(".5"));
    assert_true(number("5."));
    assert_true(number("1493147359900"));
    assert_true(number("1e10"));
    assert_true(number("1.5E-3"));
    assert_false(number(""));
    assert_false(number("-"));
    assert_false(number("."));
    assert_false(number("1e"));
    assert_false(number("1e+"));
    assert_false(number("1 "));
    assert_false(number("0x10"));
    assert_false(number("1.2.3"));
    assert_false(number("NaN"));
    assert_false(number("1e99999999999999999999"));
}

static void numbers_have_38_digits_at_most(void **state)
{
    (void)state;
    assert_true(number("12345678901234567890123456789012345678"));
    assert_false(number("123456789012345678901234567890123456789"));
    assert_true(number("0.0012345678901234567890123456789012345678"));
    assert_true(
        number("100000000000000000000000000000000000000000000")); /* one digit that counts */
}

static void numbers_are_between_10_to_the_minus_128_and_10_to_the_126(void **state)
{
    (void)state;
    assert_true(number("1e126"));
    assert_false(number("1.1e126"));
    assert_false(number("1e127"));
    assert_true(number("9.9e125"));
    assert_true(number("1e-128"));
    assert_false(number("1e-129"));
    assert_true(number("0e500"));
}

/* --- Attributes ----------------------------------------------------------------------------- */

typedef struct checked {
    lk_arena arena;
    const lk_md5_attribute *list;
    lk_fault fault;
} checked;

/* The fault's code; LK_FAULT_NONE: accepted. */
static lk_fault_code check(checked *c, const lk_attribute_value *items, size_t count)
{
    lk_err err;
    lk_attribute_values values = {.items = items, .count = count};
    *c = (checked){0};
    int rc = lk_rule_attributes(&c->arena, &values, &c->list, &c->fault, &err);
    assert_int_equal(rc, c->fault.code ? 1 : 0);
    return c->fault.code;
}

static lk_fault_code check_one(checked *c, const char *name, const char *type, const char *value)
{
    lk_attribute_value one = {.name = lk_slice_of(name),
                              .data_type = lk_slice_of(type),
                              .string_value = lk_slice_of(value)};
    return check(c, &one, 1);
}

static void assert_refused(const char *name, const char *type, const char *value)
{
    checked c;
    assert_int_equal(check_one(&c, name, type, value), LK_FAULT_PARAMETER_VALUE);
    assert_true(c.fault.message.len > 0);
    lk_arena_clear(&c.arena);
}

static void assert_accepted(const char *name, const char *type, const char *value)
{
    checked c;
    assert_int_equal(check_one(&c, name, type, value), LK_FAULT_NONE);
    lk_arena_clear(&c.arena);
}

static void attribute_names_have_rules(void **state)
{
    (void)state;
    assert_accepted("a-Z_0.9", "String", "x");
    assert_accepted("größe", "String", "x");
    assert_accepted("awsome", "String", "x");
    assert_refused("", "String", "x");
    assert_refused("AWS.x", "String", "x");
    assert_refused("aws.x", "String", "x");
    assert_refused("aMaZoN.x", "String", "x");
    assert_refused(".a", "String", "x");
    assert_refused("a.", "String", "x");
    assert_refused("a..b", "String", "x");
    assert_refused("a b", "String", "x");
}

static void attribute_names_have_256_characters_at_most(void **state)
{
    char name[600] = "";
    (void)state;
    for (int i = 0; i < 256; i++)
        strcat(name, "ø");
    assert_accepted(name, "String", "x");
    strcat(name, "a");
    assert_refused(name, "String", "x");
}

static void data_types_are_three_with_a_suffix_of_ones_own(void **state)
{
    (void)state;
    assert_accepted("a", "String", "x");
    assert_accepted("a", "String.uuid", "x");
    assert_accepted("a", "Number.int", "5");
    assert_refused("a", "Text", "x");
    assert_refused("a", "string", "x");
    assert_refused("a", "Stringy", "x");
    assert_refused("a", "", "x");
    assert_refused("a", NULL, "x");
}

static void an_empty_value_is_refused_in_the_words_of_sqs(void **state)
{
    checked c;
    (void)state;
    check_one(&c, "hello", "String.x", "");
    assert_int_equal(c.fault.code, LK_FAULT_PARAMETER_VALUE);
    assert_slice(c.fault.message,
                 "Message (user) attribute 'hello' must contain a non-empty value of type "
                 "'String'.");
    lk_arena_clear(&c.arena);
}

static void a_value_with_forbidden_characters_is_an_invalid_parameter(void **state)
{
    (void)state;
    assert_refused("a", "String", "\x01");
}

static void a_number_must_be_one(void **state)
{
    (void)state;
    assert_refused("a", "Number", "twelve");
    assert_accepted("a", "Number.float", "12.5");
}

static void list_values_are_unsupported(void **state)
{
    checked c;
    lk_attribute_value one = {.name = LK_SLICE_LITERAL("a"),
                              .data_type = LK_SLICE_LITERAL("String"),
                              .string_value = LK_SLICE_LITERAL("x"),
                              .has_list = true};
    (void)state;
    assert_int_equal(check(&c, &one, 1), LK_FAULT_UNSUPPORTED);
    lk_arena_clear(&c.arena);
}

static void ten_attributes_are_the_most(void **state)
{
    checked c;
    lk_attribute_value many[11];
    char names[11][4];
    (void)state;
    for (size_t i = 0; i < LK_COUNT(many); i++) {
        snprintf(names[i], sizeof names[i], "a%zu", i);
        many[i] = (lk_attribute_value){.name = lk_slice_of(names[i]),
                                       .data_type = LK_SLICE_LITERAL("String"),
                                       .string_value = LK_SLICE_LITERAL("x")};
    }
    assert_int_equal(check(&c, many, 10), LK_FAULT_NONE);
    lk_arena_clear(&c.arena);
    assert_int_equal(check(&c, many, 11), LK_FAULT_PARAMETER_VALUE);
    lk_arena_clear(&c.arena);
}

static void the_base_type_says_which_value_counts(void **state)
{
    checked c;
    lk_attribute_value one = {.name = LK_SLICE_LITERAL("a"),
                              .data_type = LK_SLICE_LITERAL("Binary.gif"),
                              .string_value = LK_SLICE_LITERAL("text"),
                              .binary_value = LK_SLICE_LITERAL("\0bytes")};
    (void)state;
    assert_int_equal(check(&c, &one, 1), LK_FAULT_NONE);
    assert_int_equal(c.list[0].value.len, 6);
    lk_arena_clear(&c.arena);
    one.binary_value = (lk_slice){0};
    assert_int_equal(check(&c, &one, 1), LK_FAULT_PARAMETER_VALUE);
    lk_arena_clear(&c.arena);
}

static int check_system(const char *name, const char *type, lk_slice *trace, checked *c)
{
    lk_attribute_value one = {.name = lk_slice_of(name),
                              .data_type = lk_slice_of(type),
                              .string_value = LK_SLICE_LITERAL("Root=1")};
    lk_attribute_values values = {.items = &one, .count = 1};
    *c = (checked){0};
    int rc = lk_rule_system_attributes(&c->arena, &values, trace, &c->fault);
    lk_arena_clear(&c->arena);
    return rc;
}

static void the_one_system_attribute_is_a_trace_header(void **state)
{
    checked c;
    lk_slice trace = {0};
    (void)state;
    assert_int_equal(check_system("AWSTraceHeader", "String", &trace, &c), 0);
    assert_slice(trace, "Root=1");
    assert_int_equal(check_system("AWSTraceHeader", "Number", &trace, &c), 1);
    assert_int_equal(check_system("SenderId", "String", &trace, &c), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(queue_names_are_up_to_80_letters_digits_hyphens_and_underscores),
        cmocka_unit_test(the_fifo_suffix_counts_towards_80),
        cmocka_unit_test(message_ids_are_128_printing_characters_without_space),
        cmocka_unit_test(bodies_hold_the_characters_of_xml_and_no_others),
        cmocka_unit_test(numbers_are_decimal_text),
        cmocka_unit_test(numbers_have_38_digits_at_most),
        cmocka_unit_test(numbers_are_between_10_to_the_minus_128_and_10_to_the_126),
        cmocka_unit_test(attribute_names_have_rules),
        cmocka_unit_test(attribute_names_have_256_characters_at_most),
        cmocka_unit_test(data_types_are_three_with_a_suffix_of_ones_own),
        cmocka_unit_test(an_empty_value_is_refused_in_the_words_of_sqs),
        cmocka_unit_test(a_value_with_forbidden_characters_is_an_invalid_parameter),
        cmocka_unit_test(a_number_must_be_one),
        cmocka_unit_test(list_values_are_unsupported),
        cmocka_unit_test(ten_attributes_are_the_most),
        cmocka_unit_test(the_base_type_says_which_value_counts),
        cmocka_unit_test(the_one_system_attribute_is_a_trace_header),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
