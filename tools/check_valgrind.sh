#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# check_valgrind.sh: the tests of the store, the actions and the server under valgrind: invalid accesses,
# uninitialised values (which no sanitizer of gcc finds), leaks. A minute or two.
set -euo pipefail
. "$(dirname "$0")/env.sh"
cd "$root"

tests=build/dev/test
[ -x "$tests/test_store" ] || die "build the tests first: bin/test, or cmake --build --preset dev"

for test in "$tests"/test_{arena,auth,clock} "$tests"/test_{action,proto,store,server}*; do
  [ -f "$test" ] && [ -x "$test" ] || continue
  # Handshakes take longer here than a client waits for a connection.
  [ "${test##*/}" = test_server_tls ] && continue
  quietly timeout 300 valgrind -q --error-exitcode=99 --leak-check=full \
    --errors-for-leak-kinds=definite,indirect --child-silent-after-fork=yes "$test"
done
