/* SPDX-License-Identifier: MIT
 *
 * lk_test_pool: see the header.
 */
#include "lk_test_pool.h"

#include "lk_test.h"

lk_http *lk_test_pool_new(const lk_env *env)
{
    lk_err err;
    lk_http *http = lk_http_new(&(lk_http_options){.env = env, .user_agent = "test/1"}, &err);
    assert_non_null(http);
    return http;
}

lk_http_request lk_test_pool_get(const char *url)
{
    return (lk_http_request){.method = "GET", .url = url};
}

int lk_test_pool_call(lk_http *http, const char *url, lk_http_response *response, lk_err *err)
{
    lk_http_request request = lk_test_pool_get(url);
    return lk_http_call(http, &request, 2000, response, err);
}

void lk_test_pool_expect(lk_http *http, const char *url, const char *body)
{
    lk_err err;
    lk_http_response response;
    assert_lk_ok(lk_test_pool_call(http, url, &response, &err));
    assert_int_equal(response.status, 200);
    assert_slice(lk_buf_slice(&response.body), body);
    lk_http_response_clear(&response);
}
