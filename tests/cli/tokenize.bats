#!/usr/bin/env bats
# shellcheck disable=SC2016,SC2154 # bash -c expands; run sets stderr
# electra-tokenize

load helper

make_vocab() {
    printf '%s\n' '[PAD]' '[UNK]' '[CLS]' '[SEP]' '[MASK]' hello world '##s' '!' un '##aff' '##able' \
        a '##a' > vocab.txt
}

# tokens TEXT [OPTION]…: the records as JSON Lines
tokens() {
    printf '%b' "$1" > text
    shift
    electra-tokenize --vocab vocab.txt "$@" text | electra-view
}

@test "every line is a record, empty ones too" {
    make_vocab
    tokens 'Hello worlds!\n\n unaffable \nx' > found
    diff - found <<'END'
{"id":1,"ids":[2,5,6,7,8,3],"text":"Hello worlds!","offsets":[[0,0],[0,5],[6,11],[11,12],[12,13],[0,0]],"words":[null,0,1,1,2,null]}
{"id":2,"ids":[2,3],"text":"","offsets":[[0,0],[0,0]],"words":[null,null]}
{"id":3,"ids":[2,9,10,11,3],"text":" unaffable","offsets":[[0,0],[1,3],[3,6],[6,10],[0,0]],"words":[null,0,0,0,null]}
{"id":4,"ids":[2,1,3],"text":"x","offsets":[[0,0],[0,1],[0,0]],"words":[null,0,null]}
END
}

@test "the header says all that made the tokens" {
    make_vocab
    printf 'hello\n' | electra-tokenize --vocab vocab.txt --cased --max-length 64 |
        electra-view --header | head -n 1 > header
    grep -qF '"kind":"tokens"' header
    grep -qF '"ids":"u16","max_length":64' header
    grep -qF '"pad":0,"unk":1,"cls":2,"sep":3,"mask":4' header
    grep -qF '"cased":true,"strip_accents":false,"compat":"fast"' header
    grep -qE '"args":\["--vocab=[0-9a-f]{32}","--cased","--max-length=64","--seed=1"\]' header
    printf 'hello\n' | electra-tokenize --vocab vocab.txt --no-history | electra-view --header |
        head -n 1 > header
    grep -qF '"history":[]' header
}

@test "threads and the way in change no byte" {
    electra-vocab --size 800 "$CORPUS" > vocab.txt
    for _ in 1 2 3 4 5 6 7 8 9 10; do cat "$CORPUS"; done > text # some megabytes
    for layout in --lines --docs "--docs --words"; do
        # shellcheck disable=SC2086 # options
        electra-tokenize --vocab vocab.txt $layout text > one.els
        # shellcheck disable=SC2086
        for j in 2 3 7; do electra-tokenize --vocab vocab.txt $layout -j $j text | cmp - one.els; done
        # shellcheck disable=SC2086
        electra-tokenize --vocab vocab.txt $layout < text | cmp - one.els
        # shellcheck disable=SC2086
        dd if=text bs=997 status=none | electra-tokenize --vocab vocab.txt $layout --flush - |
            electra-view > flushed
        electra-view one.els | cmp - flushed
        electra-view --check one.els
    done
}

@test "operands end their lines and documents" {
    make_vocab
    printf 'hello' > a
    printf 'world\n' > b
    electra-tokenize --vocab vocab.txt --no-text a b | electra-view > found
    diff - found <<'END'
{"id":1,"ids":[2,5,3]}
{"id":2,"ids":[2,6,3]}
END
    electra-tokenize --vocab vocab.txt --docs a b | electra-view | cmp - found
    cat a b | electra-tokenize --vocab vocab.txt --docs | electra-view > found
    [ "$(cat found)" = '{"id":1,"ids":[2,1,3]}' ]
}

@test "documents are packed, and none shares an example" {
    make_vocab
    printf 'hello\nworld\n\n\n \nhello hello\n' > text
    electra-tokenize --vocab vocab.txt --docs --words text | electra-view > found
    diff - found <<'END'
{"id":1,"ids":[2,5,6,3],"words":[null,0,1,null]}
{"id":2,"ids":[2,5,5,3],"words":[null,0,1,null]}
END
}

@test "nothing of a line that is refused in its middle is packed" {
    make_vocab
    { yes hello | head -n 250000 | tr '\n' ' ' && printf 'a%.0s' {1..2000} && printf '!\nworld world\n'; } > text
    status_is 3 electra-tokenize --docs --keep-going --pattern '(a|aa)+$|\w+' --vocab vocab.txt -o out.els text
    [[ $stderr == "electra-tokenize: text: line 1: behind byte "*": the pattern takes too many steps"* ]]
    [ "$(electra-view out.els)" = '{"id":1,"ids":[2,6,6,3]}' ]
}

