#!/usr/bin/env bats
# shellcheck disable=SC2154 # run sets stderr
# shellcheck disable=SC2086 # $program is a command with its options
# What every program does with a stream: whole ones, damaged ones, none at all.

load helper
load streams

GOLDEN=tests/golden/stream/small.els

@test "a stream that another implementation wrote is whole" {
    status_is 0 electra-view --check "$ROOT/$GOLDEN"
    [ -z "$output$stderr" ]
}

@test "it is passed on byte for byte" {
    electra-view --format stream "$ROOT/$GOLDEN" > copy.els
    cmp "$ROOT/$GOLDEN" copy.els
}

@test "cat joins streams, and operands are joined as cat would" {
    make_stream 5 a.els
    make_stream 3 b.els
    cat a.els b.els > both.els
    status_is 0 electra-view --check both.els
    electra-view both.els > expected
    [ "$(wc -l < expected)" -eq 8 ]
    electra-view a.els b.els | cmp - expected
    electra-view - b.els < a.els | cmp - expected
    cat <(electra-view a.els) <(electra-view b.els) | cmp - expected
    electra-view --format stream a.els b.els | cmp - both.els
}

@test "a stream cut by split is read from its pieces" {
    make_stream 2000 a.els
    split -b 100000 a.els piece.
    electra-view --format stream piece.* | cmp - a.els
}

@test "operands may be FIFOs and process substitutions" {
    make_stream 2000 a.els
    mkfifo pipe
    cat a.els > pipe &
    electra-view --format stream pipe | cmp - a.els
    electra-view --format stream <(cat a.els) | cmp - a.els
}

@test "a stream without records is whole" {
    make_stream 0 a.els
    status_is 0 electra-view a.els
    [ -z "$output" ]
    status_is 0 electra-view --check a.els
}

@test "empty input is an error, never an empty result" {
    status_is 1 electra-view /dev/null
    [ "$stderr" = "electra-view: /dev/null: empty: no stream header (did the previous command fail?)" ]
    for program in 'electra-view --check' 'electra-view --format stream' electra-shuffle; do
        run --separate-stderr bash -c "$program < /dev/null"
        [ "$status" -eq 1 ]
        [ -z "$output" ]
        [ "$stderr" = "${program%% *}: standard input: empty: no stream header (did the previous command fail?)" ]
    done
}

@test "an empty operand among others is an error" {
    make_stream 2 a.els
    : > empty.els
    status_is 1 electra-view a.els empty.els
    [[ $stderr == "electra-view: empty.els: empty: "* ]]
}

@test "truncation is found wherever it is, and travels down the pipe" {
    make_stream 1200 a.els
    local len=$(($(size a.els)))
    for at in 1 7 100 300 5000 270000 270100 $((len - 40)) $((len - 1)); do
        head -c $at a.els > cut.els
        status_is 1 electra-view --check cut.els
        [[ $stderr == "electra-view: cut.els: "*truncated* ]]
        # Pipes without pipefail: the last program has to see it.
        for program in 'electra-view --format stream' electra-shuffle; do
            run --separate-stderr bash -c "$program < cut.els 2> /dev/null | electra-view --check"
            [ "$status" -eq 1 ]
        done
    done
}

@test "the records before the damage are shown" {
    make_stream 1200 a.els
    head -c $(($(size a.els) - 10)) a.els > cut.els
    run --separate-stderr bash -c "electra-view cut.els | tail -n 1"
    [[ $output == '{"id":1200,'* ]]
    [[ $stderr == *truncated* ]]
}

@test "a flipped byte is found, and the message names the block" {
    make_stream 1200 a.els
    for at in 20 200 400 300000 $(($(size a.els) - 3)); do
        cp a.els bad.els
        flip bad.els "$at"
        run cmp -s a.els bad.els
        [ "$status" -eq 1 ]
        status_is 1 electra-view --check bad.els
        [[ $stderr == "electra-view: bad.els: "* ]]
        [ "$(wc -l <<< "$stderr")" -eq 1 ]
    done
    cp a.els bad.els
    flip bad.els 300000
    status_is 1 electra-view --check bad.els
    [ "$stderr" = "electra-view: bad.els: block 2: checksum mismatch" ]
}

