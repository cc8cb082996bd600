#!/usr/bin/env bash
# The recipe misclassified, in a checkout of its own: on pictures in folders, by a table and in a
# shard, with the model that comes with saccade.
set -uo pipefail
source "$(dirname "$0")/part.sh"
cd "$SCRATCH"
unset PHOTOS VIT LABELS PICTURES MARGIN OVERLAP ENTROPY SINK OUT
mkdir -p tree/pipelines tree/bin
cp "$ROOT"/pipelines/{Makefile,run.sh,heldout.sh,*.mk,*.gp,*.awk} tree/pipelines
ln -s "$BIN"/* tree/bin/

# makes STATUS ARGUMENT...: from here, as a reader would.
makes() {
    local wanted=$1 status
    shift
    env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL make --no-print-directory -C tree/pipelines \
        misclassified "$@" >log 2>&1
    status=$?
    [[ $status == "$wanted" ]] || { echo "exit status $status: make $*"; cat log; return 1; }
}

# Cats and dogs, some of which the model calls otherwise, and a picture that is none. By labels.tsv
# it is right about one of two.
make_pictures() {
    mkdir -p photos/{cat,dog} "odd/no class"
    cp "$DATA"/pictures/{rgb420,rgb444,progressive}.jpg photos/cat
    cp "$DATA"/pictures/{grey,cmyk}.jpg photos/dog
    echo no picture >photos/dog/broken.jpg
    cp "$DATA"/pictures/rgb420.jpg "odd/no class"
    cp -r photos/dog flat
    preprocess -L folder photos 2>/dev/null | vitfwd -l none 2>/dev/null >answers.tar
    tensorgrep --wrong answers.tar 2>/dev/null | tensorcat --good -o wrong.tar 2>/dev/null
    tensorgrep --right answers.tar 2>/dev/null | tensorcat --good -o right.tar 2>/dev/null
    topk -n 1 wrong.tar 2>/dev/null | awk 'NR > 1 { print $1 }' >wrong.keys
    topk -n 1 answers.tar 2>/dev/null | awk 'BEGIN { print "name\tclass" }
        $1 ~ /cmyk/ { print "cmyk\t" $4 } $1 ~ /grey/ { print "grey\t" ($4 == "ship" ? "dog" : "ship") }' >labels.tsv
}

asks_for() {
    makes 2 && grep -q 'PHOTOS=folder' log && makes 2 PHOTOS=nowhere && grep -q nowhere log &&
        makes 2 PHOTOS=flat && grep -q 'the folders are no classes of vit-cifar10' log &&
        makes 2 PHOTOS=odd && grep -q 'the folders are no classes' log &&
        tensorcat --drop cls right.tar -o unlabelled.tar && makes 2 PHOTOS=unlabelled.tar &&
        grep -q 'no picture has a label.*LABELS=labels.tsv' log || return
    preprocess photos/dog/broken.jpg -o broken.tar
    [[ $? == 1 ]] && makes 2 PHOTOS=broken.tar && grep -q 'no good picture' log &&
        [[ ! -e out/misclassified ]]
}

# whole FOLDER KEYS: figures and lines of these pictures, in order.
whole() {
    local made=$1/misclassified
    find "$made" -type f ! -path '*/figures/*' | LC_ALL=C sort | diff - <(printf "$made/%s\n" \
        causes.tsv confusion.png confusion.tsv summary.tsv) || return
    cut -f 1 "$made/causes.tsv" | tail -n +2 | diff - "$2" || return
    if [[ -s $2 ]]; then
        (cd "$made/figures" && find . -name '*.png' | sed 's|^./||; s|\.png$||' | LC_ALL=C sort) |
            diff - <(LC_ALL=C sort "$2") || return
    fi
    [[ $(head -c 4 "$made/confusion.png") == $'\x89PNG' ]] &&
        awk -F '\t' 'FNR == 1 { n = NF } NF != n { exit 1 }' "$made/causes.tsv" "$made/confusion.tsv"
}

# The numbers are those of the stages, one for one.
same_numbers() {
    local made=made/misclassified
    vitfwd -l none -g true wrong.tar 2>/dev/null | topk -n 1 --target 2>/dev/null >classes.tsv
    awk -F '\t' -v OFS='\t' 'NR > 1 && $2 == 1 { p[$1] = $4 OFS $6; was[$1] = $6 }
        $3 == $7 { print $1, $4, $6, p[$1], was[$1] - $6 }' classes.tsv |
        diff - <(tail -n +2 "$made/causes.tsv" | cut -f 1-6) || return
    vitfwd -g pred wrong.tar 2>/dev/null | rollout -M chefer --as a 2>/dev/null |
        vitfwd -g true 2>/dev/null | rollout -M chefer --as b 2>/dev/null >two.tar
    mapdiff --tsv a b two.tar 2>/dev/null | awk -F '\t' -v OFS='\t' '{ print $6, $4 }' |
        diff - <(cut -f 7,8 "$made/causes.tsv") || return
    vitfwd -g pred --act -1 wrong.tar 2>/dev/null | gradcam --as a 2>/dev/null |
        vitfwd -g true --act -1 2>/dev/null | gradcam --as b 2>/dev/null | mapdiff --tsv a b 2>/dev/null |
        tail -n +2 | awk -F '\t' -v OFS='\t' '{ print $6, $4 }' |
        diff - <(tail -n +2 "$made/causes.tsv" | cut -f 9,10) || return
    vitfwd -t 5 wrong.tar 2>/dev/null |
        attnstat -l 5 --readout --relative --mean heads --stats entropy,prefix_mass,sink_share 2>/dev/null |
        cut -f 4-6 | diff - <(cut -f 11-13 "$made/causes.tsv")
}

# The matrix counts every labelled picture; a cell of it by tensorgrep.
same_confusion() {
    local made=made/misclassified/confusion.tsv
    awk -F '\t' 'NR > 1 { for (i = 2; i <= NF; i++) n += $i } END { exit n != 5 }' "$made" || return
    local called
    called=$(topk -n 1 wrong.tar 2>/dev/null | awk '/^photos\/dog/ { print $4; exit }')
    [[ $called && $(awk -F '\t' -v called="$called" 'NR == 1 { for (i = 2; i <= NF; i++) if ($i == called) at = i }
        $1 == "dog" { print $at }' "$made") == \
        $(tensorgrep --true dog --pred "$called" answers.tar 2>/dev/null | tensorcat --good 2>/dev/null |
            tensorls --check 2>/dev/null | awk '{ print $2 }') ]]
}

looks_into() {
    makes 0 PHOTOS=photos OUT=made && [[ $(grep -c . wrong.keys) -ge 2 ]] && whole made wrong.keys &&
        grep -q 'run.sh: 1 of 6 bad' log && same_numbers && same_confusion
}

# causes THRESHOLD... : the first picture's causes.
causes() {
    makes 0 PHOTOS=photos OUT=made "$@" >&2 && ! grep -q vitfwd log &&
        awk -F '\t' 'NR == 2 { print $14 }' made/misclassified/causes.tsv
}

# A threshold changes the words, and computes nothing else again.
names_causes() {
    [[ $(causes OVERLAP=1.1 MARGIN=0 ENTROPY=1 SINK=1) == 'looked elsewhere' ]] &&
        [[ $(causes OVERLAP=0 MARGIN=0 ENTROPY=1 SINK=1) == 'same place, other name' ]] &&
        [[ $(causes OVERLAP=0 MARGIN=1 ENTROPY=0 SINK=0) == \
            'same place, other name; unsure; scattered; sink-dominated' ]] || return
    awk -F '\t' 'NR > 1 { print $1, $2, $4 }' made/misclassified/summary.tsv | diff - <(
        n=$(grep -c . wrong.keys)
        printf '%s\n' '5 all ' '5 labelled ' "$n misclassified " "$n of these looked into 16" \
            '0 looked elsewhere 0' "$n same place, other name 0" "$n unsure 1" "$n scattered 0" \
            "$n sink-dominated 0")
}

# Nothing is made again without need; fewer pictures are the first ones, and leave no figure.
makes_again() {
    makes 0 PHOTOS=photos OUT=made && makes 0 PHOTOS=photos OUT=made && ! grep -q 'run.sh' log &&
        makes 0 PHOTOS=photos OUT=made PICTURES=1 && ! grep -q 'preprocess: ' log &&
        whole made <(head -n 1 wrong.keys)
}

# A shard, with labels of its own or by a table; where all is right there are tables and no figure.
takes_shards() {
    makes 0 PHOTOS=wrong.tar OUT=shard && whole shard wrong.keys &&
        makes 0 PHOTOS=flat LABELS=labels.tsv OUT=table && whole table <(echo flat/grey) &&
        grep -q 'has no label\|1 of 3 bad' log &&
        makes 0 PHOTOS=right.tar OUT=right && whole right /dev/null &&
        grep -q '^0 *misclassified: all that are labelled are right' log
}

# Labels that the model lacks are said, and nothing else is wrong.
knows_classes() {
    mkdir more && tar xf wrong.tar -C more && rm -r more/__stream__ &&
        printf 12 >more/"$(head -n 1 wrong.keys)".cls &&
        tar cf more.tar -C more --sort=name photos && makes 0 PHOTOS=more.tar OUT=more-out &&
        grep -q '1 labels are none of the 10 classes.*is of class 12' log &&
        grep -q '^1 .*with a class that the model' log &&
        whole more-out <(tail -n +2 wrong.keys | LC_ALL=C sort)
}

# As many rows as are wanted of more classes: those that are confused most.
confuses() {
    printf 'key\trank\tclass\tname\n' >c.tsv
    for class in 0 1 2 3 4; do printf 'a\t1\t%d\tc%d\n' $class $class; done >>c.tsv
    printf 'key\trank\tclass\tname\tlogit\tprob\ttrue\n' >a.tsv
    while read -r key class true; do
        printf '%s\t1\t%s\tx\t1\t1\t%s\n' "$key" "$class" "$true"
    done >>a.tsv <<'END'
k1 0 0
k2 1 2
k3 1 2
k4 2 2
k5 3 4
END
    cut -f 1 a.tsv >l.tsv
    awk -f tree/pipelines/confusion.awk c.tsv a.tsv l.tsv | tr '\t' ' ' | diff - <(printf '%s\n' \
        'true \ predicted c0 c1 c2 c3 c4' 'c0 1 0 0 0 0' 'c1 0 0 0 0 0' 'c2 0 2 1 0 0' 'c3 0 0 0 0 0' \
        'c4 0 0 0 1 0') || return
    awk -v most=2 -f tree/pipelines/confusion.awk c.tsv a.tsv l.tsv | tr '\t' ' ' | diff - <(printf '%s\n' \
        'row column true predicted pictures share classes' '1 1 c1 c1 0 0 5' '1 2 c1 c2 0 0 5' \
        '2 1 c2 c1 2 0.666667 5' '2 2 c2 c2 1 0.333333 5')
}

result recipes/misclassified-confuses confuses
if ! command -v gnuplot >/dev/null; then
    skip recipes/misclassified "gnuplot is missing"
    exit "$failed"
fi
make_pictures
for check in asks_for looks_into names_causes makes_again takes_shards knows_classes; do
    result "recipes/misclassified-$check" "$check"
done
exit "$failed"
