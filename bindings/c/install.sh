#!/usr/bin/env bash
# Installs header, libraries and shadegrid.pc below a prefix: install.sh PREFIX [LIBRARIES]
# LIBRARIES is where cargo built them, target/release by default. Packages for distributions are better made by cargo-c, which also gives the library a soname.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
if [ $# -lt 1 ]; then
    echo "usage: install.sh PREFIX [LIBRARIES]" >&2
    exit 1
fi
mkdir -p "$1/include" "$1/lib/pkgconfig"
prefix=$(cd "$1" && pwd)
libraries=${2:-$here/../../target/release}
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' "$here/Cargo.toml" | head -n 1)
install -m 644 "$here/include/shadegrid.h" "$prefix/include/"
install -m 644 "$libraries/libshadegrid_c.a" "$prefix/lib/"
for library in "$libraries"/libshadegrid_c.so "$libraries"/libshadegrid_c.dylib; do
    if [ -e "$library" ]; then
        install -m 755 "$library" "$prefix/lib/"
    fi
done
sed -e "s|@PREFIX@|$prefix|" -e "s|@VERSION@|$version|" "$here/shadegrid.pc.in" >"$prefix/lib/pkgconfig/shadegrid.pc"
echo "installed below $prefix"
