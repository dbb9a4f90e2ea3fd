/* SPDX-License-Identifier: MIT
 *
 * runtime_api: see the header.
 */
#include "runtime_api.h"

#include "json.h"

#include <stdlib.h>

int lk_runtime_api_url(const char *host_port, const char *path, lk_buf *url, lk_err *err)
{
    const char *where = host_port ? host_port : getenv("AWS_LAMBDA_RUNTIME_API");
    if (!where || !*where)
        return LK_FAIL(err, LK_E_CONFIG,
                       "no Runtime API: AWS_LAMBDA_RUNTIME_API is not set; start this program on "
                       "Lambda or with `lambdakiq dev -- CMD`");
    lk_buf_addf(url, "http://%s%s", where, path);
    return lk_buf_check(url, err);
}

/* It says why in {"errorMessage":…,"errorType":…}. */
int lk_runtime_api_refused(const lk_http_response *response, const char *what, lk_err *err)
{
    lk_json *root = NULL;
    lk_err ignored; /* an answer without JSON is reported by its status alone */
    (void)lk_json_parse(lk_buf_slice(&response->body), what, &root, &ignored);
    lk_slice type = lk_json_string(lk_json_get(root, "errorType"));
    lk_slice text = lk_json_string(lk_json_get(root, "errorMessage"));
    int code = response->status == 413 ? LK_E_TOO_LARGE : LK_E_RUNTIME;
    LK_FAIL(err, code, "the Runtime API refused %s: HTTP %d %.*s %.*s", what, response->status,
            LK_SLICE_FMT(type), LK_SLICE_FMT(text));
    if (err)
        err->http_status = response->status;
    lk_json_free(root);
    return code;
}
