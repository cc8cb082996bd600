# awk -f causes.awk both.tsv overlap.tsv cam-overlap.tsv looks.tsv: why pictures may have been taken
# for something else, by numbers: of topk --target for the true class, mapdiff --tsv twice, and
# attnstat --readout. MARGIN, OVERLAP, ENTROPY and SINK are in the environment.
BEGIN {
    FS = OFS = "\t"
    margin_at = ENVIRON["MARGIN"]; overlap_at = ENVIRON["OVERLAP"]
    entropy_at = ENVIRON["ENTROPY"]; sink_at = ENVIRON["SINK"]
    print "key", "true", "true_prob", "predicted", "predicted_prob", "margin", "iou_top_fifth", \
        "correlation", "cam_iou_top_fifth", "cam_correlation", "entropy", "prefix_mass", \
        "sink_share", "cause", "because"
}

function is(name, why) {
    cause = cause (cause == "" ? "" : "; ") name
    because = because (because == "" ? "" : "; ") why
}

FNR == 1 { file++; next }
file == 1 {
    class = $4 == "" ? $3 : $4
    if ($2 == 1) { predicted[$1] = class; top[$1] = $6 }
    if ($3 == $7) { true[$1] = class; own[$1] = $6 }
    next
}
# A constant map has no top fifth.
{ if (file < 4 && $4 == "") $6 = "" }
file == 2 { iou[$1] = $6; correlation[$1] = $4; next }
file == 3 { cam[$1] = $6 OFS $4; next }
($1 in predicted) && ($1 in true) {
    cause = because = ""
    margin = top[$1] - own[$1]
    taken = $5 + $6
    if (iou[$1] == "") { }
    else if (iou[$1] < overlap_at + 0) is("looked elsewhere", "iou_top_fifth < " overlap_at)
    else is("same place, other name", "iou_top_fifth >= " overlap_at)
    if (margin < margin_at + 0) is("unsure", "margin < " margin_at)
    if ($4 != "" && $4 > entropy_at + 0) is("scattered", "entropy > " entropy_at)
    if (taken > sink_at + 0) is("sink-dominated", "prefix_mass + sink_share > " sink_at)
    print $1, true[$1], own[$1], predicted[$1], top[$1], margin, iou[$1], correlation[$1], \
        ($1 in cam ? cam[$1] : OFS), $4, $5, $6, cause, because
}
