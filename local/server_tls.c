/* SPDX-License-Identifier: MIT
 *
 * server_tls: PEM files into memory. See the header.
 */
#include "server_tls.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define MAX_PEM_BYTES ((size_t)1 << 20)

static int read_pem(const char *path, lk_buf *out, lk_err *err)
{
    char chunk[4096];
    size_t got;
    FILE *file = fopen(path, "re");
    if (!file)
        return LK_FAIL(err, LK_E_IO, "cannot read %s: %s", path, strerror(errno));
    while ((got = fread(chunk, 1, sizeof chunk, file)) > 0 && out->len <= MAX_PEM_BYTES)
        lk_buf_add(out, (lk_slice){chunk, got});
    bool failed = ferror(file);
    fclose(file);
    lk_zero(chunk, sizeof chunk);
    if (failed || out->len > MAX_PEM_BYTES || !strstr(out->ptr ? out->ptr : "", "-----BEGIN"))
        return LK_FAIL(err, LK_E_IO, "%s is not a PEM file", path);
    return lk_buf_check(out, err);
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
    if (tls->key.ptr)
        lk_zero(tls->key.ptr, tls->key.len);
    lk_buf_clear(&tls->key);
}
