/* SPDX-License-Identifier: MIT
 *
 * template_text: a CloudFormation template as a tree of YAML (or JSON, which is YAML too), and the
 * texts in it: plain ones and those that intrinsic functions make: Ref, GetAtt, Sub, Join.
 *
 * The only files that include libyaml are this and the one behind it.
 */
#ifndef LK_CLI_TEMPLATE_TEXT_H
#define LK_CLI_TEMPLATE_TEXT_H

#include "arena.h"

/* What names of resources stand for; what a template may refer to. */
typedef struct lk_template_names {
    /* "Ref": attribute is {NULL,0}. {NULL,0}: nothing that is known here. */
    lk_slice (*look_up)(void *ctx, lk_slice resource, lk_slice attribute);
    void *ctx;
    const char *region;
    const char *account;
} lk_template_names;

typedef struct lk_template_tree lk_template_tree;

/* A place in the tree; borrowed from it. NULL: absent. All that follow accept NULL. */
typedef struct lk_template_node lk_template_node;

/* parameters: "Name=value", over the defaults in the template; borrowed until free, as is path.
 * LK_E_IO, LK_E_INVALID: "template.yaml:12: …", LK_E_NOMEM. */
int lk_template_tree_read(const char *path, const char *const *parameters, size_t count,
                          lk_template_tree **tree, lk_err *err);
void lk_template_tree_free(lk_template_tree *tree); /* accepts NULL */

const lk_template_node *lk_template_root(const lk_template_tree *tree);
const lk_template_node *lk_template_get(const lk_template_tree *tree, const lk_template_node *map,
                                        const char *key);
/* Members of a map, items of a list; 0 of anything else. */
size_t lk_template_count(const lk_template_node *node);
lk_slice lk_template_key_at(const lk_template_tree *tree, const lk_template_node *map,
                            size_t index);
const lk_template_node *lk_template_at(const lk_template_tree *tree, const lk_template_node *node,
                                       size_t index);
bool lk_template_is_map(const lk_template_node *node);
bool lk_template_is_list(const lk_template_node *node);

/* Fills err: "template.yaml:12: <text>". */
int lk_template_fail(const lk_template_tree *tree, const lk_template_node *node, int code,
                     lk_err *err, const char *format, ...) __attribute__((format(printf, 5, 6)));

/* The text of a scalar or an intrinsic function, in the arena. LK_E_UNSUPPORTED: it depends on
 * something that is not known here, err says on what; LK_E_INVALID: no text. */
int lk_template_text(const lk_template_tree *tree, const lk_template_node *node,
                     const lk_template_names *names, lk_arena *arena, lk_slice *text, lk_err *err);

#endif