@test "bytes behind the end, and a segment without one, are found" {
    make_stream 2 a.els
    (cat a.els && echo) > more.els
    status_is 1 electra-view --check more.els
    [[ $stderr == *"what follows the end of a segment is no header" ]]
    head -c $(($(size a.els) - 26)) a.els > cut.els
    cat cut.els a.els > joined.els
    status_is 1 electra-view --check joined.els
    status_is 1 electra-view --check cut.els a.els
    [[ $stderr == "electra-view: cut.els"* ]]
}

@test "segments that do not belong together are refused, both named" {
    make_stream 2 a.els
    sed 's/world/welt/' vocab.txt > other.txt
    make_lines 2 | electra-view --from jsonl --vocab other.txt -o b.els
    status_is 1 electra-view --check a.els b.els
    [[ $stderr == "electra-view: b.els: segment 2 has a vocabulary of 9 tokens ("*"segment 1 (a.els) another of 9 ("* ]]
    electra-view --header a.els | sed 's/"kind":"tokens"/"kind":"scores"/' |
        electra-view --from jsonl > c.els
    status_is 1 electra-view a.els c.els
    [[ $stderr == *"c.els: segment 2 holds scores, segment 1 (a.els) holds tokens" ]]
    status_is 1 electra-shuffle a.els c.els
    [ -z "$output" ]
}

@test "text, JSON and compressed streams are told apart" {
    make_stream 2 a.els
    echo hello > text
    status_is 1 electra-view text
    [ "$stderr" = "electra-view: text: text, not a stream: electra-tokenize makes one" ]
    electra-view a.els > lines
    status_is 1 electra-view lines
    [[ $stderr == *"--from jsonl makes one" ]]
    gzip -c a.els > a.els.gz
    status_is 1 electra-view a.els.gz
    [ "$stderr" = "electra-view: a.els.gz: compressed by gzip: pipe it through gzip -dc" ]
    printf '\x28\xb5\x2f\xfd0000' > a.els.zst
    status_is 1 electra-view a.els.zst
    [[ $stderr == *"pipe it through zstd -dc" ]]
    head -c 4096 /dev/zero > zeros
    status_is 1 electra-view zeros
}

@test "what cannot be opened or read is named" {
    status_is 1 electra-view absent.els
    [ "$stderr" = "electra-view: absent.els: No such file or directory" ]
    mkdir directory
    status_is 1 electra-view directory
    [ "$stderr" = "electra-view: directory: Is a directory" ]
    status_is 1 electra-shuffle absent.els -o out.els
    [ ! -e out.els ]
}

@test "a full disk is an error" {
    make_stream 2000 a.els
    for program in 'electra-view a.els' 'electra-view --format stream a.els' 'electra-shuffle a.els' \
        'electra-view --from jsonl --vocab vocab.txt lines'; do
        electra-view a.els > lines
        run --separate-stderr bash -c "$program > /dev/full"
        [ "$status" -eq 1 ]
        [[ $stderr == *": standard output: No space left on device" ]]
        status_is 1 $program -o /dev/full
        [[ $stderr == *": /dev/full: No space left on device" ]]
    done
}

@test "a reader that closes the pipe ends the writer by SIGPIPE, silently" {
    make_stream 2000 a.els
    for program in 'electra-view a.els' 'electra-view --format stream a.els' 'electra-shuffle a.els'; do
        run --separate-stderr bash -c "$program | head -c 1 > /dev/null; exit \${PIPESTATUS[0]}"
        [ "$status" -eq 141 ]
        [ -z "$stderr" ]
    done
}

@test "-o appears whole or not at all" {
    make_stream 1200 a.els
    head -c 300000 a.els > cut.els
    mkdir out
    echo before > out/file
    for program in 'electra-view' 'electra-view --format stream' electra-shuffle; do
        status_is 1 $program -o out/file cut.els
        [ "$(cat out/file)" = before ]
        [ "$(ls out)" = file ]
    done
    electra-view --format stream -o out/file a.els
    cmp a.els out/file
    [ "$(ls out)" = file ]
    electra-view --format stream -o a.els a.els # onto itself
    cmp a.els out/file
}

@test "--no-history and the history" {
    make_stream 3 a.els
    electra-shuffle -s 5 a.els | electra-shuffle > b.els
    [[ $(electra-view --header b.els | head -n 1) == *'"history":[{"program":"electra-shuffle","version":"'*'","args":["--seed=5"]},{"program":"electra-shuffle","version":"'*'","args":["--seed=1"]}]'* ]]
    electra-shuffle --no-history b.els | electra-view --header > lines
    [[ $(head -n 1 lines) == *'"history":[]'* ]]
}
