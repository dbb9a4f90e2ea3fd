/* SPDX-License-Identifier: MIT
 *
 * profile: parses the two shared files and keeps the keys of one profile.
 *
 * The format is AWS's INI dialect: sections in brackets, "key = value", comments at line starts
 * with
 * '#' or ';' (and " #" / " ;" behind a value), and indented lines under a key with an empty value
 * as that key's sub-keys (services sections use them). Section names: "default", "profile NAME" and
 * "services NAME" in the config file, bare "NAME" in the credentials file.
 */
#include "profile.h"

#include "file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAX_FILE_BYTES ((size_t)4 << 20)

/* One key of the profile, or of its services section: then named "SERVICE.KEY". */
typedef struct profile_entry {
    char *key;
    char *value;
} profile_entry;

typedef struct entry_list {
    profile_entry *items;
    size_t count;
} entry_list;

struct lk_profile {
    char *name;
    entry_list keys;
    entry_list services;
    bool found;  /* a file holds its section */
    bool chosen; /* by the caller */
};

/* What a section header says. */
typedef enum section_kind { SECTION_OTHER, SECTION_PROFILE, SECTION_SERVICES } section_kind;

/* Where the parser stands. */
typedef struct parser {
    lk_profile *profile;
    bool credentials_file;
    const char *services; /* name of the services section wanted; NULL: reading profile keys */
    section_kind section;
    bool profile_default; /* "[profile default]" was seen: "[default]" counts no longer */
    lk_slice parent;      /* key with an empty value, whose indented sub-keys follow */
} parser;

static void clear_entries(entry_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->items[i].key);
        if (list->items[i].value) {
            lk_zero(list->items[i].value, strlen(list->items[i].value));
            free(list->items[i].value);
        }
    }
    free(list->items);
    *list = (entry_list){NULL, 0};
}

void lk_profile_free(lk_profile *profile)
{
    if (!profile)
        return;
    clear_entries(&profile->keys);
    clear_entries(&profile->services);
    free(profile->name);
    free(profile);
}

static profile_entry *find_entry(const entry_list *list, const char *key)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->items[i].key, key) == 0)
            return &list->items[i];
    }
    return NULL;
}

/* Adds or replaces; takes key (freed on failure). false: out of memory. */
static bool put_entry(entry_list *list, char *key, lk_slice value)
{
    char *copy = key ? lk_slice_dup(value) : NULL;
    profile_entry *entry = copy ? find_entry(list, key) : NULL;
    if (entry) {
        lk_zero(entry->value, strlen(entry->value));
        free(entry->value);
        entry->value = copy;
        free(key);
        return true;
    }
    profile_entry *items = copy ? realloc(list->items, (list->count + 1) * sizeof(*items)) : NULL;
    if (!items) {
        free(copy);
        free(key);
        return false;
    }
    list->items = items;
    items[list->count++] = (profile_entry){key, copy};
    return true;
}

/* --- Lines ---------------------------------------------------------------------------------- */

/* Behind "profile " or "services ": the name without quotes. */
static lk_slice section_name(lk_slice header, size_t prefix_len)
{
    lk_slice name = lk_slice_trim((lk_slice){header.ptr + prefix_len, header.len - prefix_len});
    if (name.len >= 2 && (name.ptr[0] == '"' || name.ptr[0] == '\'') &&
        name.ptr[name.len - 1] == name.ptr[0])
        name = (lk_slice){name.ptr + 1, name.len - 2};
    return name;
}

static bool has_word(lk_slice header, const char *word)
{
    size_t len = strlen(word);
    return header.len > len && strncmp(header.ptr, word, len) == 0 &&
           (header.ptr[len] == ' ' || header.ptr[len] == '\t');
}

