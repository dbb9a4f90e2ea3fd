/* SPDX-License-Identifier: MIT
 *
 * consumer: what a program that was built against the installed library can do without a network.
 */
#include <lambdakiq.h>

#include <stdio.h>
#include <string.h>

int main(void)
{
    lk_err err;
    lk_client_options options = LK_CLIENT_OPTIONS_INIT;
    options.region = "eu-central-1";
    lk_client *client = lk_client_new(&options, &err);
    char *json = NULL;
    size_t len = 0;
    lk_send_options send = LK_SEND_OPTIONS_INIT;
    send.delay_ms = 90000;
    if (strcmp(lk_version(), LK_VERSION) != 0 || !client ||
        lk_send_params(client, lk_slice_of("jobs"), lk_slice_of("{}"), &send, &json, &len, &err)) {
        fprintf(stderr, "consumer: %s\n", client ? err.message : "no client, or another version");
        return 1;
    }
    printf("%s\n", json);
    lk_free(json);
    lk_client_free(client);
    return lk_backoff_s(1) == 30 ? 0 : 1;
}
