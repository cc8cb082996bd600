# gnuplot -e "table='heads.tsv'; picture='heads.png'" heads.gp: a table with layer, head and in
# columns 5 to 8 numbers of each, as four heat maps.
set datafile separator tab
set datafile missing ''
stats table using 1 skip 1 nooutput
layers = STATS_max - STATS_min + 1
low = STATS_min
high = STATS_max
stats table using 2 skip 1 nooutput
heads = STATS_max + 1
array middle[4]
do for [i = 1 : 4] {
    stats table using (column(4 + i)) skip 1 nooutput
    middle[i] = i == 3 ? 0.5 : (STATS_min + STATS_max) / 2
}
large = heads > 16 || layers > 16
side = large ? 24 : 48
set terminal pngcairo size 2 * (heads * side + 260), 2 * (layers * side + 120) font 'sans,10' \
    background rgb 'white'
set output picture
set palette defined (0 '#440154', 1 '#3b528b', 2 '#21918c', 3 '#5ec962', 4 '#fde725')
set xrange [-0.5 : heads - 0.5]
set yrange [high + 0.5 : low - 0.5]
step = large ? 4 : 1
set xtics 0, step out nomirror
set ytics 0, step out nomirror
set xlabel 'head'
set ylabel 'layer'
unset key
array title[4] = ['distance (1: as evenly spread attention)', \
    'entropy (1: as evenly spread attention)', 'share given to the tokens before the patches', \
    'effective rank']
array format[4] = ['%.2f', '%.2f', '%.2f', '%.1f']
set multiplot layout 2, 2
do for [i = 1 : 4] {
    set title title[i]
    if (i == 3) { set cbrange [0 : 1] } else { set cbrange [* : *] }
    plot table using 2:1:4 + i skip 1 with image, \
        '' using 2:1:(large ? '' : sprintf(format[i], column(4 + i))) \
        :(column(4 + i) > middle[i] ? 0 : 0xffffff) skip 1 with labels textcolor rgb variable
}
unset multiplot
