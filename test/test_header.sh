#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# test_header.sh HEADER SYMBOLS: does the public header compile by itself, as C11 and as C++17, with all
# warnings; can its initialisers be used from both; and does it declare just what the library exports?
set -euo pipefail
header=$(realpath "$1")
symbols=$(realpath "$2")
dir=$(mktemp -d)
trap 'rm -r "$dir"' EXIT
warnings=(-Wall -Wextra -Wpedantic -Werror -Wshadow -Wconversion -Wsign-conversion -Wundef -Wcast-qual
  -Wformat=2)

{
  printf '#include "%s"\n#include "%s"\n' "$header" "$header" # twice does no harm
  printf 'int use(void);\nint use(void)\n{\n'
  sed -n 's/^#define \(LK_[A-Z_]*\)_INIT .*/\1/p' "$header" | while read -r name; do
    type=$(tr '[:upper:]' '[:lower:]' <<<"$name")
    printf '    %s %s_ = %s_INIT;\n    (void)%s_;\n' "$type" "$type" "$name" "$type"
  done
  printf '    return 0;\n}\n'
} >"$dir/use.c"
grep -q lk_worker_options_ "$dir/use.c"
${CC:-cc} -std=c11 "${warnings[@]}" -Wstrict-prototypes -Wmissing-prototypes -fsyntax-only "$dir/use.c"

# Designated initialisers came to C++ with C++20; before it, compilers of today take them with a remark.
printf '#include "%s"\n' "$header" >"$dir/include.cc"
${CXX:-c++} -std=c++17 "${warnings[@]}" -Wold-style-cast -Wzero-as-null-pointer-constant -fsyntax-only \
  "$dir/include.cc"
cp "$dir/use.c" "$dir/use.cc"
${CXX:-c++} -std=c++20 -Wall -Wextra -Wno-missing-field-initializers -Werror -fsyntax-only "$dir/use.cc"

# What is declared LK_API is exported, and nothing else.
tr '\n' ' ' <"$header" | grep -oE 'LK_API [^;]*;' | grep -v 'define LK_API' |
  grep -oE '\blk_[a-z0-9_]+ *\(' | tr -d ' (' | LC_ALL=C sort -u >"$dir/declared"
diff -u "$symbols" "$dir/declared"
echo "the header compiles as C11 and C++17, and declares what is exported"
