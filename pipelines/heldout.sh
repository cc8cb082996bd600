#!/usr/bin/env bash
# heldout.sh DATA COUNT MODEL: some labelled pictures of a data set, as finetune takes it for --val,
# in a tensor stream with MODEL's input. One of each class by turns, and where there are more
# classes than that, of classes at even steps; of shards, samples at even steps.
#
# Keys are CLASS/NAME, in a shard as they are there.
set -euo pipefail
if (($# != 3)); then
    echo "usage: heldout.sh DATA COUNT MODEL" >&2
    exit 2
fi
data=$1 count=$2 model=$(realpath "$3") part=
if [[ ! -e $data && $data =~ ^(.*):(train|test|val)$ ]]; then
    data=${BASH_REMATCH[1]} part=${BASH_REMATCH[2]}
fi
data=$(realpath -e "$data")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# Of lines CLASS, tab, rest those that are wanted.
choose() {
    awk -F '\t' '{ print ++seen[$1] "\t" $0 }' | LC_ALL=C sort -t $'\t' -s -k 1,1n -k 2,2 |
        awk -F '\t' -v count="$count" '
            { line[NR] = substr($0, length($1) + 2); classes += $1 == 1 }
            END {
                step = classes > count ? classes / count : 1
                for (i = 0; i < count && i < NR; i++)
                    print line[int(i * step) + 1]
            }'
}

# piece FILE OFFSET LENGTH: bytes of what may be compressed, or as many as there are.
piece() {
    gzip -cdf -- "$1" 2>/dev/null | tail -c +"$(($2 + 1))" | head -c "$3" || true
}

# from_idx IMAGES: bytes of grey behind their sizes; a byte a label in the file beside it.
from_idx() {
    local folder=${1%/*} name=${1##*/} rows columns class index
    read -r rows columns < <(piece "$1" 8 8 | od -An -v -tu1 |
        awk '{ print $3 * 256 + $4, $7 * 256 + $8 }')
    name=${name/images/labels}
    piece "$folder/${name/idx3/idx1}" 8 1000000 | od -An -v -tu1 -w1 |
        awk '{ print $1 "\t" NR - 1 }' | choose | while IFS=$'\t' read -r class index; do
        mkdir -p "$scratch/$class"
        {
            echo "P5 $columns $rows 255"
            piece "$1" $((16 + index * rows * columns)) $((rows * columns))
        } >"$scratch/$class/$(printf %05d "$index").pgm"
    done
}

# from_cifar FILE LABELS NAMES: records of so many labels, the last of which counts, and planes
# of red, green and blue; of the first 2000.
from_cifar() {
    local size=$(($2 + 3072)) class index
    local -a names=()
    [[ ! -f $3 ]] || mapfile -t names < <(tr -d '\r' <"$3")
    piece "$1" 0 $((2000 * size)) | od -An -v -tu1 -w"$size" |
        awk -v at="$2" '{ print $at "\t" NR - 1 }' |
        while IFS=$'\t' read -r class index; do
            printf '%s\t%s\n' "${names[class]:-$class}" "$index"
        done | choose | while IFS=$'\t' read -r class index; do
        mkdir -p "$scratch/$class"
        {
            echo P3 32 32 255
            piece "$1" $((index * size + $2)) 3072 | od -An -v -tu1 -w1024 | awk '
                { for (i = 1; i <= NF; i++) pixel[i] = pixel[i] " " $i }
                END { for (i = 1; i <= 1024; i++) print pixel[i] }'
        } >"$scratch/$class/$(printf %05d "$index").ppm"
    done
}

# from_files: lines CLASS, tab, path.
from_files() {
    local class path
    choose | while IFS=$'\t' read -r class path; do
        mkdir -p "$scratch/$class"
        ln -s "$path" "$scratch/$class/${path##*/}"
    done
}

from_shards() {
    local samples
    samples=$(tensorcat --only cls -- "$@" 2>/dev/null | tensorls --check | awk '{ print $2 }')
    tensorcat --every "$(((samples + count - 1) / count))" -- "$@" | preprocess -m "$model"
    exit
}

# one WORDS...: the first file there whose name has the part's word in it.
one() {
    local file word='*'
    case $part in
    train) word='*train*|data_batch*' ;;
    test) word='*test*|t10k*' ;;
    val) word='*val*' ;;
    esac
    for file; do
        # shellcheck disable=SC2053
        if [[ -e $file && ( ${file##*/} == @($word) ) ]]; then
            echo "$file"
        fi
    done
}

shopt -s extglob nullglob
folder=$data
[[ ! -d $data/$part ]] || folder=$data/$part
if [[ $data == *idx3-ubyte* ]]; then
    from_idx "$data"
elif [[ $data == *.bin ]]; then
    from_cifar "$data" "$((1 + ($(stat -c %s "$data") % 3073 != 0)))" /dev/null
elif [[ -f $data ]]; then
    from_shards "$data"
elif [[ $(one "$data"/*images*idx3-ubyte*) ]]; then
    from_idx "$(one "$data"/*images*idx3-ubyte* | head -n 1)"
elif [[ $(one "$data"/{data_batch*,test_batch}.bin) ]]; then
    from_cifar "$(one "$data"/{data_batch*,test_batch}.bin | head -n 1)" 1 "$data/batches.meta.txt"
elif [[ -f $data/$part.bin ]]; then
    from_cifar "$data/$part.bin" 2 "$data/fine_label_names.txt"
elif [[ $(one "$data"/*.tar) ]]; then
    mapfile -t shards < <(one "$data"/*.tar)
    from_shards "${shards[@]}"
elif [[ -d $data/images && -d $data/annotations ]]; then
    awk -v OFS='\t' -v folder="$data/images" '
        !/^#/ { class = $1; sub(/_[^_]*$/, "", class); print class, folder "/" $1 ".jpg" }' \
        "$data/annotations/${part/train/trainval}.txt" | from_files
else
    find -L "$folder" -mindepth 2 -type f -regextype posix-extended \
        -iregex '.*\.(jpe?g|png|tiff?|webp|gif|p[pgbn]m)' -printf '%P\t%p\n' | LC_ALL=C sort |
        awk -F '\t' -v OFS='\t' '{ sub(/\/.*/, "", $1); print }' | from_files
fi

cd "$scratch"
shopt -s dotglob
classes=(*)
preprocess -m "$model" -L folder -- "${classes[@]}"
