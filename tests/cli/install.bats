# make install and uninstall, and a program built against what was installed.

load helper

# The Makefile, for the programs under test, without the options of the make that runs the tests.
run_make() {
    MAKEFLAGS='' make -s -C "$ROOT" BUILD="$(dirname "$BIN")" "$@"
}

setup_file() {
    [ -d "$(dirname "$BIN")/lib" ] || skip "$BIN stands beside no build"
}

@test "install obeys DESTDIR and PREFIX, and leaves nothing elsewhere" {
    run_make install DESTDIR="$PWD/dest" PREFIX=/opt/electra
    [ "$(ls dest)" = opt ] && [ "$(ls dest/opt)" = electra ]
    cd dest/opt/electra
    [ "$(ls)" = "$(printf '%s\n' bin include lib share)" ]
    for program in "$ROOT"/tools/electra-*.c; do
        [ -x "bin/$(basename "$program" .c)" ]
    done
    [ "$(ls include/electra)" = "$(ls "$ROOT/include/electra")" ]
    for page in "$ROOT"/man/*.[157]; do
        cmp "$page" "share/man/man${page##*.}/$(basename "$page")"
    done
    bin/electra-view --version
    run ! grep -r "$BATS_TEST_TMPDIR" lib/pkgconfig
}

@test "uninstall removes every file of install, and no other" {
    mkdir -p dest/usr/bin dest/usr/include/other
    touch dest/usr/bin/other
    run_make install DESTDIR="$PWD/dest" PREFIX=/usr
    run_make uninstall DESTDIR="$PWD/dest" PREFIX=/usr
    [ "$(find dest -type f)" = dest/usr/bin/other ]
    [ -d dest/usr/include/other ] && [ ! -e dest/usr/include/electra ]
}

@test "another PREFIX compiles nothing again" {
    run_make all
    run_make install DESTDIR="$PWD/dest" PREFIX=/else -n >commands
    run ! grep -E -- ' -c -o ' commands
}

@test "a program is built against the installed library with pkg-config, and runs" {
    run_make install PREFIX="$PWD/usr"
    export PKG_CONFIG_PATH=$PWD/usr/lib/pkgconfig
    pkg-config --exists electra || skip "pkg-config does not know a library that electra needs"
    [ "$(pkg-config --modversion electra)" = \
        "$(sed -nE 's/.*ELC_VERSION "(.*)"/\1/p' "$ROOT/include/electra/version.h")" ]
    # shellcheck disable=SC2046 # flags are words
    ${CC:-gcc} -std=c11 -Wall -Werror -o count "$ROOT/examples/count.c" \
        $(pkg-config --cflags --libs electra)
    "$PWD/usr/bin/electra-vocab" --size 300 "$CORPUS" >vocab.txt
    "$PWD/usr/bin/electra-tokenize" --vocab vocab.txt "$CORPUS" >corpus.els
    run ./count corpus.els corpus.els
    [[ $output == "$((2 * $(wc -l <"$CORPUS"))) texts, "*" tokens" ]]
    head -c 1000 corpus.els >cut.els
    status_is 1 ./count cut.els
    # shellcheck disable=SC2154 # set by run
    [[ $stderr == "count: cut.els: "* ]]
}
