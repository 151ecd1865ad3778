# What every command test loads. Each test begins in an empty directory of its own, with the
# programs on PATH.
#
#   ROOT    the root of the source tree
#   BIN     the programs under test; build/release/bin unless the caller says otherwise
#   SHARED  larger data that lies beside the tree on some machines; tests that need it call
#           need_shared first
#   CORPUS  a few hundred lines of English, a blank line between documents

bats_require_minimum_version 1.5.0

ROOT=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
BIN=${BIN:-$ROOT/build/release/bin}
SHARED=${SHARED:-$ROOT/../shared}
CORPUS=$ROOT/tests/data/corpus.txt
PATH=$BIN:$PATH
export ROOT BIN SHARED CORPUS PATH

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
}

# need_shared PATH: skips the test where that file or directory of the shared data is absent.
need_shared() {
    [ -e "$SHARED/data/$1" ] || skip "no $1 in the shared data"
}

# status_is N COMMAND…: the command ends with just this status; $output and $stderr are kept.
# `run` of bats keeps standard error apart only with --separate-stderr.
status_is() {
    local expected=$1
    shift
    run --separate-stderr "$@"
    if [ "$status" -ne "$expected" ]; then
        echo "status $status, not $expected, from: $*"
        # shellcheck disable=SC2154 # set by run
        echo "$stderr"
        return 1
    fi
}

# megabytes PROGRAM ARGUMENT…: the memory that it took, by its summary, as a whole number; its output
# is thrown away. A sanitizer would keep what has been freed.
megabytes() {
    ASAN_OPTIONS=${ASAN_OPTIONS-}:quarantine_size_mb=1 "$1" -v "${@:2}" 2>&1 > /dev/null |
        sed -n 's/.*CPUs, \([0-9]*\)\.[0-9]* MB.*/\1/p'
}
