#!/usr/bin/env bats
# What every program does alike: its options, its messages, its exit statuses.

load helper

programs() {
    local path
    for path in "$BIN"/electra-*; do echo "${path##*/}"; done
}

@test "--help goes to standard output, with the defaults in brackets" {
    for program in $(programs); do
        for option in --help -h; do
            status_is 0 "$program" $option
            [ -z "$stderr" ]
            [[ ${lines[0]} == "Usage: $program "* ]]
            [[ $output == *$'\n'"See $program(1) and electra(7)."* ]]
            [[ $output == *'-V, --version'* ]]
            [[ $output == *'['*']'* ]]
        done
        status_is 1 bash -c "$program --help > /dev/full"
        [[ $stderr == "$program: standard output: No space left on device" ]]
    done
}

@test "usage names the program once for each form of its command line" {
    status_is 0 electra-vocab --help
    [[ ${lines[0]} == "Usage: electra-vocab [--size N]"* ]]
    [[ ${lines[1]} == "                     [--special-ids "* ]]
    status_is 0 electra-train pretrain --help
    [ "$(grep -c electra-train <<< "${output%%Pre-trains*}")" -eq 1 ]
    status_is 0 electra-view --help
    [[ ${lines[3]} == "       electra-view --check "* ]]
}

@test "help fits a terminal" {
    for program in $(programs); do
        "$program" --help | awk -v program="$program" '
            length > 110 { print program ": " $0; bad = 1 } END { exit bad }'
    done
}

@test "--version is one line" {
    for program in $(programs); do
        for option in --version -V; do
            status_is 0 "$program" $option
            [[ $output =~ ^$program\ \(electra\)\ [0-9]+\.[0-9]+\.[0-9]+$ ]]
            [ -z "$stderr" ]
        done
    done
}

@test "help and version win over what follows them" {
    for program in $(programs); do
        status_is 0 "$program" --version --no-such-option
        status_is 0 "$program" --help --no-such-option
    done
}

@test "unknown options are usage errors in two lines" {
    for program in $(programs); do
        for option in --no-such-option --no-such=3 -Z -qZ; do
            status_is 2 "$program" $option
            [ -z "$output" ]
            [ "${#stderr_lines[@]}" -eq 2 ]
            [[ ${stderr_lines[0]} == "$program: unknown option '-"* ]]
            [ "${stderr_lines[1]}" = "Try '$program --help' for more information." ]
        done
    done
}

@test "all programs take the common options" {
    for program in $(programs); do
        status_is 0 "$program" -q -v -j 2 --threads 0 --progress --no-progress --keep-going \
            --no-history --flush --force --help
        for option in $(sed -nE 's/^  (..., )?--([a-z-]+) .*/\2/p' <<<"$output" | sort | uniq -d); do
            echo "$program has --$option twice"
            return 1
        done
        status_is 2 "$program" -j x
    done
    printf 'a text\n' >lines.txt
    printf '%s\n' '[PAD]' '[UNK]' '[CLS]' '[SEP]' '[MASK]' a text >vocab.txt
    electra-tokenize --vocab vocab.txt -o lines.els lines.txt
    electra-shuffle --no-history lines.els >plain.els
    electra-shuffle --no-history -j 2 --flush --keep-going lines.els | cmp - plain.els
    electra-view -j 2 --keep-going lines.els >/dev/null
}

@test "long options are not abbreviated" {
    for program in $(programs); do
        for option in --quie --verb --he; do
            status_is 2 "$program" $option
            [[ ${stderr_lines[0]} == "$program: unknown option '$option'" ]]
        done
    done
    status_is 2 electra-corrupt --mask 0.2 /dev/null
    [[ ${stderr_lines[0]} == "electra-corrupt: unknown option '--mask'" ]]
    status_is 2 electra-corrupt --mask=0.2 /dev/null
    [[ ${stderr_lines[0]} == "electra-corrupt: unknown option '--mask'" ]]
    status_is 2 electra-corrupt /dev/null --mask 0.2
    [[ ${stderr_lines[0]} == "electra-corrupt: unknown option '--mask'" ]]
}

