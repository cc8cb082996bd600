#!/usr/bin/env bash
# Streams and other programs: ours read by GNU tar and bsdtar, theirs read by us.
set -uo pipefail
source "$(dirname "$0")/part.sh"
cd "$SCRATCH"

# The files of samples, with sizes around tar's block and names around its fields. In short/
# are those that every format can name.
make_tree() {
    local size long
    mkdir -p short/pets long
    for size in 0 1 511 512 513 65535 65536 65537; do
        head -c "$size" "$DATA/streams/strict.tar" "$DATA/streams/gnu.tar" \
            "$DATA/streams/pax.tar" -q >"short/pets/s$size.jpg"
        echo "$size" >"short/pets/s$size.cls"
    done
    for size in 90 94 95 96 140 145 146 147 200; do
        long=$(printf '%*s' "$size" '' | tr ' ' n)
        echo "$size" >"long/$long.cls"
    done
    mkdir -p "long/$(printf '%*s' 120 '' | tr ' ' d)"
    echo 1 >"long/$(printf '%*s' 120 '' | tr ' ' d)/$(printf '%*s' 90 '' | tr ' ' f).cls"
}

# pack TREE COMMAND...: the tree's folders and files in order, a sample's together.
pack() {
    local tree=$1
    shift
    find "$tree" | sort | "$@" --no-recursion -T - -cf theirs.tar
}

# adopt ARCHIVE TREE...: as a stream it is whole, and both programs find in it what was packed.
adopt() {
    tensorcat "$1" >ours.tar || return
    tensorls --check ours.tar || return
    for reader in "tar" "bsdtar"; do
        if command -v "$reader" >/dev/null; then
            rm -rf out
            mkdir out
            "$reader" -xf - -C out <ours.tar || return
            rm -r out/__stream__ || return
            for tree in "${@:2}"; do
                diff -r "$tree" "out/$tree" || return
            done
        fi
    done
}

# refuse ARCHIVE WORD: exit status 3, and a message with the word.
refuse() {
    tensorcat "$1" 2>message >/dev/null
    [[ $? == 3 ]] && grep -q -e "$2" message && return
    cat message
    return 1
}

from_gnu_tar() {
    local format
    for format in v7 oldgnu gnu ustar posix; do
        pack short tar --format=$format
        result "interop/gnu-tar-$format" adopt theirs.tar short
    done
    for format in oldgnu gnu posix; do
        pack long tar --format=$format
        result "interop/gnu-tar-$format-long" adopt theirs.tar long
    done
    pack short tar --format=gnu --owner=a:99999999 --mtime=@-5 -b 1
    result interop/gnu-tar-large-numbers adopt theirs.tar short
    pack short tar --format=posix --pax-option='globexthdr.name=g,comment=x'
    result interop/gnu-tar-global-header adopt theirs.tar short
    pack short tar
    mv theirs.tar short.tar
    pack long tar
    cat short.tar theirs.tar >both.tar
    result interop/gnu-tar-concatenated adopt both.tar short long
}

from_bsdtar() {
    local format
    if ! command -v bsdtar >/dev/null; then
        skip interop/bsdtar "bsdtar (libarchive-tools) is missing"
        return
    fi
    for format in v7tar ustar pax gnutar; do
        pack short bsdtar --format=$format
        result "interop/bsdtar-$format" adopt theirs.tar short
    done
    for format in pax gnutar; do
        pack long bsdtar --format=$format
        result "interop/bsdtar-$format-long" adopt theirs.tar long
    done
}

refusals() {
    mkdir bad
    echo 1 >bad/a.cls
    ln -s a.cls bad/b.cls
    tar -cf theirs.tar bad/b.cls
    result interop/symbolic-link refuse theirs.tar 'a link'
    rm bad/b.cls
    ln bad/a.cls bad/b.cls
    tar -cf theirs.tar bad
    result interop/hard-link refuse theirs.tar 'a link'
    mkfifo bad/c.cls
    tar -cf theirs.tar bad/c.cls
    result interop/fifo refuse theirs.tar 'a device'
    rm bad/[bc].cls
    truncate -s 1M bad/a.cls
    for format in oldgnu gnu posix; do
        tar -S --format=$format -cf theirs.tar bad
        result "interop/sparse-$format" refuse theirs.tar 'a sparse member'
    done
}

# What tar's own ways to change an archive do to a stream doesn't pass for whole.
changes() {
    pack short tar
    tensorcat theirs.tar >a.tar 2>message || cat message >&2
    cp a.tar changed.tar
    tar --format=ustar -rf changed.tar short/pets/s1.cls
    result interop/appended refuse changed.tar 'behind the tail'
    cp a.tar changed.tar
    tar --delete -f changed.tar short/pets/s512.cls
    result interop/deleted refuse changed.tar 'the tail counts other'
    mkdir packed
    tar -xf a.tar -C packed
    tar -cf changed.tar -C packed __stream__/tail short
    result interop/repacked refuse changed.tar 'a tail without a head'
    for at in 0 1 511 512 1024 2048 10240; do
        head -c "$at" a.tar >changed.tar
        result "interop/cut-$at" refuse changed.tar truncated
    done
}

# What tar lists of a stream is what tensorstream(5) says.
attributes() {
    [[ $(tar -tvf a.tar --numeric-owner | awk '{ print $1, $2, $4, $5 }' | sort -u) \
        == '-rw-r--r-- 0/0 1970-01-01 00:00' ]] || return
    [[ $(tar -tf a.tar | sed -n '1p;$p' | tr '\n' ' ') \
        == '__stream__/head __stream__/tail ' ]] || return
    tar -xOf a.tar __stream__/head | grep -q '^{"format":"tensorstream","version":1,"pg":\['
}

make_tree
from_gnu_tar
from_bsdtar
refusals
changes
result interop/attributes attributes
exit "$failed"
