# gnuplot -e "table='layers.tsv'; picture='layers.png'" layers.gp: what attnstat --mean both --stats
# distance,entropy prints, as lines.
set terminal pngcairo size 1100, 420 font 'sans,11' background rgb 'white'
set output picture
set datafile separator tab
set datafile missing ''
set style line 1 linecolor rgb '#0072b2' linewidth 2 pointtype 7 pointsize 0.9
set style line 2 linecolor rgb '#0072b2' linewidth 1 pointtype 7 pointsize 0
set grid linecolor rgb '#dddddd'
set border 3
set tics nomirror
stats table using 2 skip 1 nooutput
last = STATS_max
stats table using 1 skip 1 nooutput
photos = STATS_max
set xrange [-0.5 : last + 0.5]
step = ceil((last + 1) / 13.0)
set xtics 0, step
set yrange [0 : *]
set xlabel 'layer (0 is the first)'
set multiplot layout 1, 2
spread = sprintf('standard deviation between %d photos', photos)
set title 'How far a layer looks: mean attention distance'
set ylabel 'pixels of the input'
unset key
plot table using 2:4:(photos > 1 ? real(strcol(6)) : 0) skip 1 with yerrorbars linestyle 2, \
    '' using 2:4 skip 1 with linespoints linestyle 1
set title 'How widely it looks: entropy'
set ylabel 'nats'
set key bottom right
plot table using 2:5:(photos > 1 ? real(strcol(7)) : 0) skip 1 with yerrorbars linestyle 2 title spread, \
    '' using 2:5 skip 1 with linespoints linestyle 1 title 'mean over heads and photos'
unset multiplot
