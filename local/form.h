/* SPDX-License-Identifier: MIT
 *
 * form: URL-encoded fields ("a=1&b.2.Name=x"), read as the tree that their dotted names make.
 *
 * Fields are kept in one array, ordered by the segments of their names, numbers among them by
 * value: what belongs together stands together, and item 12 of a list behind item 2. A lk_form is a
 * run of that array: all fields below one place in the tree.
 */
#ifndef LK_LOCAL_FORM_H
#define LK_LOCAL_FORM_H

#include "arena.h"

/* More than any request of SQS has; it bounds the memory and time that one can cost. */
#define LK_FORM_FIELDS_MAX 10000

typedef struct lk_form {
    const lk_name_value *fields; /* decoded */
    size_t count;
    size_t depth; /* so many bytes of each name lead to this place; 0: the root */
} lk_form;

/* Reads two encoded texts as one form: the body, then the query string; either may be empty. *form
 * lives in the arena. 0; 1: *why says what is wrong with them (too many fields, a broken escape,
 * not UTF-8); LK_E_NOMEM. */
int lk_form_read(lk_arena *arena, lk_slice body, lk_slice query, lk_form *form, const char **why,
                 lk_err *err);
/* Has the encoded text a field of this name? Nothing is decoded. */
bool lk_form_names(lk_slice encoded, const char *name);

/* The value at `name` below this place (the first that was sent); "" is the place itself.
 * {NULL,0}: there is none. */
lk_slice lk_form_value(const lk_form *form, const char *name);
/* The place `name` (one segment, no number) below this one; count 0: there is nothing. */
lk_form lk_form_at(const lk_form *form, const char *name);
/* Steps through the items of a list: "List.1…", "List.2…", by number. What has no number is one
 * item, the first ("List=x", "List.Name=x"); but "List=" is an empty list. *item is zeroed before
 * the first call. false: no more. */
bool lk_form_next(const lk_form *list, lk_form *item);
/* How the place is spelt in the request: "List.2". Of a form with fields only. */
lk_slice lk_form_place(const lk_form *form);

#endif
