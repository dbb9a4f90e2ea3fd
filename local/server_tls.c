/* SPDX-License-Identifier: MIT
 *
 * server_tls: PEM files into memory. See the header.
 */
#include "server_tls.h"

#include "file.h"

#include <errno.h>
#include <string.h>

#define MAX_PEM_BYTES ((size_t)1 << 20)

static int read_pem(const char *path, lk_buf *out, lk_err *err)
{
    int reason = lk_file_read(path, MAX_PEM_BYTES, out);
    if (reason && reason != EFBIG)
        return LK_FAIL(err, LK_E_IO, "cannot read %s: %s", path, strerror(reason));
    if (reason == EFBIG || !strstr(out->ptr ? out->ptr : "", "-----BEGIN"))
        return LK_FAIL(err, LK_E_IO, "%s is not a PEM file", path);
    return 0;
}

int lk_server_tls_read(const char *certificate_path, const char *key_path, lk_server_tls *tls,
                       lk_err *err)
{
    if (!certificate_path && !key_path)
        return 0;
    if (!certificate_path || !key_path)
        return LK_FAIL(err, LK_E_INVALID,
                       "TLS needs a certificate and its key: give --tls-cert and --tls-key");
    int rc = read_pem(certificate_path, &tls->certificate, err);
    return rc ? rc : read_pem(key_path, &tls->key, err);
}

void lk_server_tls_clear(lk_server_tls *tls)
{
    lk_buf_clear(&tls->certificate);
    lk_buf_wipe(&tls->key);
}