@test "packing loses no token, and the seed decides it" {
    electra-vocab --size 800 "$CORPUS" > vocab.txt
    ids() { # of all records, without specials, sorted
        electra-view "$1" | sed 's/.*"ids":\[\([^]]*\)\].*/\1/' | tr , '\n' | awk '$1 > 4' | sort -n
    }
    electra-tokenize --vocab vocab.txt --docs "$CORPUS" > docs.els
    electra-tokenize --vocab vocab.txt --lines --max-length 5000 "$CORPUS" > lines.els
    cmp <(ids docs.els) <(ids lines.els)
    electra-view docs.els | grep -q '"types"'
    electra-tokenize --vocab vocab.txt --docs -s 1 "$CORPUS" | cmp - docs.els
    electra-tokenize --vocab vocab.txt --docs -s 2 "$CORPUS" | electra-view > other
    run cmp -s <(electra-view docs.els) other
    [ "$status" -eq 1 ]
}

@test "what is cut is counted and said once" {
    make_vocab
    printf 'hello world hello world\nhello\nunaffable hello world\n' > text
    status_is 0 bash -c 'electra-tokenize --vocab vocab.txt --max-length 5 text | electra-view'
    [[ ${lines[0]} == *'"ids":[2,5,6,5,3],"text":"hello world hello"'*'"cut":1}' ]]
    [[ ${lines[1]} != *cut* ]]
    [[ ${lines[2]} == *'"ids":[2,9,10,11,3],"text":"unaffable"'*'"cut":2}' ]]
    [ "$stderr" = "electra-tokenize: 2 of 3 texts were cut to 5 tokens; 3 tokens were left out (see --max-length)" ]
    status_is 0 bash -c 'electra-tokenize -q --vocab vocab.txt --max-length 5 text > /dev/null'
    [ -z "$stderr" ]
}

@test "special tokens in the text stay whole" {
    make_vocab
    [ "$(tokens 'a[MASK]a [mask]' --no-text)" = '{"id":1,"ids":[2,12,4,12,1,1,1,3]}' ]
}

@test "carriage returns, NUL bytes and a missing last newline are no trouble" {
    make_vocab
    tokens 'hello\r\nworld\r\nhel\0lo' --no-text > found
    diff - found <<'END'
{"id":1,"ids":[2,5,3]}
{"id":2,"ids":[2,6,3]}
{"id":3,"ids":[2,5,3]}
END
}

@test "invalid UTF-8 is replaced and said, or refused by file and line" {
    make_vocab
    printf 'hello\nwor\xFFld\nhello\n' > text
    status_is 0 bash -c 'electra-tokenize --vocab vocab.txt text | electra-view'
    [[ ${lines[1]} == *'"text":"wor�ld"'* ]]
    [ "$stderr" = "electra-tokenize: 1 invalid UTF-8 sequences were replaced by U+FFFD" ]
    status_is 1 bash -c 'electra-tokenize --vocab vocab.txt --invalid error text > out.els'
    [ "$stderr" = "electra-tokenize: text: line 2: invalid UTF-8 at byte 4" ]
    status_is 1 electra-view --check out.els
}

@test "with --keep-going a rejected line keeps its place" {
    make_vocab
    printf 'hello\nwor\xFFld\nhello\n' > text
    for j in 1 2; do
        status_is 3 electra-tokenize -j $j --vocab vocab.txt --no-text --invalid error --keep-going \
            -o out.els text
        [[ $stderr == "electra-tokenize: text: line 2: invalid UTF-8 at byte 4"*"1 records rejected" ]]
        electra-view out.els > found
        diff - found <<'END'
{"id":1,"ids":[2,5,3]}
{"id":2,"ids":[2,3],"error":"invalid UTF-8 at byte 4"}
{"id":3,"ids":[2,5,3]}
END
    done
}

@test "a model's directory says how" {
    mkdir model
    make_vocab
    mv vocab.txt model
    printf '{"model_type":"electra","vocab_size":14,"max_position_embeddings":32}\n' > model/config.json
    printf '{"do_lower_case":false}\n' > model/tokenizer_config.json
    printf 'hello Hello\n' | electra-tokenize -m model --no-text | electra-view --header > found
    grep -qF '"max_length":32' found
    grep -qF '"cased":true' found
    grep -qF '"ids":[2,5,1,3]' found
    status_is 1 bash -c 'echo | electra-tokenize -m model --max-length 64 > /dev/null'
    [[ $stderr == *"--max-length 64: model has only 32 positions" ]]
    status_is 1 bash -c 'echo | electra-tokenize -m absent > /dev/null'
    for positions in 1 2 4; do
        sed "s/:32/:$positions/" model/config.json > short.json
        mkdir -p short && cp model/vocab.txt short && mv short.json short/config.json
        for layout in '' --docs '--stride 0' '--tsv --pair 2'; do
            # shellcheck disable=SC2086 # options, or none
            status_is 1 electra-tokenize -m short $layout -o out.els /dev/null
            [ "$stderr" = "electra-tokenize: short: a model of $positions positions has no room for a text" ]
        done
    done
    sed -i 's/:4,/:5,/; s/:4}/:5}/' short/config.json
    [[ $(echo hello hello hello hello | electra-tokenize -q -m short | electra-view) == *'"cut":1'* ]]
}