@test "arguments belong where the option says" {
    for program in $(programs); do
        status_is 2 "$program" --quiet=yes
        [[ ${stderr_lines[0]} == "$program: option '--quiet' takes no argument" ]]
    done
    status_is 2 electra-corrupt --mask-prob
    [[ ${stderr_lines[0]} == "electra-corrupt: option '--mask-prob' needs an argument" ]]
    status_is 2 electra-corrupt -s
    [[ ${stderr_lines[0]} == "electra-corrupt: option '-s' needs an argument" ]]
}

# Everything below stands for all: one program has these options from the same place.

@test "options and operands may mix; -- ends the options" {
    printf '%s\n' '[PAD]' '[UNK]' '[CLS]' '[SEP]' '[MASK]' hello > vocab.txt
    echo hello > ./-q
    electra-tokenize --vocab vocab.txt ./-q > a.els
    electra-tokenize ./-q --vocab vocab.txt | cmp - a.els
    electra-tokenize --vocab=vocab.txt -qv -- -q 2> /dev/null | cmp - a.els
    electra-tokenize --vocab vocab.txt - < ./-q | cmp - a.els
    electra-corrupt -s7 a.els > b.els
    electra-corrupt -s 7 a.els | cmp - b.els
    electra-corrupt --seed=7 a.els | cmp - b.els
    electra-corrupt --seed 7 a.els | cmp - b.els
    electra-corrupt -qs 7 a.els | cmp - b.els
    electra-corrupt -s 1 -s 7 a.els | cmp - b.els
}

@test "-o FILE is what standard output would be" {
    electra-vocab -q --size 300 "$CORPUS" > a
    electra-vocab -q --size 300 -o b "$CORPUS"
    cmp a b
    electra-vocab -q --size 300 --output=- "$CORPUS" | cmp - a
    electra-vocab -q --size 300 --output /dev/stdout "$CORPUS" | cmp - a
    echo before > c
    electra-vocab -q --size 300 -o /dev/stdout "$CORPUS" >> c
    cmp <(echo before; cat a) c
    [ -e /dev/stdout ]
    ln -s a link
    electra-vocab -q --size 200 -o link "$CORPUS"
    [ -L link ]
    [ "$(wc -l < a)" -eq 200 ]
    mkfifo pipe
    electra-vocab -q --size 300 -o pipe "$CORPUS" &
    cmp pipe b
    wait
    [ -p pipe ]
    chmod 640 b
    electra-vocab -q --size 300 -o b "$CORPUS"
    [ "$(stat -c %a b)" = 640 ]
    [ -z "$(find . -name 'b.*' -o -name 'a.*')" ]
}

@test "closed descriptors are not mistaken for files" {
    printf '%s\n' '[PAD]' '[UNK]' '[CLS]' '[SEP]' '[MASK]' hello > vocab.txt
    echo hello > in
    electra-tokenize --vocab vocab.txt -o a.els in
    electra-tokenize --vocab vocab.txt -o b.els in <&-
    electra-tokenize --vocab vocab.txt -o c.els in >&-
    electra-tokenize --vocab vocab.txt -o d.els in <&- >&- 2>&-
    electra-tokenize -v --vocab vocab.txt -o e.els in 2>&-
    for file in b c d e; do cmp a.els $file.els; done
    status_is 1 bash -c 'electra-tokenize --vocab vocab.txt <&-'
    [[ $stderr == "electra-tokenize: standard input: Bad file descriptor" ]]
    status_is 1 bash -c 'electra-tokenize --vocab vocab.txt in >&-'
    [[ $stderr == "electra-tokenize: standard output: Bad file descriptor" ]]
}

