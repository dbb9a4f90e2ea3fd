/* SPDX-License-Identifier: MIT
 *
 * endpoint: region, endpoint URL and queue URL arithmetic. No I/O but the environment.
 *
 * Precedence (B20): explicit option > AWS_ENDPOINT_URL_SQS > AWS_ENDPOINT_URL > profile > host of a
 * queue URL > the region's default; for STS, which credentials may come from, likewise. Partitions
 * aws, aws-cn, aws-us-gov.
 */
#ifndef LK_ENDPOINT_H
#define LK_ENDPOINT_H

#include "profile.h"

/* "https://sqs.us-east-1.amazonaws.com", "https://sqs.cn-north-1.amazonaws.com.cn". service: as in
 * host names, "sqs" or "sts". */
int lk_endpoint_of_region(const char *service, lk_slice region, lk_buf *out, lk_err *err);
/* Region a host signs with: the label behind an "sqs" label, of legacy hosts ("queue.amazonaws.com"
 * = us-east-1, "eu-west-1.queue.amazonaws.com") the first; {NULL,0}: says nothing. */
lk_slice lk_endpoint_region_of_host(lk_slice host);

typedef struct lk_url {
    lk_slice scheme;
    lk_slice host;   /* without port */
    lk_slice port;   /* {NULL,0}: the scheme's */
    lk_slice path;   /* with leading '/', maybe empty */
    lk_slice origin; /* scheme://host[:port] */
} lk_url;
bool lk_url_parse(lk_slice text, lk_url *url); /* http and https only */

typedef struct lk_arn {
    lk_slice partition;
    lk_slice region;
    lk_slice account;
    lk_slice name;
} lk_arn;
bool lk_arn_parse(lk_slice text, lk_arn *arn); /* arn:…:sqs:region:account:name */

/* The configured endpoint that overrides all, without trailing slash, copied to *out; empty when
 * there is none. option: the client's, NULL allowed. LK_E_CONFIG: not a URL. */
int lk_endpoint_fixed(const char *service, const char *option, const lk_profile *profile,
                      lk_buf *out, lk_err *err);
/* option > AWS_REGION > AWS_DEFAULT_REGION > the profile's; LK_E_CONFIG with the remedy when none
 * (the caller may then still know it from a URL or ARN). */
int lk_endpoint_region(const char *option, const lk_profile *profile, lk_buf *out, lk_err *err);

#endif
