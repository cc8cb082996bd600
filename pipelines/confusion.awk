# awk [-v most=N] -f confusion.awk classes.tsv answers.tsv labelled.tsv: how often each true class
# (rows) was taken for each class (columns), of the classes that occur, in the model's order. With
# most a line for each cell instead, for confusion.gp, of at most N classes: those confused most.
BEGIN { FS = OFS = "\t" }

FNR == 1 { file++; next }
file == 1 { class[++classes] = $3; name[$3] = $4 == "" ? $3 : $4; next }
file == 2 { predicted[$1] = $3; true[$1] = $7; next }
{
    p = predicted[$1]; t = true[$1]
    count[t, p]++
    total[t]++
    seen[t]; seen[p]
    if (t != p) { mistakes[t]++; mistakes[p]++ }
}

# The number of mistakes that a class must have to be among the most confused.
function threshold(    m, n, c, at) {
    for (c in seen) { at[mistakes[c] + 0]++; if (mistakes[c] > m) m = mistakes[c] }
    for (; m > 0 && n + at[m] <= most; m--) n += at[m]
    return n ? m + 1 : m
}

function print_matrix(    i, j) {
    printf "true \\ predicted"
    for (i = 1; i <= columns; i++) printf "\t%s", name[column[i]]
    print ""
    for (i = 1; i <= columns; i++) {
        printf "%s", name[column[i]]
        for (j = 1; j <= columns; j++) printf "\t%d", count[column[i], column[j]]
        print ""
    }
}

function print_cells(    i, j, n) {
    print "row", "column", "true", "predicted", "pictures", "share", "classes"
    for (i = 1; i <= columns; i++)
        for (j = 1; j <= columns; j++) {
            n = count[column[i], column[j]] + 0
            print i, j, name[column[i]], name[column[j]], n, (n ? n / total[column[i]] : 0), shown
        }
}

END {
    for (i = 1; i <= classes; i++) if (class[i] in seen) shown++
    least = most && shown > most ? threshold() : 0
    # topk has the classes by rank: in the model's order they are by number.
    for (c = 0; c < classes; c++)
        if ((c in seen) && mistakes[c] + 0 >= least && (!most || columns < most)) column[++columns] = c
    if (most)
        print_cells()
    else
        print_matrix()
}
