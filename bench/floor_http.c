/* SPDX-License-Identifier: MIT
 *
 * floor_http: what sending the same bytes costs with nothing but libcurl's multi interface.
 *
 *     floor_http URL BODY_FILE COUNT
 *
 * One connection, one request after the other, headers of the size of signed ones. Prints
 * {"wall_us":…,"cpu_us":…} per request.
 */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now_us(clockid_t id)
{
    struct timespec ts;
    clock_gettime(id, &ts);
    return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

static size_t drop(char *data, size_t size, size_t count, void *ctx)
{
    (void)data;
    (void)ctx;
    return size * count;
}

/* 0 when the request was answered with 200. */
static int perform(CURLM *multi, CURL *easy)
{
    int running = 1;
    long status = 0;
    curl_multi_add_handle(multi, easy);
    while (running) {
        curl_multi_perform(multi, &running);
        if (running)
            curl_multi_poll(multi, NULL, 0, 1000, NULL);
    }
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    curl_multi_remove_handle(multi, easy);
    return status == 200 ? 0 : -1;
}

static char *read_file(const char *path, long *len)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return NULL;
    fseek(file, 0, SEEK_END);
    *len = ftell(file);
    rewind(file);
    char *text = malloc((size_t)*len + 1);
    if (text && fread(text, 1, (size_t)*len, file) != (size_t)*len) {
        free(text);
        text = NULL;
    }
    fclose(file);
    return text;
}

static struct curl_slist *headers_like_signed(void)
{
    struct curl_slist *headers = NULL;
    headers = curl_slist_append(headers, "Content-Type: application/x-amz-json-1.0");
    headers = curl_slist_append(headers, "X-Amz-Target: AmazonSQS.SendMessage");
    headers = curl_slist_append(headers, "X-Amz-Date: 20250102T030405Z");
    headers = curl_slist_append(
        headers, "Authorization: AWS4-HMAC-SHA256 "
                 "Credential=AKIDEXAMPLE/20250102/us-east-1/sqs/aws4_request, "
                 "SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature="
                 "2ab3d7ae49bea42e23be11b8cfda33c182feaa9012242c52e3643e6673096f1f");
    headers = curl_slist_append(headers, "Expect:");
    return headers;
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: floor_http URL BODY_FILE COUNT\n");
        return 2;
    }
    long len = 0;
    char *body = read_file(argv[2], &len);
    long count = strtol(argv[3], NULL, 10);
    if (!body || count < 1) {
        fprintf(stderr, "floor_http: cannot read %s, or a bad count\n", argv[2]);
        return 1;
    }
    curl_global_init(CURL_GLOBAL_ALL);
    CURLM *multi = curl_multi_init();
    CURL *easy = curl_easy_init();
    struct curl_slist *headers = headers_like_signed();
    curl_easy_setopt(easy, CURLOPT_URL, argv[1]);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, len);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, drop);

    int failed = 0;
    for (int i = 0; i < 50; i++)
        failed |= perform(multi, easy);
    double wall = now_us(CLOCK_MONOTONIC);
    double cpu = now_us(CLOCK_PROCESS_CPUTIME_ID);
    for (long i = 0; i < count; i++)
        failed |= perform(multi, easy);
    printf("{\"wall_us\":%.1f,\"cpu_us\":%.1f}\n", (now_us(CLOCK_MONOTONIC) - wall) / (double)count,
           (now_us(CLOCK_PROCESS_CPUTIME_ID) - cpu) / (double)count);
    curl_easy_cleanup(easy);
    curl_multi_cleanup(multi);
    curl_slist_free_all(headers);
    free(body);
    if (failed)
        fprintf(stderr, "floor_http: a request was not answered with 200\n");
    return failed ? 1 : 0;
}
