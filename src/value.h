/* SPDX-License-Identifier: MIT
 *
 * value: a job's arguments as ActiveJob means them, each with its place for errors.
 *
 * Values are made when they are asked for, and live as long as the lk_values they belong to; what
 * they say is read from the parsed body, which must live as long.
 */
#ifndef LK_VALUE_H
#define LK_VALUE_H

#include "json.h"

/* All values of one job. Zero-initialise. */
typedef struct lk_values {
    lk_slice owner;       /* what errors begin with: the job's class, borrowed */
    const lk_value *root; /* the arguments; NULL: not begun */
    lk_value *made;       /* to be freed */
} lk_values;

/* arguments: borrowed, NULL when there are none. Sets root. */
void lk_values_begin(lk_values *values, lk_slice owner, const lk_json *arguments);
void lk_values_clear(lk_values *values);

/* A member of the last argument; never NULL. */
const lk_value *lk_value_keyword(const lk_value *arguments, const char *name);

/* Appends a value as people read it, as JSON: what ActiveJob serialized as the text in it, a record
 * as its GlobalID, a hash without ActiveJob's marks. */
void lk_value_print(const lk_json *json, lk_buf *out);

#endif
