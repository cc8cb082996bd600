# awk -v folder=1 -f labelled.awk classes.tsv answers.tsv: of two tables of topk, all classes of the
# model and the best one of each picture, the keys of pictures whose label is one of these classes,
# under a heading. Fails where there is none; with folder also where the labels are those of
# directories and not one of these is a class of the model that has names for them.
BEGIN { FS = OFS = "\t" }

function plain(name) {
    name = tolower(name)
    gsub(/%[0-9a-f][0-9a-f]|\\x[0-9a-f][0-9a-f]|[^a-z0-9,]/, "", name)
    return name
}

function stop(why) {
    print "misclassified: " why >"/dev/stderr"
    exit 1
}

FNR == 1 { file++; if (file == 2) print "key", "true"; next }
file == 1 { name[$3] = $4; named += $4 != ""; classes++; model = $8; next }
{ pictures++ }
$7 == "" { next }
{ labels++ }
!($7 in name) { if (foreign++ == 0) first = $1 " is of class " $7; next }
{
    part = split($1, parts, "/")
    if (part > 1 && index("," plain(name[$7]) ",", "," plain(parts[part - 1]) ","))
        matched++
    known++
    print $1, name[$7]
}

END {
    if (!pictures)
        stop("no good picture to look at")
    if (!labels)
        stop("no picture has a label, so nothing can be wrong: give LABELS=labels.tsv (lines of " \
            "a file's name, a tab and its class), or a folder with one for each class")
    if (!known)
        stop("no label is one of the " classes " classes of " model ": " first)
    if (folder && named && !matched)
        stop("the folders are no classes of " model ", so nothing can be right or wrong: give " \
            "VIT=, a model of these classes, or LABELS=labels.tsv with its own")
    if (foreign)
        print "misclassified: " foreign " labels are none of the " classes " classes of " \
            model ", as " first >"/dev/stderr"
}
