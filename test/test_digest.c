/* SPDX-License-Identifier: MIT
 *
 * digest: published vectors of SHA-256 and HMAC, and digests that SQS itself has given.
 */
#include "lk_test.h"

#include "digest.h"

#define S(text)                                                                                    \
    {                                                                                              \
        (text), sizeof(text) - 1                                                                   \
    }

/* --- SHA-256 -------------------------------------------------------------------------------- */

static void assert_sha256(lk_slice data, const char *expected)
{
    char hex[LK_SHA256_HEX_SIZE];
    assert_true(lk_sha256_hex(data, hex));
    assert_string_equal(hex, expected);
}

static void sha256_gives_the_examples_of_fips_180_4(void **state LK_UNUSED)
{
    assert_sha256(LK_SLICE_LITERAL("abc"),
                  "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_sha256(LK_SLICE_LITERAL("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
                  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    assert_sha256((lk_slice){NULL, 0},
                  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    char *million = malloc(1000000);
    assert_non_null(million);
    memset(million, 'a', 1000000);
    assert_sha256((lk_slice){million, 1000000},
                  "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    free(million);
}

static void a_fifo_queues_content_is_known_by_its_sha256(void **state LK_UNUSED)
{
    assert_sha256(LK_SLICE_LITERAL("hello world"),
                  "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9");
}

/* --- HMAC ----------------------------------------------------------------------------------- */

static void hmac_gives_the_test_cases_of_rfc_4231(void **state LK_UNUSED)
{
    char aa[131];
    char dd[50];
    char cd[50];
    char key4[25];
    char ob[20];
    memset(aa, 0xaa, sizeof(aa));
    memset(dd, 0xdd, sizeof(dd));
    memset(cd, 0xcd, sizeof(cd));
    memset(ob, 0x0b, sizeof(ob));
    for (size_t i = 0; i < sizeof(key4); i++)
        key4[i] = (char)(i + 1);
    const struct {
        lk_slice key;
        lk_slice data;
        const char *mac;
    } cases[] = {
        {{ob, 20},
         S("Hi There"),
         "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
        {S("Jefe"), S("what do ya want for nothing?"),
         "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
        {{aa, 20}, {dd, 50}, "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
        {{key4, 25}, {cd, 50}, "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
        {{aa, 131},
         S("Test Using Larger Than Block-Size Key - Hash Key First"),
         "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
        {{aa, 131},
         S("This is a test using a larger than block-size key and a larger than block-size "
           "data. The key needs to be hashed before being used by the HMAC algorithm."),
         "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"},
    };
    for (size_t i = 0; i < LK_COUNT(cases); i++) {
        unsigned char mac[LK_SHA256_BYTES];
        char hex[LK_SHA256_HEX_SIZE];
        assert_true(lk_hmac_sha256(cases[i].key, cases[i].data, mac));
        lk_hex(mac, sizeof(mac), hex);
        assert_string_equal(hex, cases[i].mac);
    }
}

static void hmac_of_nothing_under_no_key_is_defined(void **state LK_UNUSED)
{
    unsigned char mac[LK_SHA256_BYTES];
    char hex[LK_SHA256_HEX_SIZE];
    assert_true(lk_hmac_sha256((lk_slice){NULL, 0}, (lk_slice){NULL, 0}, mac));
    lk_hex(mac, sizeof(mac), hex);
    assert_string_equal(hex, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

static void a_key_longer_than_libcrypto_can_take_is_refused(void **state LK_UNUSED)
{
    unsigned char mac[LK_SHA256_BYTES];
    memset(mac, 'x', sizeof(mac));
    assert_false(lk_hmac_sha256((lk_slice){"", (size_t)INT32_MAX + 1}, (lk_slice){"", 0}, mac));
    for (size_t i = 0; i < sizeof(mac); i++)
        assert_int_equal(mac[i], 0);
}

static void comparing_in_constant_time_still_compares(void **state LK_UNUSED)
{
    assert_true(lk_equal_constant_time(LK_SLICE_LITERAL("abc"), LK_SLICE_LITERAL("abc")));
    assert_false(lk_equal_constant_time(LK_SLICE_LITERAL("abc"), LK_SLICE_LITERAL("abd")));
    assert_false(lk_equal_constant_time(LK_SLICE_LITERAL("abc"), LK_SLICE_LITERAL("abcd")));
    assert_true(lk_equal_constant_time((lk_slice){NULL, 0}, LK_SLICE_LITERAL("")));
}

/* --- MD5 as SQS gives it -------------------------------------------------------------------- */

static void assert_md5(lk_slice body, const char *expected)
{
    char hex[LK_MD5_HEX_SIZE];
    assert_true(lk_md5_hex(body, hex));
    assert_string_equal(hex, expected);
}

static void the_digest_of_a_body_is_that_of_its_utf8_bytes(void **state LK_UNUSED)
{
    assert_md5(LK_SLICE_LITERAL("hello world"), "5eb63bbbe01eeed093cb22bb8f5acdc3");
    assert_md5(LK_SLICE_LITERAL("h\xc3\xa9llo \xe2\x9c\x93"), "21b1ae5bc147bb564254200a4731e337");
    assert_md5((lk_slice){NULL, 0}, "d41d8cd98f00b204e9800998ecf8427e");
}

static void assert_attributes(const lk_md5_attribute *attributes, size_t count,
                              const char *expected)
{
    char hex[LK_MD5_HEX_SIZE];
    assert_true(lk_md5_attributes_hex(attributes, count, hex));
    assert_string_equal(hex, expected);
}

static void a_number_attribute_is_digested_as_aws_did(void **state LK_UNUSED)
{
    const lk_md5_attribute timestamp[] = {{S("timestamp"), S("Number"), S("1493147359900")}};
    assert_attributes(timestamp, LK_COUNT(timestamp), "235c5c510d26fb653d073faed50ae77c");
}

static void string_attributes_are_digested_as_aws_did_in_any_order(void **state LK_UNUSED)
{
    const lk_md5_attribute hello = {S("Hello"), S("String"), S("There")};
    const lk_md5_attribute general = {S("General"), S("String"), S("Kenobi")};
    const lk_md5_attribute help = {S("Help.Me"), S("String"), S("Me")};
    const lk_md5_attribute orders[][3] = {
        {hello, general, help}, {general, hello, help}, {help, hello, general}};
    for (size_t i = 0; i < LK_COUNT(orders); i++) {
        assert_attributes(orders[i], 3, "4c360f3fdafd970e05fae2f149d997f5");
    }
    assert_attributes(orders[0], 2, "fca026605781cb4126a1e9044df24232");
    assert_attributes(orders[1], 2, "fca026605781cb4126a1e9044df24232");
}

static void the_trace_header_is_digested_as_aws_did(void **state LK_UNUSED)
{
    const lk_md5_attribute trace[] = {
        {S("AWSTraceHeader"), S("String"),
         S("Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1")}};
    assert_attributes(trace, LK_COUNT(trace), "5ae4d5d7636402d80f4eb6d213245a88");
}

static void custom_types_and_binary_values_are_digested_as_the_sdks_do(void **state LK_UNUSED)
{
    const lk_md5_attribute attributes[] = {{S("trace_id"), S("String.uuid"), S("abc")},
                                           {S("Count"), S("Number"), S("42")},
                                           {S("bin"), S("Binary.png"), S("\x00\x01\xff")}};
    assert_attributes(attributes, LK_COUNT(attributes), "f5b4992ceba1238c508c82f02c1aa8dc");
}

static void no_attributes_have_the_digest_of_nothing(void **state LK_UNUSED)
{
    assert_attributes(NULL, 0, "d41d8cd98f00b204e9800998ecf8427e");
}

static void a_name_that_begins_another_comes_first(void **state LK_UNUSED)
{
    const lk_md5_attribute a = {S("a"), S("String"), S("1")};
    const lk_md5_attribute aa = {S("aa"), S("String"), S("2")};
    const lk_md5_attribute forward[] = {a, aa};
    const lk_md5_attribute backward[] = {aa, a};
    const char bytes[] = "\0\0\0\1a\0\0\0\6String\1\0\0\0\0011"
                         "\0\0\0\2aa\0\0\0\6String\1\0\0\0\0012";
    char expected[LK_MD5_HEX_SIZE];
    assert_true(lk_md5_hex((lk_slice){bytes, sizeof(bytes) - 1}, expected));
    assert_attributes(forward, 2, expected);
    assert_attributes(backward, 2, expected);
}

static void only_the_base_type_decides_on_the_transport_byte(void **state LK_UNUSED)
{
    const lk_md5_attribute binary[] = {{S("a"), S("Binary"), S("x")}};
    const lk_md5_attribute look_alike[] = {{S("a"), S("BinaryX"), S("x")}};
    char bytes[] = "\0\0\0\1a\0\0\0\6Binary\2\0\0\0\1x";
    char look_alike_bytes[] = "\0\0\0\1a\0\0\0\7BinaryX\1\0\0\0\1x";
    char expected[LK_MD5_HEX_SIZE];
    assert_true(lk_md5_hex((lk_slice){bytes, sizeof(bytes) - 1}, expected));
    assert_attributes(binary, 1, expected);
    assert_true(lk_md5_hex((lk_slice){look_alike_bytes, sizeof(look_alike_bytes) - 1}, expected));
    assert_attributes(look_alike, 1, expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_gives_the_examples_of_fips_180_4),
        cmocka_unit_test(a_fifo_queues_content_is_known_by_its_sha256),
        cmocka_unit_test(hmac_gives_the_test_cases_of_rfc_4231),
        cmocka_unit_test(hmac_of_nothing_under_no_key_is_defined),
        cmocka_unit_test(a_key_longer_than_libcrypto_can_take_is_refused),
        cmocka_unit_test(comparing_in_constant_time_still_compares),
        cmocka_unit_test(the_digest_of_a_body_is_that_of_its_utf8_bytes),
        cmocka_unit_test(a_number_attribute_is_digested_as_aws_did),
        cmocka_unit_test(string_attributes_are_digested_as_aws_did_in_any_order),
        cmocka_unit_test(the_trace_header_is_digested_as_aws_did),
        cmocka_unit_test(custom_types_and_binary_values_are_digested_as_the_sdks_do),
        cmocka_unit_test(no_attributes_have_the_digest_of_nothing),
        cmocka_unit_test(a_name_that_begins_another_comes_first),
        cmocka_unit_test(only_the_base_type_decides_on_the_transport_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
