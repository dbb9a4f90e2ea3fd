/* SPDX-License-Identifier: MIT
 *
 * floor_http: sending bytes with nothing but libcurl's multi interface, as a shared object that the
 * floor side of the bench loads: in the same process and between the same work of ActiveJob as the
 * sides that are measured. A loop of its own would find every cache warm.
 */
#include <curl/curl.h>
#include <stdlib.h>

typedef struct floor_http {
    CURLM *multi;
    CURL *easy;
    struct curl_slist *headers;
} floor_http;

static size_t drop(char *data, size_t size, size_t count, void *ctx)
{
    (void)data;
    (void)ctx;
    return size * count;
}

/* Of the size of signed ones. */
static struct curl_slist *make_headers(const char *target)
{
    struct curl_slist *headers = NULL;
    headers = curl_slist_append(headers, "Content-Type: application/x-amz-json-1.0");
    headers = curl_slist_append(headers, target);
    headers = curl_slist_append(headers, "X-Amz-Date: 20250102T030405Z");
    headers = curl_slist_append(
        headers, "Authorization: AWS4-HMAC-SHA256 "
                 "Credential=AKIDEXAMPLE/20250102/us-east-1/sqs/aws4_request, "
                 "SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature="
                 "2ab3d7ae49bea42e23be11b8cfda33c182feaa9012242c52e3643e6673096f1f");
    return curl_slist_append(headers, "Expect:");
}

/* target: "X-Amz-Target: AmazonSQS.SendMessage"; ca_bundle: NULL for none. */
floor_http *floor_open(const char *url, const char *target, const char *ca_bundle)
{
    floor_http *floor = calloc(1, sizeof(*floor));
    if (!floor)
        return NULL;
    curl_global_init(CURL_GLOBAL_ALL);
    floor->multi = curl_multi_init();
    floor->easy = curl_easy_init();
    floor->headers = make_headers(target);
    curl_easy_setopt(floor->easy, CURLOPT_URL, url);
    curl_easy_setopt(floor->easy, CURLOPT_HTTPHEADER, floor->headers);
    curl_easy_setopt(floor->easy, CURLOPT_WRITEFUNCTION, drop);
    if (ca_bundle)
        curl_easy_setopt(floor->easy, CURLOPT_CAINFO, ca_bundle);
    return floor;
}

/* The HTTP status of the answer; 0: none came. body: as long as the call. */
int floor_post(floor_http *floor, const char *body, long len)
{
    int running = 1;
    long status = 0;
    curl_easy_setopt(floor->easy, CURLOPT_POSTFIELDS, body);
    curl_easy_setopt(floor->easy, CURLOPT_POSTFIELDSIZE, len);
    curl_multi_add_handle(floor->multi, floor->easy);
    while (running) {
        curl_multi_perform(floor->multi, &running);
        if (running)
            curl_multi_poll(floor->multi, NULL, 0, 1000, NULL);
    }
    curl_easy_getinfo(floor->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_multi_remove_handle(floor->multi, floor->easy);
    return (int)status;
}
