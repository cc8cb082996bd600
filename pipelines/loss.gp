# gnuplot -e "table='loss.tsv'; picture='loss.png'" loss.gp: a table of finetune --log as a picture.
set terminal pngcairo size 1000, 420 font 'sans,11' background rgb 'white'
set output picture
set datafile separator tab
set datafile missing ''
set style data linespoints
set style line 1 linecolor rgb '#0072b2' linewidth 2 pointtype 7 pointsize 0.7
set style line 2 linecolor rgb '#d55e00' linewidth 2 pointtype 5 pointsize 0.7
set grid linecolor rgb '#dddddd'
set border 3
set tics nomirror
set xtics 1, 1
stats table using 1 skip 1 nooutput
last = STATS_max
set xrange [0.5 : last + 0.5]
step = ceil(last / 10.0)
set xtics step, step
set xlabel 'epoch'
set key top center horizontal outside
set multiplot layout 1, 2
set title 'loss (training: of augmented pictures)'
plot table using 1:2 skip 1 linestyle 1 title 'training', \
    '' using 1:4 skip 1 linestyle 2 title 'held out'
set title 'right, %'
plot table using 1:(100 * $3) skip 1 linestyle 1 title 'training', \
    '' using 1:(100 * $5) skip 1 linestyle 2 title 'held out'
unset multiplot
