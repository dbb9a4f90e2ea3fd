/* SPDX-License-Identifier: MIT
 *
 * template_text: libyaml's document with its tags, and the resolution of texts.
 */
#include "template_text.h"

#include "file.h"

#include <yaml.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_MAX_BYTES = 1024 * 1024, DEPTH_MAX = 16 };

struct lk_template_tree {
    const char *path;
    const char *const *parameters;
    size_t parameter_count;
    yaml_document_t document;
    bool loaded;
};

/* --- The tree ------------------------------------------------------------------------------- */

/* libyaml's nodes, under a name that leaves it out of the header. */
static const yaml_node_t *yaml(const lk_template_node *node)
{
    return (const yaml_node_t *)(const void *)node;
}

/* Its functions take documents that they do not change without const. */
static const lk_template_node *node_at(const lk_template_tree *tree, int index)
{
    yaml_document_t *document = (yaml_document_t *)(uintptr_t)&tree->document;
    return (const lk_template_node *)(const void *)yaml_document_get_node(document, index);
}

int lk_template_fail(const lk_template_tree *tree, const lk_template_node *node, int code,
                     lk_err *err, const char *format, ...)
{
    char text[400];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    return LK_FAIL(err, code, "%s:%zu: %s", tree->path, node ? yaml(node)->start_mark.line + 1 : 1,
                   text);
}

static int load(lk_template_tree *tree, lk_slice text, lk_err *err)
{
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser))
        return LK_FAIL_NOMEM(err);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text.ptr, text.len);
    tree->loaded = yaml_parser_load(&parser, &tree->document);
    int rc = 0;
    if (!tree->loaded)
        rc = LK_FAIL(err, LK_E_INVALID, "%s:%zu: not YAML: %s", tree->path,
                     parser.problem_mark.line + 1, parser.problem ? parser.problem : "?");
    else if (!lk_template_is_map(lk_template_root(tree)))
        rc = LK_FAIL(err, LK_E_INVALID, "%s: not a template: it has no members", tree->path);
    yaml_parser_delete(&parser);
    return rc;
}

int lk_template_tree_read(const char *path, const char *const *parameters, size_t count,
                          lk_template_tree **out, lk_err *err)
{
    lk_buf text = {0};
    *out = NULL;
    int problem = lk_file_read(path, FILE_MAX_BYTES, &text);
    lk_template_tree *tree = calloc(1, sizeof(*tree));
    int rc = 0;
    if (!tree)
        rc = LK_FAIL_NOMEM(err);
    else if (problem != 0)
        rc = LK_FAIL(err, LK_E_IO, "cannot read the template %s: %s", path, strerror(problem));
    if (rc == 0) {
        tree->path = path;
        tree->parameters = parameters;
        tree->parameter_count = count;
        rc = load(tree, lk_buf_slice(&text), err);
    }
    lk_buf_clear(&text);
    if (rc != 0) {
        lk_template_tree_free(tree);
        return rc;
    }
    *out = tree;
    return 0;
}

void lk_template_tree_free(lk_template_tree *tree)
{
    if (tree && tree->loaded)
        yaml_document_delete(&tree->document);
    free(tree);
}

const lk_template_node *lk_template_root(const lk_template_tree *tree)
{
    return node_at(tree, 1);
}

bool lk_template_is_map(const lk_template_node *node)
{
    return node && yaml(node)->type == YAML_MAPPING_NODE;
}

bool lk_template_is_list(const lk_template_node *node)
{
    return node && yaml(node)->type == YAML_SEQUENCE_NODE;
}

static lk_slice scalar(const lk_template_node *node)
{
    if (!node || yaml(node)->type != YAML_SCALAR_NODE)
        return (lk_slice){0};
    return (lk_slice){(const char *)yaml(node)->data.scalar.value, yaml(node)->data.scalar.length};
}

size_t lk_template_count(const lk_template_node *node)
{
    if (lk_template_is_map(node))
        return (size_t)(yaml(node)->data.mapping.pairs.top - yaml(node)->data.mapping.pairs.start);
    if (lk_template_is_list(node))
        return (size_t)(yaml(node)->data.sequence.items.top -
                        yaml(node)->data.sequence.items.start);
    return 0;
}

lk_slice lk_template_key_at(const lk_template_tree *tree, const lk_template_node *map, size_t index)
{
    return scalar(node_at(tree, yaml(map)->data.mapping.pairs.start[index].key));
}

const lk_template_node *lk_template_at(const lk_template_tree *tree, const lk_template_node *node,
                                       size_t index)
{
    if (lk_template_is_map(node))
        return node_at(tree, yaml(node)->data.mapping.pairs.start[index].value);
    return node_at(tree, yaml(node)->data.sequence.items.start[index]);
}

