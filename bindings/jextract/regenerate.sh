#!/bin/sh
# Makes the checked-in sources under …/bindings/kvm/gen and …/bindings/linux/gen again, with jextract from the PATH.
#
#   KERNEL_HEADERS=DIR   an include folder of newer kernel headers (with linux/ and asm/ below it, or below DIR/ARCH);
#                        default: the system's. UFFDIO_MOVE and PAGEMAP_SCAN need those of Linux 6.8 or later.
#   CLANG_HEADERS=DIR    the folder of clang's own stddef.h; default: what `clang -print-resource-dir` says, if there.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
command -v jextract >/dev/null 2>&1 || {
  echo "regenerate: jextract is not on the PATH; the generated sources that are checked in stay as they are" >&2
  exit 1
}
arch=$(uname -m)-linux-gnu
clang_headers=${CLANG_HEADERS:-}
[ -n "$clang_headers" ] || ! command -v clang >/dev/null 2>&1 || clang_headers=$(clang -print-resource-dir)/include
set --
[ -z "${KERNEL_HEADERS:-}" ] || set -- -I "$KERNEL_HEADERS" -I "$KERNEL_HEADERS/$arch"
[ -z "$clang_headers" ] || set -- "$@" -I "$clang_headers"
sources=$here/../src/main/java
log=$(mktemp)
new=$(mktemp -d)
trap 'rm -rf "$log" "$new"' EXIT

for part in kvm linux; do
  package=dev.godwit.bindings.$part.gen
  folder=$(echo "$package" | tr . /)
  # grep: the comment lines are ours. Bit-fields are left out by jextract; it says so on standard error.
  grep -v '^#' "$here/$part.includes" > "$new/options"
  jextract "$@" --output "$new" -t "$package" @"$new/options" "$here/$part.h" > "$log" 2>&1 || { cat "$log" >&2; exit 1; }
  grep -q 'ERROR\|error:' "$log" && { cat "$log" >&2; exit 1; }
  # The generated code calls restricted methods; javac is told that this is meant. Trailing blanks are stripped.
  for file in "$new/$folder"/*.java; do
    sed -i -e 's/[ \t]*$//' -e 's/^\(public \)\?\(final \)\?class /@SuppressWarnings({"all", "restricted", "cast", "overrides", "static"})\n&/' "$file"
  done
  rm -rf "${sources:?}/$folder"
  mkdir -p "$(dirname "$sources/$folder")"
  mv "$new/$folder" "$sources/$folder"
  echo "$package: $(ls "$sources/$folder" | wc -l) files"
done
