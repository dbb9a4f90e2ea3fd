/* SPDX-License-Identifier: MIT
 *
 * test_http_minimal: requests over a libcurl that lacks what minimal builds may lack, and the
 * options of versions newer than it. The linker sends the core's curl_easy_setopt here (--wrap).
 */
#include "lk_test.h"

#include "http.h"
#include "lk_test_http.h"

#include <curl/curl.h>

#include <stdarg.h>

#undef curl_easy_setopt

static lk_err err;
static CURLoption missing; /* one option that this libcurl does not know; 0: all of them */
static CURLcode answer;    /* how it says so */

static const CURLoption optional[] = {CURLOPT_PROTOCOLS_STR, CURLOPT_QUICK_EXIT,
                                      CURLOPT_MAXAGE_CONN,   CURLOPT_TCP_KEEPALIVE,
                                      CURLOPT_TCP_KEEPIDLE,  CURLOPT_TCP_KEEPINTVL,
                                      CURLOPT_PROXY_CAINFO,  CURLOPT_SUPPRESS_CONNECT_HEADERS,
                                      CURLOPT_PROXY};

CURLcode __real_curl_easy_setopt(CURL *easy, CURLoption option, ...);
CURLcode __wrap_curl_easy_setopt(CURL *easy, CURLoption option, ...);

static bool lacks(CURLoption option)
{
    if (missing)
        return option == missing;
    for (size_t i = 0; i < LK_COUNT(optional); i++) {
        if (optional[i] == option)
            return true;
    }
    return false;
}

CURLcode __wrap_curl_easy_setopt(CURL *easy, CURLoption option, ...)
{
    va_list args;
    if (lacks(option))
        return answer;
    va_start(args, option);
    CURLcode rc;
    if (option >= CURLOPTTYPE_OFF_T && option < CURLOPTTYPE_BLOB)
        rc = __real_curl_easy_setopt(easy, option, va_arg(args, curl_off_t));
    else if (option >= CURLOPTTYPE_OBJECTPOINT)
        rc = __real_curl_easy_setopt(easy, option, va_arg(args, void *));
    else
        rc = __real_curl_easy_setopt(easy, option, va_arg(args, long));
    va_end(args);
    return rc;
}

static int call(lk_test_http *peer, int *status)
{
    lk_http_response response = {0};
    lk_http_options options = {.ca_bundle = "/nonexistent/ca.pem"};
    lk_http_request request = {.method = "POST",
                               .url = lk_test_http_url(peer),
                               .body = LK_SLICE_LITERAL("body"),
                               .direct = true};
    lk_http *http = lk_http_new(&options, &err);
    assert_non_null(http);
    int rc = lk_http_call(http, &request, 5000, &response, &err);
    *status = response.status;
    lk_http_response_clear(&response);
    lk_http_free(http);
    return rc;
}

static void a_libcurl_without_the_optional_options_serves(void **state)
{
    (void)state;
    int status = 0;
    lk_test_http *peer = lk_test_http_start(NULL, NULL);
    missing = 0;
    answer = CURLE_UNKNOWN_OPTION;
    assert_lk_ok(call(peer, &status));
    assert_int_equal(status, 200);
    answer = CURLE_NOT_BUILT_IN;
    assert_lk_ok(call(peer, &status));
    assert_int_equal(status, 200);
    lk_test_http_stop(peer);
}

static void checking_certificates_is_not_optional(void **state)
{
    (void)state;
    static const CURLoption needed[] = {CURLOPT_SSL_VERIFYPEER, CURLOPT_SSL_VERIFYHOST,
                                        CURLOPT_SSLVERSION, CURLOPT_CAINFO};
    int status = 0;
    lk_test_http *peer = lk_test_http_start(NULL, NULL);
    answer = CURLE_UNKNOWN_OPTION;
    for (size_t i = 0; i < LK_COUNT(needed); i++) {
        missing = needed[i];
        assert_lk_fails(call(peer, &status), LK_E_INTERNAL);
    }
    assert_int_equal(lk_test_http_count(peer), 0);
    lk_test_http_stop(peer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_libcurl_without_the_optional_options_serves),
        cmocka_unit_test(checking_certificates_is_not_optional),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
