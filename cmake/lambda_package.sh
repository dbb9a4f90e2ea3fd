#!/bin/sh
# SPDX-License-Identifier: MIT
#
# lambda_package.sh PROGRAM ZIP: the zip package of a Lambda function (runtime provided.al2023) whose
# handler is PROGRAM, built on this machine:
#
#   bootstrap        starts the program with the libraries beside it
#   bin/PROGRAM
#   lib/*.so*        all that it needs, the C library and its loader too
set -eu
[ $# = 2 ] || { sed -n '4,8s/^# \{0,1\}//p' "$0" >&2; exit 2; }
program=$1
zip=$2
name=$(basename "$program")
[ -x "$program" ] || { echo "lambda_package: $program is no program" >&2; exit 1; }

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
mkdir -p "$place/bin" "$place/lib"
cp "$program" "$place/bin/$name"
strip "$place/bin/$name" 2>/dev/null || echo "lambda_package: no strip here: the program stays as large as it is" >&2

libraries=$(ldd "$program" | awk '$2 == "=>" && $3 ~ "^/" {print $3} $1 ~ "^/" {print $1}' | sort -u)
missing=$(ldd "$program" | awk '/not found/ {print $1}')
[ -z "$missing" ] || { echo "lambda_package: $program needs libraries that are not here: $missing" >&2; exit 1; }
for library in $libraries; do
  cp -L "$library" "$place/lib/$(basename "$library")"
done
# Names are looked up by libraries that the C library loads by itself.
libc=$(printf '%s\n' "$libraries" | grep '/libc\.so' | head -n 1)
for extra in libnss_dns.so.2 libnss_files.so.2 libresolv.so.2; do
  [ ! -e "$(dirname "$libc")/$extra" ] || cp -L "$(dirname "$libc")/$extra" "$place/lib/$extra"
done
loader=$(basename "$(printf '%s\n' "$libraries" | grep '/ld-' | head -n 1)")

cat >"$place/bootstrap" <<EOF
#!/bin/sh
# Where Lambda keeps what certificates are checked against is not where the build machine does.
here=\$(dirname "\$0")
for bundle in /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/certs/ca-certificates.crt; do
  [ -n "\${AWS_CA_BUNDLE:-}" ] || [ ! -e "\$bundle" ] || export AWS_CA_BUNDLE="\$bundle"
done
exec "\$here/lib/$loader" --library-path "\$here/lib" "\$here/bin/$name" "\$@"
EOF
chmod 755 "$place/bootstrap" "$place/bin/$name"

case $zip in /*) ;; *) zip=$PWD/$zip ;; esac
rm -f "$zip"
(cd "$place" && "${CMAKE:-cmake}" -E tar cf "$zip" --format=zip -- bootstrap bin lib)
echo "$zip: $(du -k "$zip" | cut -f1) KB"
