#!/usr/bin/env bash
# page.sh OUT TITLE ITEM...: one page of what the recipes ITEM left in OUT/ITEM, on standard output.
#
# What is said of an item is lab/ITEM.html, with a line <!-- show PATTERN... --> where those of
# its files are to stand: pictures as figures, tables by their first rows, pages as links; or
# <!-- link PATTERN... -->, all as links. What no line asks for comes last: tables and pages of OUT/ITEM itself, pictures from below it as well.
set -euo pipefail
export LC_ALL=C
if (($# < 3)); then
    echo "usage: page.sh OUT TITLE ITEM..." >&2
    exit 2
fi
here=$(cd "$(dirname "$0")/lab" && pwd)
title=$2
cd "$1"
shift 2
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

escape() {
    sed 's/&/\&amp;/g; s/</\&lt;/g; s/>/\&gt;/g; s/"/\&quot;/g' <<<"$1"
}

# Paths, a line each, as figures. Of many the first is large, the others are folded away.
figures() {
    awk '
        BEGIN { for (i = 1; i < 256; i++) code[sprintf("%c", i)] = sprintf("%%%02X", i) }
        function href(path,    i, c, out) {
            for (i = 1; i <= length(path); i++) {
                c = substr(path, i, 1)
                out = out (c ~ /[A-Za-z0-9_.\/-]/ ? c : code[c])
            }
            return out
        }
        function text(s) {
            gsub(/&/, "\\&amp;", s); gsub(/</, "\\&lt;", s); gsub(/>/, "\\&gt;", s)
            gsub(/"/, "\\&quot;", s)
            return s
        }
        function figure(path,    name) {
            name = path
            sub(/^[^\/]*\//, "", name)
            sub(/\.[a-z0-9]*$/, "", name)
            return "<figure><a href=\"" href(path) "\"><img loading=\"lazy\" src=\"" href(path) \
                "\" alt=\"" text(name) "\"></a><figcaption>" text(name) "</figcaption></figure>"
        }
        { path[NR] = $0 }
        END {
            if (NR) print figure(path[1])
            if (NR > 1)
                print "<details><summary>" NR - 1 " more</summary>\n<div class=\"grid\">"
            for (i = 2; i <= NR && i <= 60; i++) print figure(path[i])
            if (NR > 1) print "</div>"
            if (NR > 60) {
                sub(/[^\/]*$/, "", path[1])
                print "<p class=\"more\">" NR - 60 " more in <a href=\"" href(path[1]) "\">" \
                    text(path[1]) "</a></p>"
            }
            if (NR > 1) print "</details>"
        }'
}

# A link, and of a table the first 30 rows.
table() {
    local name
    name=$(escape "$1")
    echo "<div class=\"table\"><table>"
    awk -F '\t' '
        function text(s) {
            gsub(/&/, "\\&amp;", s); gsub(/</, "\\&lt;", s); gsub(/>/, "\\&gt;", s)
            return s
        }
        { sub(/\r$/, "") }
        NR == 1 { columns = NF; print "<thead>" }
        NR <= 31 {
            printf "<tr>"
            for (i = 1; i <= columns; i++) {
                number = $i ~ /^-?[0-9.]+(e[-+]?[0-9]+)?$/
                value = number && $i ~ /[.e]/ ? sprintf("%.4g", $i) : text($i)
                cell = NR == 1 ? "th" : "td"
                if (NR == 1) gsub(/_/, "_<wbr>", value)
                printf "<%s%s>%s</%s>", cell, number ? " class=\"n\"" : "", value, cell
            }
            print "</tr>"
        }
        NR == 1 { print "</thead><tbody>" }
        END {
            print "</tbody></table></div>"
            print "<p class=\"more\">" (NR > 31 ? NR - 31 " more rows: " : "")
        }' "$1"
    echo "<a href=\"$name\">$name</a></p>"
}

# Paths, a line each: pictures together, before what else there is.
show() {
    local path
    cat >"$scratch/paths"
    { grep '\.png$' "$scratch/paths" || true; } | figures
    while IFS= read -r path; do
        case $path in
        *.png) ;;
        *.tsv) table "$path" ;;
        *) link <<<"$path" ;;
        esac
    done <"$scratch/paths"
}

# Paths, a line each, as links alone.
link() {
    local path
    while IFS= read -r path; do
        path=$(escape "$path")
        echo "<p><a href=\"$path\">$path</a></p>"
    done
}

# matching PATTERN...: those paths of $scratch/left, which lose them.
matching() {
    local path pattern
    : >"$scratch/rest"
    while IFS= read -r path; do
        for pattern; do
            # shellcheck disable=SC2053
            if [[ ${path#*/} == $pattern ]]; then
                echo "$path"
                continue 2
            fi
        done
        echo "$path" >>"$scratch/rest"
    done <"$scratch/left"
    mv "$scratch/rest" "$scratch/left"
}

# left ITEM: all there is to show of it.
left() {
    find "$1" -type f \( -name '*.png' -o -name '*.tsv' -o -name '*.html' -o -name '*.mp4' \) |
        sort >"$scratch/left"
}

item() {
    local line
    echo "<section id=\"$1\">"
    left "$1"
    while IFS= read -r line; do
        if [[ $line =~ ^'<!-- '(show|link)' '(.*)' -->'$ ]]; then
            set -f
            # shellcheck disable=SC2086
            matching ${BASH_REMATCH[2]} >"$scratch/shown"
            set +f
            "${BASH_REMATCH[1]}" <"$scratch/shown"
        else
            printf '%s\n' "$line"
        fi
    done <"$scratch/about"
    grep -E '^[^/]*/[^/]*$' "$scratch/left" >"$scratch/shown" || true
    show <"$scratch/shown"
    { grep '/.*/.*\.png$' "$scratch/left" || true; } | figures
    echo "</section>"
}

# What is said of it.
about() {
    cat "$here/$1.html" 2>/dev/null || echo "<h2>$1</h2>"
}

escaped=$(escape "$title")
cat <<END
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<link rel="icon" href="data:,">
<title>$escaped</title>
<style>
$(cat "$here/page.css")
</style>
</head>
<body>
<header>
<h1>$escaped</h1>
$(cat "$here/page.html")
</header>
<nav><ol>
END
for name; do
    heading=$(about "$name" | sed -n 's|.*<h2>\(.*\)</h2>.*|\1|p' | head -n 1)
    if [[ -d $name ]]; then
        echo "<li><a href=\"#$name\">$heading</a></li>"
    else
        echo "<li class=\"missing\">$heading: not made, by <code>make -C pipelines $name</code></li>"
    fi
done
echo "</ol></nav>"
for name; do
    [[ -d $name ]] || continue
    about "$name" >"$scratch/about"
    item "$name"
done
echo "</body>"
echo "</html>"
