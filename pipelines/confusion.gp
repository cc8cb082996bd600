# gnuplot -e "table='confused.tsv'; picture='confusion.png'" confusion.gp: cells of confusion.awk,
# true classes in rows and predicted ones in columns; colours are shares of all of a true class.
set datafile separator tab
set encoding utf8
stats table using 1:7 skip 1 nooutput
n = STATS_max_x
classes = STATS_max_y
longest = system("cut -f 3 '" . table . "' | cut -c -40 | wc -L") + 0
short(name) = strlen(name) > 40 ? name[1:39] . '…' : name
side = n > 12 ? 32 : 52
room = 7 * longest + 60
width = n * side + room + 120
width = width < 560 ? 560 : width
height = n * side + room + 60
set terminal pngcairo size width, height font 'sans,10' background rgb 'white'
set output picture
set lmargin at screen 1.0 * room / width
set rmargin at screen (room + 1.0 * n * side) / width
set tmargin at screen 1 - 50.0 / height
set bmargin at screen 1 - (50.0 + n * side) / height
set palette defined (0 'white', 0.5 '#6baed6', 1 '#08306b')
set cbrange [0 : 1]
set cblabel 'share of the true class'
set xrange [0.5 : n + 0.5]
set yrange [n + 0.5 : 0.5]
set xtics rotate by 45 right out nomirror noenhanced
set ytics out nomirror noenhanced
set label 'predicted' at screen (room + 0.5 * n * side) / width, 14.0 / height center
set label 'true' at screen 14.0 / width, 1 - (50.0 + 0.5 * n * side) / height center rotate
unset key
title = 'how many pictures of each class were taken for which'
set title n < classes ? sprintf('%s: the %d of %d classes confused most', title, n, classes) : title
plot table using 2:1:6:xtic(short(strcol(4))):ytic(short(strcol(3))) skip 1 with image, \
    '' using 2:1:($5 > 0 ? sprintf('%d', $5) : ''):($6 > 0.5 ? 0xffffff : 0) skip 1 \
    with labels textcolor rgb variable