# on_terminal COMMAND: runs it with standard input and output on a terminal.
on_terminal() {
    command -v script > /dev/null || skip "no script(1) to make a terminal"
    run script -qec "$1" /dev/null < /dev/null
    output=${output//$'\r'/}
}

@test "binary neither comes from nor goes to a terminal" {
    printf '%s\n' '[PAD]' '[UNK]' '[CLS]' '[SEP]' '[MASK]' hello > vocab.txt
    echo hello | electra-tokenize --vocab vocab.txt > a.els
    on_terminal 'electra-corrupt a.els'
    [ "$status" -eq 2 ]
    [[ $output == *"standard output is a terminal"*"--force"* ]]
    for program in 'corrupt' 'corrupt --epochs 2' 'shuffle' 'train pretrain --vocab vocab.txt'; do
        on_terminal "electra-$program -o out"
        [ "$status" -eq 2 ]
        [[ $output == *"standard input is a terminal"*"--force"* ]]
        [ ! -e out ]
    done
    on_terminal 'electra-corrupt --force a.els'
    [ "$status" -eq 0 ]
}

@test "counts are read strictly" {
    printf '%s\n' '[PAD]' '[UNK]' '[CLS]' '[SEP]' '[MASK]' hello > vocab.txt
    echo hello | electra-tokenize --vocab vocab.txt > a.els
    for value in '' x 1x -1 +1 1.5 1e3 0x10 ' 1' 99999999999999999999; do
        status_is 2 electra-corrupt --seed "$value" a.els
        [[ ${stderr_lines[0]} == "electra-corrupt: --seed: '$value' is not "* ]]
        status_is 2 electra-corrupt --threads "$value" a.els
    done
    status_is 2 electra-corrupt -j 1025 a.els
    [[ ${stderr_lines[0]} == "electra-corrupt: --threads: '1025' is not in 0 … 1024" ]]
}

@test "the locale changes nothing" {
    electra-vocab -q --size 300 "$CORPUS" > vocab.txt
    electra-tokenize --vocab vocab.txt "$CORPUS" > a.els
    electra-corrupt --mask-prob 0.25 a.els > b.els
    for locale in C POSIX de_DE.UTF-8 tr_TR.UTF-8; do
        LC_ALL=$locale electra-vocab -q --size 300 "$CORPUS" | cmp - vocab.txt
        LC_ALL=$locale electra-tokenize --vocab vocab.txt "$CORPUS" | cmp - a.els
        LC_ALL=$locale electra-corrupt --mask-prob 0.25 a.els | cmp - b.els
    done
}

@test "a signal ends a filter by that signal and leaves nothing behind" {
    printf '%s\n' '[PAD]' '[UNK]' '[CLS]' '[SEP]' '[MASK]' hello > vocab.txt
    mkfifo in
    for signal in TERM INT HUP; do
        echo old > out
        env --default-signal=INT electra-tokenize --vocab vocab.txt -o out < in &
        exec 4> in
        for i in {1..200}; do
            [ -z "$(find . -name 'out.*')" ] || break
            sleep 0.02
        done
        [ -n "$(find . -name 'out.*')" ]
        kill -$signal $!
        wait $! || status=$?
        exec 4>&-
        [ "$status" -eq $((128 + $(kill -l $signal))) ]
        [ "$(cat out)" = old ]
        [ -z "$(find . -name 'out.*')" ]
    done
}

@test "a mapped file that is cut ends a filter with a message" {
    [ -r /proc/self/maps ] || skip "the system does not say what is mapped"
    cp -r "$ROOT/tests/golden/convert/discriminator" model
    echo 'the cat' | electra-tokenize -m model -o tokens.els
    mkfifo in
    echo old > out
    electra-score -m model -o out < in 2> stderr &
    exec 4> in
    for i in {1..200}; do
        ! grep -q model.safetensors /proc/$!/maps || [ -z "$(find . -name 'out.*')" ] || break
        sleep 0.02
    done
    : > model/model.safetensors
    cat tokens.els >&4
    exec 4>&-
    wait $! || status=$?
    [ "$status" -eq 1 ]
    [ "$(cat stderr)" = "electra-score: $PWD/model/model.safetensors: was cut while it was being read, or its disk failed" ]
    [ "$(cat out)" = old ]
    [ -z "$(find . -name 'out.*')" ]
}