static section_kind classify_section(const parser *p, lk_slice header)
{
    const char *wanted = p->profile->name;
    if (p->credentials_file)
        return lk_slice_equal_str(header, wanted) ? SECTION_PROFILE : SECTION_OTHER;
    if (has_word(header, "profile"))
        return lk_slice_equal_str(section_name(header, 7), wanted) ? SECTION_PROFILE
                                                                   : SECTION_OTHER;
    if (has_word(header, "services"))
        return p->services && lk_slice_equal_str(section_name(header, 8), p->services)
                   ? SECTION_SERVICES
                   : SECTION_OTHER;
    bool is_default = lk_slice_equal_str(header, "default") && strcmp(wanted, "default") == 0;
    return is_default && !p->profile_default ? SECTION_PROFILE : SECTION_OTHER;
}

/* Cuts a comment that follows the value after white space. */
static lk_slice without_comment(lk_slice value)
{
    for (size_t i = 1; i < value.len; i++) {
        bool mark = value.ptr[i] == '#' || value.ptr[i] == ';';
        if (mark && (value.ptr[i - 1] == ' ' || value.ptr[i - 1] == '\t'))
            return lk_slice_trim((lk_slice){value.ptr, i});
    }
    return value;
}

/* "SERVICE.KEY" */
static char *join_key(lk_slice parent, lk_slice key)
{
    lk_buf joined = {0};
    lk_buf_addf(&joined, "%.*s.%.*s", LK_SLICE_FMT(parent), LK_SLICE_FMT(key));
    return lk_buf_take(&joined);
}

static bool parse_pair(parser *p, lk_slice line, bool indented)
{
    lk_slice key;
    lk_slice rest = lk_slice_cut(line, '=', &key);
    if (!rest.ptr)
        return true; /* not a pair: ignored, as the SDKs do */
    key = lk_slice_trim(key);
    lk_slice value = without_comment(lk_slice_trim(rest));
    if (key.len == 0)
        return true;
    if (!indented)
        p->parent = value.len == 0 ? key : (lk_slice){NULL, 0};
    bool nested = indented && p->parent.ptr;
    if (p->services) /* second pass: only sub-keys of the services section count */
        return p->section != SECTION_SERVICES || !nested ||
               put_entry(&p->profile->services, join_key(p->parent, key), value);
    if (p->section != SECTION_PROFILE || nested)
        return true;
    return put_entry(&p->profile->keys, lk_slice_dup(key), value);
}

static void begin_section(parser *p, lk_slice header)
{
    p->section = classify_section(p, header);
    p->parent = (lk_slice){NULL, 0};
    if (p->section != SECTION_PROFILE)
        return;
    p->profile->found = true;
    /* AWS: of "[default]" and "[profile default]" in one file only the latter counts. */
    bool prefixed = !p->credentials_file && has_word(header, "profile");
    if (prefixed && strcmp(p->profile->name, "default") == 0 && !p->profile_default) {
        clear_entries(&p->profile->keys);
        p->profile_default = true;
    }
}

static bool parse_line(parser *p, lk_slice line)
{
    bool indented = line.len > 0 && (line.ptr[0] == ' ' || line.ptr[0] == '\t');
    lk_slice text = lk_slice_trim(line);
    if (text.len == 0 || text.ptr[0] == '#' || text.ptr[0] == ';')
        return true;
    if (text.ptr[0] == '[' && !indented) {
        const char *end = memchr(text.ptr, ']', text.len);
        lk_slice header = {text.ptr + 1, end ? (size_t)(end - text.ptr) - 1 : 0};
        begin_section(p, lk_slice_trim(header));
        return true;
    }
    return parse_pair(p, text, indented);
}

static int parse_text(parser *p, lk_slice text, lk_err *err)
{
    while (text.ptr) {
        lk_slice line;
        text = lk_slice_cut(text, '\n', &line);
        if (!parse_line(p, line))
            return LK_FAIL_NOMEM(err);
    }
    return LK_OK;
}

/* --- Files ---------------------------------------------------------------------------------- */

/* Path from the variable, else under the home directory. "" when there is no home. */
static int file_path(const char *variable, const char *home_relative, lk_buf *path, lk_err *err)
{
    const char *given = lk_getenv(variable);
    const char *home = lk_getenv("HOME");
    lk_buf_reset(path);
    if (given && given[0] == '~' && given[1] == '/' && home)
        lk_buf_addf(path, "%s%s", home, given + 1);
    else if (given)
        lk_buf_add_str(path, given);
    else if (home)
        lk_buf_addf(path, "%s/%s", home, home_relative);
    else
        lk_buf_add_str(path, "");
    return lk_buf_check(path, err);
}