static const lk_template_node *get(const lk_template_tree *tree, const lk_template_node *map,
                                   lk_slice key)
{
    for (size_t i = 0; lk_template_is_map(map) && i < lk_template_count(map); i++)
        if (lk_slice_equal(lk_template_key_at(tree, map, i), key))
            return lk_template_at(tree, map, i);
    return NULL;
}

const lk_template_node *lk_template_get(const lk_template_tree *tree, const lk_template_node *map,
                                        const char *key)
{
    return get(tree, map, lk_slice_of(key));
}

/* --- Texts ---------------------------------------------------------------------------------- */

/* On its way through a node and those below it. */
typedef struct resolution {
    const lk_template_tree *tree;
    const lk_template_names *names;
    const lk_template_node *at; /* for errors */
    const lk_template_node *substitutions;
    lk_buf *out;
    int depth;
    lk_err *err;
} resolution;

static int resolve(resolution *r, const lk_template_node *node);

static int unknown(const resolution *r, lk_slice name, const char *why)
{
    return lk_template_fail(r->tree, r->at, LK_E_UNSUPPORTED, r->err, "%.*s %s", LK_SLICE_FMT(name),
                            why);
}

static lk_slice pseudo_parameter(const resolution *r, lk_slice name)
{
    const struct {
        const char *name;
        const char *value;
    } known[] = {
        {"AWS::Region", r->names->region},   {"AWS::AccountId", r->names->account},
        {"AWS::StackName", "local"},         {"AWS::Partition", "aws"},
        {"AWS::URLSuffix", "amazonaws.com"},
    };
    for (size_t i = 0; i < LK_COUNT(known); i++)
        if (lk_slice_equal_str(name, known[i].name))
            return lk_slice_of(known[i].value);
    return (lk_slice){0};
}

/* Given for this run, else its default. */
static int add_parameter(resolution *r, lk_slice name, const lk_template_node *parameter)
{
    for (size_t i = 0; i < r->tree->parameter_count; i++) {
        lk_slice key;
        lk_slice value = lk_slice_cut(lk_slice_of(r->tree->parameters[i]), '=', &key);
        if (lk_slice_equal(key, name)) {
            lk_buf_add(r->out, value);
            return 0;
        }
    }
    const lk_template_node *otherwise = lk_template_get(r->tree, parameter, "Default");
    if (!otherwise)
        return unknown(r, name, "is a parameter without a default; give it with --parameter");
    return resolve(r, otherwise);
}

static int add_ref(resolution *r, lk_slice name)
{
    const lk_template_node *parameters =
        lk_template_get(r->tree, lk_template_root(r->tree), "Parameters");
    const lk_template_node *parameter = get(r->tree, parameters, name);
    lk_slice value = pseudo_parameter(r, name);
    if (parameter)
        return add_parameter(r, name, parameter);
    if (!value.ptr)
        value = r->names->look_up(r->names->ctx, name, (lk_slice){0});
    if (!value.ptr)
        return unknown(r, name, "is no parameter, and no resource that exists here");
    lk_buf_add(r->out, value);
    return 0;
}

static int add_attribute(resolution *r, lk_slice resource, lk_slice attribute)
{
    lk_slice value = r->names->look_up(r->names->ctx, resource, attribute);
    if (!value.ptr)
        return lk_template_fail(r->tree, r->at, LK_E_UNSUPPORTED, r->err,
                                "%.*s of %.*s is not known here", LK_SLICE_FMT(attribute),
                                LK_SLICE_FMT(resource));
    lk_buf_add(r->out, value);
    return 0;
}

static int add_ref_or_attribute(resolution *r, lk_slice name)
{
    lk_slice resource;
    lk_slice attribute = lk_slice_cut(name, '.', &resource);
    return attribute.ptr ? add_attribute(r, resource, attribute) : add_ref(r, name);
}

static int add_get_att(resolution *r, const lk_template_node *node)
{
    if (!lk_template_is_list(node))
        return add_ref_or_attribute(r, scalar(node));
    if (lk_template_count(node) != 2)
        return lk_template_fail(r->tree, node, LK_E_INVALID, r->err,
                                "GetAtt takes a resource and an attribute");
    return add_attribute(r, scalar(lk_template_at(r->tree, node, 0)),
                         scalar(lk_template_at(r->tree, node, 1)));
}

