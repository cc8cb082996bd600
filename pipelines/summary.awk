# awk -f summary.awk causes.tsv answers.tsv labelled.tsv: how many pictures there are, and how many
# have each cause, of which one can have several; its rule and threshold beside it.
BEGIN {
    FS = OFS = "\t"
    causes = split("looked elsewhere|same place, other name|unsure|scattered|sink-dominated", cause, "|")
    split("iou_top_fifth <|iou_top_fifth >=|margin <|entropy >|prefix_mass + sink_share >", rule, "|")
    split("OVERLAP|OVERLAP|MARGIN|ENTROPY|SINK", variable, "|")
    print "pictures", "what", "rule", "threshold", "variable"
}

function put(number, what) { print number + 0, what, "", "", "" }

FNR == 1 { file++; next }
file == 1 { looked++; for (i = 1; i <= causes; i++) count[i] += index($14, cause[i]) > 0 }
file == 2 { answers++; labels += $7 != ""; wrong[$1] = $3 != $7 }
file == 3 { known++; missed += wrong[$1] }

END {
    put(answers, "all")
    put(known, "labelled")
    if (labels > known)
        put(labels - known, "labelled, but with a class that the model doesn't have")
    put(missed, missed ? "misclassified" : "misclassified: all that are labelled are right")
    print looked + 0, "of these looked into", "", ENVIRON["SHOWN"], "PICTURES"
    for (i = 1; i <= causes; i++)
        print count[i] + 0, cause[i], rule[i], ENVIRON[variable[i]], variable[i]
}