/* A missing file is an empty one; one that cannot be read is an error. */
static int read_file(const char *path, lk_buf *text, lk_err *err)
{
    int reason = path[0] ? lk_file_read(path, MAX_FILE_BYTES, text) : ENOENT;
    if (reason == 0 || reason == ENOENT || reason == ENOTDIR)
        return LK_OK;
    if (reason == ENOMEM)
        return LK_FAIL_NOMEM(err);
    if (reason == EFBIG)
        return LK_FAIL(err, LK_E_CONFIG,
                       "the AWS file %s is larger than 4 MiB: is it the right one?", path);
    return LK_FAIL(err, LK_E_CONFIG, "cannot read the AWS file %s: %s; check its permissions", path,
                   strerror(reason));
}

static int parse_file(parser *p, const char *variable, const char *home_relative, lk_err *err)
{
    lk_buf path = {0};
    lk_buf text = {0};
    int rc = file_path(variable, home_relative, &path, err);
    if (rc == LK_OK)
        rc = read_file(path.ptr, &text, err);
    if (rc == LK_OK && text.len > 0)
        rc = parse_text(p, lk_buf_slice(&text), err);
    lk_buf_wipe(&text);
    lk_buf_clear(&path);
    return rc;
}

static int load_files(lk_profile *profile, lk_err *err)
{
    parser config = {.profile = profile};
    int rc = parse_file(&config, "AWS_CONFIG_FILE", ".aws/config", err);
    parser credentials = {.profile = profile, .credentials_file = true};
    if (rc == LK_OK)
        rc = parse_file(&credentials, "AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials", err);
    const char *services = rc == LK_OK ? lk_profile_get(profile, "services") : NULL;
    if (services) {
        parser second = {.profile = profile, .services = services};
        rc = parse_file(&second, "AWS_CONFIG_FILE", ".aws/config", err);
    }
    return rc;
}

/* --- Interface ------------------------------------------------------------------------------ */

int lk_profile_load(const char *name, lk_profile **profile, lk_err *err)
{
    const char *from_env = lk_getenv("AWS_PROFILE");
    bool by_env = !name && from_env;
    const char *wanted = name ? name : by_env ? from_env : "default";
    *profile = NULL;
    lk_profile *made = calloc(1, sizeof(*made));
    if (!made || !(made->name = lk_slice_dup(lk_slice_of(wanted)))) {
        lk_profile_free(made);
        return LK_FAIL_NOMEM(err);
    }
    made->chosen = name != NULL;
    int rc = load_files(made, err);
    if (rc == LK_OK && !made->found && (name || by_env))
        rc = LK_FAIL(err, LK_E_CONFIG,
                     "the AWS profile \"%s\"%s is in neither ~/.aws/config nor ~/.aws/credentials",
                     wanted, by_env ? " (AWS_PROFILE)" : "");
    if (rc != LK_OK) {
        lk_profile_free(made);
        return rc;
    }
    *profile = made;
    return LK_OK;
}

const char *lk_profile_name(const lk_profile *profile)
{
    return profile->name;
}

bool lk_profile_is_chosen(const lk_profile *profile)
{
    return profile->chosen;
}

const char *lk_profile_get(const lk_profile *profile, const char *key)
{
    profile_entry *entry = find_entry(&profile->keys, key);
    return entry ? entry->value : NULL;
}

const char *lk_profile_service_get(const lk_profile *profile, const char *service, const char *key)
{
    for (size_t i = 0; i < profile->services.count; i++) {
        const profile_entry *entry = &profile->services.items[i];
        size_t len = strlen(service);
        if (strncmp(entry->key, service, len) == 0 && entry->key[len] == '.' &&
            strcmp(entry->key + len + 1, key) == 0)
            return entry->value;
    }
    return NULL;
}
