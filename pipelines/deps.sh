#!/bin/sh
# Installs those of the Debian packages named as arguments that are missing; on another system
# prints their names.
set -eu

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    echo "not a Debian system: install what these Debian packages hold:"
    echo "  $*"
    exit 0
fi
missing=
for package; do
    state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$state" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

as_root=
if [ "$(id -u)" != 0 ]; then
    as_root=sudo
    if ! command -v sudo >/dev/null; then
        echo "missing packages, and no sudo to install them: as root, run"
        echo "  apt-get install$missing"
        exit 1
    fi
fi
echo "installing with ${as_root:+$as_root }apt-get:$missing"
export DEBIAN_FRONTEND=noninteractive
$as_root apt-get update -q
# shellcheck disable=SC2086
$as_root apt-get install -q -y --no-install-recommends $missing