@test "what follows live text appears with --flush" {
    make_vocab
    mkfifo pipe
    electra-tokenize --vocab vocab.txt --no-text --flush < pipe > out.els &
    exec 7> pipe
    echo hello >&7
    for _ in $(seq 100); do
        [ "$(electra-view out.els 2> /dev/null || true)" = '{"id":1,"ids":[2,5,3]}' ] && break
        sleep 0.1
    done
    [ "$(electra-view out.els 2> /dev/null || true)" = '{"id":1,"ids":[2,5,3]}' ]
    exec 7>&-
    wait
    electra-view --check out.els
}

@test "a line of 100 MB is tokenized in little memory" {
    make_vocab
    yes 'hello worlds' | tr '\n' ' ' | head -c 100000000 > text
    status_is 0 bash -c 'electra-tokenize -v --vocab vocab.txt text | electra-view'
    [[ ${lines[0]} == *'"cut":'* ]]
    megabytes=$(sed -n 's/.*CPUs, \([0-9]*\)\.[0-9]* MB.*/\1/p' <<< "$stderr")
    local scale=1
    ! ldd "$BIN/electra-tokenize" | grep -qE 'lib[a-z]*san' || scale=5 # a sanitizer has its own
    [ "$megabytes" -lt $((400 * scale)) ]
    status_is 0 bash -c 'electra-tokenize -v --docs --vocab vocab.txt -o out.els text'
    megabytes=$(sed -n 's/.*CPUs, \([0-9]*\)\.[0-9]* MB.*/\1/p' <<< "$stderr")
    [ "$megabytes" -lt $((500 * scale)) ]
    tr -d ' ' < text | electra-tokenize -q --vocab vocab.txt --no-text | electra-view > found
    [ "$(cat found)" = '{"id":1,"ids":[2,1,3]}' ]
    status_is 1 bash -c 'tr -d " " < text | electra-tokenize --vocab vocab.txt > /dev/null'
    [[ $stderr == "electra-tokenize: standard input: line 1: a record of "*"--no-text makes it shorter" ]]
}

@test "bad input is one line and the right status" {
    make_vocab
    status_is 2 bash -c 'electra-tokenize < /dev/null > out'
    status_is 2 bash -c 'electra-tokenize --vocab vocab.txt -m . < /dev/null > out'
    status_is 2 bash -c 'electra-tokenize --vocab vocab.txt --lines --docs < /dev/null > out'
    status_is 2 bash -c 'electra-tokenize --vocab vocab.txt --max-length 4 < /dev/null > out'
    status_is 1 electra-tokenize --vocab absent.txt -o out.els "$CORPUS"
    [[ $stderr == "electra-tokenize: absent.txt: No such file"* ]]
    status_is 1 electra-tokenize --vocab vocab.txt -o out.els "$CORPUS" absent
    [[ $stderr == "electra-tokenize: absent: No such file"* ]]
    printf 'a\na\n' > twice.txt
    status_is 1 electra-tokenize --vocab twice.txt -o out.els "$CORPUS"
    [ "$stderr" = "electra-tokenize: twice.txt: line 2: token 'a' is there twice, first on line 1" ]
    : > empty.txt
    status_is 1 electra-tokenize --vocab empty.txt -o out.els "$CORPUS"
    [[ $stderr == *"empty.txt: empty vocabulary"* ]]
    echo hello | electra-tokenize --vocab vocab.txt -o in.els
    status_is 1 electra-tokenize --vocab vocab.txt -o out.els in.els
    [ "$stderr" = "electra-tokenize: in.els: a stream of records, not text" ]
    [ ! -e out.els ]
    [ "$(id -u)" -eq 0 ] || {
        : > locked
        chmod 0 locked
        status_is 1 electra-tokenize --vocab vocab.txt -o out.els locked
    }
}

@test "empty input is a stream without records" {
    make_vocab
    electra-tokenize --vocab vocab.txt /dev/null > out.els
    electra-view --check out.els
    [ -z "$(electra-view out.els)" ]
}

@test "a full disk and a closed pipe end it as they should" {
    make_vocab
    if [ -e /dev/full ]; then
        status_is 1 bash -c 'electra-tokenize --vocab vocab.txt "$CORPUS" > /dev/full'
        [[ $stderr == *"No space left"* ]]
    fi
    run --separate-stderr bash -c 'electra-tokenize --vocab vocab.txt <(yes hello) | head -c 1 > /dev/null; echo "${PIPESTATUS[0]}"'
    [ "$output" = 141 ]
    [ -z "$stderr" ]
}
