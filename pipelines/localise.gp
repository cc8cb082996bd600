# gnuplot -e "table='summary.tsv'; picture='chart.png'" localise.gp: a table of mapscore --mean as
# bars with their intervals, a colour a model; baselines grey, the centre map's level a line.
set terminal pngcairo size 1100, 860 noenhanced font 'sans,11'
set datafile separator tab
set datafile missing ''
set style fill solid
set boxwidth 0.7
set grid ytics linecolor rgb '#dddddd'
set border 3
set tics nomirror
set xtics rotate by 40 right scale 0
unset key
of_table(column) = system(sprintf("sed 1d '%s' | cut -f %d | sed 's/:.*//' | grep . | awk '!seen[$0]++'", table, column))
if (of_table(6) eq '') {
    print table.': no numbers, so no chart'
    exit
}
set output picture
models = of_table(4)
colour(model) = model eq '' ? 0xaaaaaa : model[1 : strlen(word(models, 1))] eq word(models, 1) ? 0x0072b2 : 0x009e73
do for [i = 1 : words(models)] {
    set label i '■ '.word(models, i) at screen 0.03 + 0.2 * (i - 1), 0.975 textcolor rgb colour(word(models, i))
}
set label 8 '■ maps that know nothing of the picture' at screen 0.03 + 0.2 * words(models), 0.975 textcolor rgb '#888888'
set label 9 '- - the centre map' at screen 0.36 + 0.2 * words(models), 0.975 textcolor rgb '#d55e00'
set label 10 'means over '.word(of_table(1), 1).' photos, with 95% intervals' at screen 0.98, 0.025 right
array titles[4] = ["share of the map's mass in the animal", "that share less the centre map's, photo by photo", \
    'pointing game: its greatest cell is in the animal', "its greatest cells and the animal: intersection over union"]
set multiplot layout 2, 2 margins 0.05, 0.98, 0.15, 0.90 spacing 0.07, 0.20
do for [i = 1 : 4] {
    c = 3 + 3 * i + (i > 1 ? 3 : 0)
    set title titles[i]
    if (i == 2) { set yrange [* : *] } else { set yrange [0 : 1] }
    stats table using (strcol(2) eq 'centre' ? column(c) : NaN) skip 1 nooutput
    level = STATS_mean
    stats table using c skip 1 nooutput
    set xrange [-0.6 : STATS_records - 0.4]
    plot table skip 1 using 0:c:(colour(strcol(4))):xtic(2) with boxes linecolor rgb variable, \
        level with lines linecolor rgb '#d55e00' dashtype 2 linewidth 2, \
        table skip 1 using 0:c+1:(0):(column(c + 2) - column(c + 1)) with vectors \
            heads size screen 0.005,90 linecolor rgb '#222222' linewidth 1.5
    do for [j = 1 : 10] { unset label j }
}
unset multiplot
