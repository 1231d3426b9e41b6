#!/bin/sh
# Builds the guest images into a folder: build.sh OUTPUT
#
# With gcc, from the sources; without, it copies the checked-in files. The build is reproducible: the
# compiler whose version SHA256SUMS names must give the checked-in files to the bit, or the build fails.
# `build.sh --check-in` replaces the checked-in files.
set -eu
export LC_ALL=C
here=$(cd "$(dirname "$0")" && pwd)
source=$here/src/main/guest
kept=$here/src/main/resources/dev/godwit/images
images="hello dirtier zero hostile blk"

case ${1-} in
'') echo "usage: build.sh OUTPUT | --check-in" >&2; exit 2 ;;
--check-in) output=$kept ;;
*) output=$1 ;;
esac
mkdir -p "$output"

compiler=${CC:-gcc}
if ! command -v "$compiler" >/dev/null 2>&1; then
    echo "guest-images: no $compiler, using the checked-in images"
    for name in $images; do cp "$kept/$name.elf" "$output/"; done
    cp "$kept/SHA256SUMS" "$output/"
    exit 0
fi
version="$("$compiler" --version | head -n 1), $(ld --version | head -n 1)"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
flags="-m64 -O2 -std=gnu11 -ffreestanding -nostdlib -nostdinc -isystem $("$compiler" -print-file-name=include)
    -fno-pie -static -fno-stack-protector -fcf-protection=none -fno-asynchronous-unwind-tables -fno-ident
    -mno-red-zone -mgeneral-regs-only -mcmodel=small -ffunction-sections -fdata-sections
    -Wall -Wextra -Werror"
cd "$source"
for file in lib/*.c *.c; do
    # shellcheck disable=SC2086
    "$compiler" $flags -c "$file" -o "$work/$(basename "$file" .c).o"
done
# shellcheck disable=SC2086
"$compiler" $flags -c lib/boot.S -o "$work/boot.o"
# shellcheck disable=SC2086
"$compiler" $flags -DHALT_HOOK -c lib/boot.S -o "$work/boot-halt.o"
library=$(for file in lib/*.c; do echo "$work/$(basename "$file" .c).o"; done)
for name in $images; do
    boot=$work/boot.o
    [ "$name" = hostile ] && boot=$work/boot-halt.o
    # shellcheck disable=SC2086
    ld -m elf_x86_64 -static -nostdlib --build-id=none --gc-sections -z noexecstack -z max-page-size=4096 -s \
        -T lib/guest.ld -o "$work/$name.elf" "$boot" "$work/$name.o" $library
done

cd "$work"
files=$(for name in $images; do echo "$name.elf"; done)
{
    echo "# $version"
    # shellcheck disable=SC2086
    sha256sum $files
} >SHA256SUMS
if [ "$output" = "$kept" ]; then
    :
elif [ ! -f "$kept/SHA256SUMS" ] || [ "$(head -n 1 "$kept/SHA256SUMS")" != "# $version" ]; then
    echo "guest-images: built by another compiler than the checked-in images: $version"
elif ! cmp -s SHA256SUMS "$kept/SHA256SUMS"; then
    echo "guest-images: the sources do not give the checked-in images; run guest-images/build.sh --check-in" >&2
    diff SHA256SUMS "$kept/SHA256SUMS" >&2 || true
    exit 1
else
    echo "guest-images: built, identical to the checked-in images"
fi
# shellcheck disable=SC2086
cp $files SHA256SUMS "$output/"
