#!/bin/sh
# SPDX-License-Identifier: MIT
#
# check_layers.sh [ROOT]: does every C file of the project include only what tools/layers.txt lets it?
#
#   - a file may include its own header and those of modules listed above it;
#   - of an earlier folder only what a "share" line opens to its folder (all, when there is none);
#   - a library's header only where a "library" line says so, directly or through other headers;
#   - layers.txt lists every module once, and none that does not exist;
#   - no basename occurs in two folders of the gem (mkmf compiles them into one directory).
#
# Prints each offence as FILE: what, and exits 1 when there is one.
set -eu
cd "${1:-$(dirname "$0")/..}"

find src local cli ruby/ext/lambdakiq -name '*.[ch]' 2>/dev/null | sort | xargs awk '
function complain(file, what) { print file ": " what; bad = 1 }
function module_of(path) { sub(/\.[ch]$/, "", path); return path }
function folder_of(path) { sub(/\/[^\/]*$/, "", path); return path }
function base_of(path) { sub(/.*\//, "", path); return path }

# Whether a list of modules names this one; "local/store*" names many.
function names(list, module,    pattern, n, i, stem) {
    n = split(list, pattern)
    for (i = 1; i <= n; i++) {
        if (pattern[i] == module) return 1
        stem = pattern[i]
        if (sub(/\*$/, "", stem) && index(module, stem) == 1) return 1
    }
    return 0
}

# "x.h" as the compiler finds it: beside the file, else in the folders on the include path.
function resolve(name, from,    i) {
    name = module_of(name)
    if ((folder_of(from) "/" name) in rank) return folder_of(from) "/" name
    for (i = 1; i <= folders; i++)
        if ((folder[i] "/" name) in rank) return folder[i] "/" name
    return ""
}

function read_layers(    line, part, n, i) {
    while ((getline line < "tools/layers.txt") > 0) {
        sub(/#.*/, "", line)
        n = split(line, part)
        if (n == 0) continue
        if (part[1] == "share") {
            shared[part[2]] = ""
            for (i = 3; i <= n; i++) shared[part[2]] = shared[part[2]] " " part[i]
        } else if (part[1] == "library") {
            for (i = 3; i <= n; i++) owners[part[2]] = owners[part[2]] " " part[i]
        } else {
            if (part[1] in rank) complain("tools/layers.txt", part[1] " is listed twice")
            rank[part[1]] = ++ranks
            if (!(folder_of(part[1]) in known)) {
                known[folder_of(part[1])] = 1
                folder[++folders] = folder_of(part[1])
            }
        }
    }
}

BEGIN { read_layers() }

FNR == 1 {
    here = module_of(FILENAME)
    seen[here] = 1
    file_of[here] = FILENAME
    if (!(here in rank)) complain(FILENAME, "is not in tools/layers.txt")
    is_gem = here ~ /^(src|ruby)\//
    if (is_gem && (base_of(here) in gem_module) && gem_module[base_of(here)] != here)
        complain(FILENAME, "has the basename of " gem_module[base_of(here)])
    if (is_gem) gem_module[base_of(here)] = here
}

/^[ \t]*#[ \t]*include[ \t]*"/ {
    split($0, quoted, "\"")
    if (quoted[2] == "lambdakiq.h") next
    target = resolve(quoted[2], here)
    if (target == "") { complain(FILENAME, "includes " quoted[2] ", which is not in tools/layers.txt"); next }
    if (target == here) next
    if (here in rank && rank[target] > rank[here])
        complain(FILENAME, "must not include " quoted[2] ": " target " stands behind it")
    if (folder_of(target) != folder_of(here) && folder_of(here) in shared &&
        !names(shared[folder_of(here)], target))
        complain(FILENAME, "must not include " quoted[2] ": " target " is not shared with " folder_of(here))
    if (FILENAME ~ /\.h$/) header_edge[here] = header_edge[here] " " target
    else source_edge[here] = source_edge[here] " " target
}

/^[ \t]*#[ \t]*include[ \t]*</ {
    sub(/^[^<]*</, ""); sub(/>.*/, "")
    for (prefix in owners)
        if (index($0, prefix) == 1) {
            if (!names(owners[prefix], here)) complain(FILENAME, "must not include " $0)
            if (FILENAME ~ /\.h$/) brings[here, prefix] = 1
        }
}

# Whether the header of a module, or one that it includes, brings in the library.
function reaches(target, prefix,    list, n, i) {
    if ((target, prefix) in brings) return 1
    n = split(header_edge[target], list)
    for (i = 1; i <= n; i++) if (reaches(list[i], prefix)) return 1
    return 0
}

END {
    for (m in rank) if (!(m in seen)) complain("tools/layers.txt", m " does not exist")
    for (m in seen) {
        n = split(header_edge[m] " " source_edge[m], list)
        for (i = 1; i <= n; i++)
            for (prefix in owners)
                if (!names(owners[prefix], m) && reaches(list[i], prefix))
                    complain(file_of[m], "gets <" prefix "…> through the header of " list[i])
    }
    exit bad
}'
