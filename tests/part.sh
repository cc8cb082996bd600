# Sourced by the shell parts of the tests. A part prints its results on standard output, one a
# line, and all else on standard error:
#
#     ok NAME
#     not ok NAME
#     skip NAME: REASON
#
# It exits with 0, or with 1 where something is not ok. tests/run.sh counts the lines; any
# other status, or no line at all, is a failure of its own.

export LC_ALL=C TZ=UTC
umask 022
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
DATA=$ROOT/tests/data
BIN=$(cd "$ROOT" && mkdir -p "${BIN:-bin}" && cd "${BIN:-bin}" && pwd)
PATH=$BIN:$PATH
export ROOT DATA BIN PATH
unset "${!SACCADE_@}"
SCRATCH=$(mktemp -d)
trap 'rm -rf "$SCRATCH"' EXIT
failed=0

pass() {
    echo "ok $1"
}

fail() {
    echo "not ok $1"
    failed=1
}

skip() {
    echo "skip $1: $2"
}

# result NAME COMMAND...: passes where the command does; its output is shown where it doesn't.
result() {
    local name=$1
    shift
    if "$@" >"$SCRATCH/result" 2>&1; then
        pass "$name"
    else
        sed "s|^|$name: |" "$SCRATCH/result" >&2
        fail "$name"
    fi
}