/* "…${Name}…${!literal}…" */
static int add_substituted(resolution *r, lk_slice text)
{
    while (text.len > 0) {
        const char *open = memmem(text.ptr, text.len, "${", 2);
        size_t before = open ? (size_t)(open - text.ptr) : text.len;
        lk_buf_add(r->out, (lk_slice){text.ptr, before});
        if (!open)
            break;
        lk_slice name;
        text = lk_slice_cut((lk_slice){open + 2, text.len - before - 2}, '}', &name);
        if (!text.ptr)
            return lk_template_fail(r->tree, r->at, LK_E_INVALID, r->err, "Sub has no }");
        const lk_template_node *own = get(r->tree, r->substitutions, name);
        int rc = 0;
        if (name.len > 0 && name.ptr[0] == '!')
            lk_buf_addf(r->out, "${%.*s}", (int)name.len - 1, name.ptr + 1);
        else
            rc = own ? resolve(r, own) : add_ref_or_attribute(r, name);
        if (rc != 0)
            return rc;
    }
    return 0;
}

static int add_sub(resolution *r, const lk_template_node *node)
{
    const lk_template_node *outer = r->substitutions;
    if (!lk_template_is_list(node))
        return add_substituted(r, scalar(node));
    if (lk_template_count(node) != 2)
        return lk_template_fail(r->tree, node, LK_E_INVALID, r->err, "Sub takes a text and a map");
    r->substitutions = lk_template_at(r->tree, node, 1);
    int rc = add_substituted(r, scalar(lk_template_at(r->tree, node, 0)));
    r->substitutions = outer;
    return rc;
}

static int add_join(resolution *r, const lk_template_node *node)
{
    const lk_template_node *list =
        lk_template_count(node) == 2 ? lk_template_at(r->tree, node, 1) : NULL;
    if (!lk_template_is_list(list))
        return lk_template_fail(r->tree, node, LK_E_INVALID, r->err,
                                "Join takes a separator and a list");
    for (size_t i = 0; i < lk_template_count(list); i++) {
        if (i > 0)
            lk_buf_add(r->out, scalar(lk_template_at(r->tree, node, 0)));
        int rc = resolve(r, lk_template_at(r->tree, list, i));
        if (rc != 0)
            return rc;
    }
    return 0;
}

static int add_named(resolution *r, const lk_template_node *node)
{
    return add_ref(r, scalar(node));
}

static const struct {
    const char *tag;  /* !Ref x */
    const char *name; /* {"Ref": "x"} */
    int (*add)(resolution *r, const lk_template_node *argument);
} intrinsics[] = {
    {"!Ref", "Ref", add_named},
    {"!GetAtt", "Fn::GetAtt", add_get_att},
    {"!Sub", "Fn::Sub", add_sub},
    {"!Join", "Fn::Join", add_join},
};

static int resolve_intrinsic(resolution *r, const lk_template_node *node, lk_slice name,
                             const lk_template_node *argument)
{
    r->at = node;
    for (size_t i = 0; i < LK_COUNT(intrinsics); i++)
        if (lk_slice_equal_str(name, intrinsics[i].tag) ||
            lk_slice_equal_str(name, intrinsics[i].name))
            return intrinsics[i].add(r, argument);
    return unknown(r, name, "is not evaluated here (Ref, GetAtt, Sub and Join are)");
}

static int resolve_deeper(resolution *r, const lk_template_node *node)
{
    lk_slice tag = lk_slice_of(node ? (const char *)yaml(node)->tag : NULL);
    if (tag.len > 0 && tag.ptr[0] == '!')
        return resolve_intrinsic(r, node, tag, node);
    if (lk_template_is_map(node) && lk_template_count(node) == 1)
        return resolve_intrinsic(r, node, lk_template_key_at(r->tree, node, 0),
                                 lk_template_at(r->tree, node, 0));
    if (!scalar(node).ptr)
        return lk_template_fail(r->tree, node, LK_E_INVALID, r->err, "here a text is needed");
    lk_buf_add(r->out, scalar(node));
    return 0;
}

static int resolve(resolution *r, const lk_template_node *node)
{
    if (++r->depth > DEPTH_MAX)
        return lk_template_fail(r->tree, node, LK_E_INVALID, r->err, "nested too deep");
    int rc = resolve_deeper(r, node);
    r->depth--;
    return rc;
}

int lk_template_text(const lk_template_tree *tree, const lk_template_node *node,
                     const lk_template_names *names, lk_arena *arena, lk_slice *text, lk_err *err)
{
    lk_buf out = {0};
    resolution r = {.tree = tree, .names = names, .at = node, .out = &out, .err = err};
    int rc = resolve(&r, node);
    if (rc == 0)
        rc = lk_buf_check(&out, err);
    *text = rc == 0 ? lk_arena_copy(arena, lk_buf_slice(&out)) : (lk_slice){0};
    if (rc == 0 && !text->ptr)
        rc = LK_FAIL_NOMEM(err);
    lk_buf_clear(&out);
    return rc;
}
