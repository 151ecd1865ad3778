#!/usr/bin/env bats
# shellcheck disable=SC2016,SC2154 # patterns have dollars; run sets stderr
# electra-tokenize: whose rules make words of a text. That they are kept is tests/unit/test_golden.c's.

load helper

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    printf '%s\n' '[PAD]' '[UNK]' '[CLS]' '[SEP]' '[MASK]' '[' ']' mask a b '##b' , . '##.' σ '##σ' '##ς' \
        > vocab.txt
}

tokens() { # OPTION…: of standard input, line by line, without [CLS] and [SEP]
    electra-tokenize --vocab vocab.txt "$@" | electra-view --vocab vocab.txt |
        sed 's/.*"tokens":\["\[CLS\]",\?//; s/,\?"\[SEP\]"\].*//; s/"//g'
}

@test "Google's rules are an option, and the header says which" {
    [ "$(echo 'a [MASK] ΣΣ' | tokens)" = 'a,[MASK],σ,##σ' ]
    [ "$(echo 'a [MASK] ΣΣ' | tokens --compat google)" = 'a,[,mask,],σ,##ς' ]
    [ "$(echo 'a [MASK] ΣΣ' | tokens --compat fast)" = 'a,[MASK],σ,##σ' ]
    echo a | electra-tokenize --vocab vocab.txt --compat google > google.els
    [[ $(electra-view --header google.els) == *'"compat":"google"'* ]]
    [[ $(electra-view --header google.els) == *'"--compat=google"'* ]]
    echo a | electra-tokenize --vocab vocab.txt > fast.els
    status_is 1 electra-view fast.els google.els
    [[ $stderr == *"was tokenized with --compat"* ]]
    status_is 2 electra-tokenize --vocab vocab.txt --compat slow
}

@test "lines that the two cut differently are listed" {
    printf 'a\nx\tΣΣ b\n\na [MASK]\n' > text
    electra-tokenize --vocab vocab.txt --compare text > rows
    printf 'text:2\tΣ\t##σ\t##ς\ntext:4\t[MASK]\t[MASK]\t[ mask ]\n' | diff - rows
    run --separate-stderr electra-tokenize -v --vocab vocab.txt --compare text -o rows2
    [[ $stderr == *"2 of 4 lines differ"* ]]
    cmp rows rows2
    echo 'a b' | electra-tokenize --vocab vocab.txt --compare > none
    [ ! -s none ]
    status_is 2 electra-tokenize --vocab vocab.txt --compare --docs text
    status_is 2 electra-tokenize --vocab vocab.txt --compare --compat google text
    for option in '--max-length 8' '--stride 2' --no-text --words '--invalid error'; do
        # shellcheck disable=SC2086 # options
        status_is 2 electra-tokenize --vocab vocab.txt --compare $option text
    done
}

@test "lines that cannot be compared are passed over if so asked, and live ones compared as they come" {
    { echo 'b [SEP]'; printf 'a%.0s' {1..5000}; echo; echo 'b [PAD]'; } > text
    explodes=(--vocab vocab.txt --compare --pattern '(a+)+b|b| ')
    status_is 1 electra-tokenize "${explodes[@]}" -o rows text
    [ ! -e rows ]
    status_is 3 electra-tokenize "${explodes[@]}" --keep-going -o rows text
    [ "${stderr%%$'\n'*}" = \
        "electra-tokenize: text: line 2: the pattern takes too many steps on this text, at byte 1" ]
    printf 'text:1\t[SEP]\t[SEP]\t\ntext:3\t[PAD]\t[PAD]\t\n' | diff - rows
    mkfifo pipe
    electra-tokenize --vocab vocab.txt --compare --flush < pipe > rows &
    exec 7> pipe
    echo 'a ΣΣ' >&7
    for _ in $(seq 100); do
        [ ! -s rows ] || break
        sleep 0.1
    done
    [ -s rows ]
    exec 7>&-
    wait
}

@test "lines too long to be compared are refused, in little memory" {
    head -c 4194304 /dev/zero | tr '\0' . > text
    [ -z "$(electra-tokenize --vocab vocab.txt --compare text)" ]
    { echo && cat text text text text text; } > long
    status_is 1 electra-tokenize -v --vocab vocab.txt --compare long
    [[ $stderr == *"electra-tokenize: long: line 2: more than 4194304 tokens, which cannot be compared"* ]]
    megabytes=$(sed -n 's/.*CPUs, \([0-9]*\)\.[0-9]* MB.*/\1/p' <<< "$stderr")
    ! ldd "$BIN/electra-tokenize" | grep -qE 'lib[a-z]*san' || megabytes=0 # what is freed stays
    [ "$megabytes" -lt 300 ]
}

@test "a pattern of one's own makes the words" {
    [ "$(echo 'A.B, a' | tokens)" = 'a,.,b,,,a' ]
    [ "$(echo 'A.B, a' | tokens --pattern '[^ ,]+')" = 'a,##.,##b,a' ]
    [ "$(echo 'B.B, a' | tokens --pattern '\w|\.')" = 'b,.,b,a' ]
    [ "$(echo 'a[MASK]b' | tokens --pattern '\w+')" = 'a,[MASK],b' ]
    echo a | electra-tokenize --vocab vocab.txt --pattern '\w+' > stream.els
    [[ $(electra-view --header stream.els) == *'"pattern":"\\w+"'* ]]
    electra-tokenize --vocab vocab.txt --pattern '\w+' -j 3 "$CORPUS" > j3
    electra-tokenize --vocab vocab.txt --pattern '\w+' "$CORPUS" | cmp - j3
    electra-tokenize --docs --vocab vocab.txt --pattern '\w+' "$CORPUS" | electra-view --check
}

@test "a pattern that is none, or matches nothing, is a usage error" {
    for pattern in '(' '[z-a]' '\p{Nonsense}' '\w*' '' 'x|' $'\xff'; do
        status_is 2 electra-tokenize --vocab vocab.txt --pattern "$pattern" "$CORPUS"
        [[ ${stderr%%$'\n'*} == "electra-tokenize: pattern '$pattern'"* ]]
        [ -z "$output" ]
    done
}

@test "a pattern that explodes names the line, and goes on if so asked" {
    { echo ab; printf 'a%.0s' {1..5000}; echo; echo aab; } > text
    status_is 1 timeout 60 electra-tokenize --vocab vocab.txt --pattern '(a+)+b' -o out text
    [ "$stderr" = "electra-tokenize: text: line 2: the pattern takes too many steps on this text, at byte 1" ]
    [ ! -e out ]
    status_is 3 timeout 60 electra-tokenize --keep-going --vocab vocab.txt --pattern '(a+)+b' -o out text
    [ "$(electra-view out | wc -l)" -eq 3 ]
    [[ $(electra-view out | sed -n 2p) == *'"error":"the pattern takes too many steps'* ]]
    # neither exponential nor quadratic: a line of a megabyte that hardly matches
    head -c 1000000 /dev/zero | tr '\0' a > long
    status_is 1 timeout 60 electra-tokenize --vocab vocab.txt --pattern '(?:a?){20}a{20}x|(?:a|aa)*y' long
    [[ $stderr == *"long: line 1: the pattern takes too many steps"* ]]
    # nor where each place sees all of the line in one step
    status_is 1 timeout 60 electra-tokenize --vocab vocab.txt --pattern 'a+b' long
    [[ $stderr == *"long: line 1: the pattern takes too many steps"* ]]
}

@test "a tokenizer.json says how its vocabulary wants its texts" {
    tokenizer() { # NORMALIZER-KEYS MODEL-KEYS
        printf '{"normalizer":{"type":"BertNormalizer"%s},"pre_tokenizer":{"type":"BertPreTokenizer"},
            "added_tokens":[],"model":{"type":"WordPiece"%s,"vocab":{"[PAD]":0,"[UNK]":1,"[CLS]":2,"[SEP]":3,
            "[MASK]":4,"a":5,"A":6,"##b":7,"é":8,"e":9,"中":10,"##中":11}}}' "$1" "$2" > tokenizer.json
    }
    words() {
        printf 'A é abbb\n' | electra-tokenize --vocab tokenizer.json "$@" |
            electra-view --vocab tokenizer.json | sed 's/.*"tokens":\["\[CLS\]",\?//; s/,\?"\[SEP\]"\].*//; s/"//g'
    }
    tokenizer '' ''
    [ "$(words)" = 'a,e,a,##b,##b,##b' ]
    [ "$(words --cased)" = 'A,é,a,##b,##b,##b' ]
    tokenizer ',"lowercase":false' ',"max_input_chars_per_word":3'
    [ "$(words)" = 'A,é,[UNK]' ]
    [ "$(words --strip-accents yes)" = 'A,e,[UNK]' ]
    tokenizer ',"strip_accents":false' ',"max_input_chars_per_word":4'
    [ "$(words)" = 'a,é,a,##b,##b,##b' ]
    tokenizer ',"handle_chinese_chars":false' ''
    [[ $(echo a中b | electra-tokenize --vocab tokenizer.json | electra-view) == *'"ids":[2,5,11,7,3]'* ]]
    tokenizer '' ',"max_input_chars_per_word":5000'
    status_is 1 electra-tokenize --vocab tokenizer.json "$CORPUS"
    [[ $stderr == *"words of up to 5000 characters are not supported"* ]]
    tokenizer ',"lowercase":1' ''
    status_is 1 electra-tokenize --vocab tokenizer.json "$CORPUS"
    [[ $stderr == *"tokenizer.json: 'lowercase' is not true or false" ]]
}

@test "words of 200 characters are cut by Google's rules, whatever a tokenizer.json has by default" {
    printf '{"normalizer":{"type":"BertNormalizer"},"model":{"type":"WordPiece",
        "max_input_chars_per_word":100,"vocab":{"[PAD]":0,"[UNK]":1,"[CLS]":2,"[SEP]":3,"[MASK]":4,
        "a":5,"##a":6}}}' > tokenizer.json
    printf '%s\n' '[PAD]' '[UNK]' '[CLS]' '[SEP]' '[MASK]' a '##a' > v.txt
    head -c 150 /dev/zero | tr '\0' a > text
    for rules in fast google; do
        electra-tokenize --no-history --vocab v.txt --compat $rules text > expected
        electra-tokenize --no-history --vocab tokenizer.json --compat $rules text | cmp - expected
    done
    [[ $(electra-view expected) == *'"ids":[2,5,6,6,'* ]]
    electra-train pretrain -q --config nano --vocab v.txt --steps 1 --batch 2 -o run \
        <(printf 'a a\n\naa a\n' | electra-tokenize --docs --vocab v.txt) > /dev/null
    cp -rL run/discriminator published
    cp tokenizer.json published
    rm published/tokenizer_config.json # which says that it is not Google's
    for rules in fast google; do
        electra-tokenize --vocab v.txt --compat $rules text |
            electra-score -m published --task rtd > /dev/null
    done
}

@test "rules of few models are kept from the first stream to the last model" {
    electra-train pretrain -q --config nano --vocab vocab.txt --steps 1 --batch 2 -o run \
        <(electra-tokenize --docs --vocab vocab.txt "$CORPUS") > /dev/null
    cp -rL run/discriminator m
    echo 'a b' | electra-tokenize -m m > plain.els
    for rule in '"tokenize_chinese_chars": false' '"clean_text": false' '"max_input_chars_per_word": 7'; do
        echo "{\"do_lower_case\": true, $rule}" > m/tokenizer_config.json
        printf 'a b\n\nb a\n' | electra-tokenize --docs -m m > rules.els
        [[ $(electra-view --header rules.els) == *"${rule// /}"* ]]
        electra-score -m m --task rtd rules.els > /dev/null
        key=${rule%:*}
        status_is 1 electra-score -m m --task rtd plain.els
        [ "$stderr" = "electra-score: plain.els was tokenized with another '${key//\"/}' than m has" ]
        status_is 1 electra-view rules.els plain.els
        [[ $stderr == *"were tokenized with different '${key//\"/}'" ]]
        electra-train pretrain -q --init m --steps 1 --batch 2 -o on rules.els > /dev/null
        grep -q "$rule" on/discriminator/tokenizer_config.json
        rm -r on
    done
}

@test "vocabularies that are none are refused in a line" {
    bad() { # MESSAGE: of bad.txt
        status_is 1 electra-tokenize --vocab "${2:-bad.txt}" "$CORPUS"
        [ "${#lines[@]}" -eq 0 ]
        [[ $stderr == "electra-tokenize: ${2:-bad.txt}: "*"$1"* ]] || { echo "$stderr"; return 1; }
        [[ $stderr != *$'\n'* ]]
    }
    { cat vocab.txt; echo a; } > bad.txt
    bad "line 18: token 'a' is there twice, first on line 9"
    awk 'NR == 7 {print ""} 1' vocab.txt > bad.txt
    bad "line 7: empty line"
    grep -vF '[UNK]' vocab.txt > bad.txt
    bad "no token [UNK]"
    { cat vocab.txt; head -c 1000000 /dev/zero | tr '\0' x; } > bad.txt
    bad "line 18: token of 1000000 bytes; the limit is 1024"
    { cat vocab.txt; printf '\xff\n'; } > bad.txt
    bad "line 18: token is not valid UTF-8"
    : > bad.txt
    bad "empty vocabulary"
    printf '{"model":{"vocab":' > bad.json
    bad "line 1:" bad.json
    head -c 100000 /dev/zero | tr '\0' '[' > bad.json
    bad "line 1:" bad.json
    printf '{"model":{"vocab":{"a":99999999999999999999}}}' > bad.json
    bad "line 1: too big integer" bad.json
    printf '{"model":{"vocab":{"a":-1}}}' > bad.json
    bad "token 'a' has no id in 0" bad.json
    printf '{"model":{"type":"BPE","vocab":{"a":0}}}' > bad.json
    bad "type 'BPE' is not supported" bad.json
    sed 's/$/\r/' vocab.txt > crlf.txt
    electra-tokenize --no-history --vocab crlf.txt "$CORPUS" > crlf.els
    electra-tokenize --no-history --vocab vocab.txt "$CORPUS" | cmp - crlf.els
}

@test "a model keeps the rules that it was trained on" {
    electra-vocab --size 500 "$CORPUS" > words.txt
    electra-tokenize --docs --vocab words.txt --max-length 32 --compat google --pattern '\w+' "$CORPUS" |
        electra-train pretrain --config nano --vocab words.txt --steps 1 --batch 4 -q -o model > /dev/null
    head -n 3 "$CORPUS" > text
    electra-tokenize -m model text > same.els
    [[ $(electra-view --header same.els) == *'"compat":"google","pattern":"\\w+"'* ]]
    electra-score -m model --task rtd same.els > /dev/null
    electra-tokenize -m model --compat fast text > fast.els
    status_is 1 electra-score -m model --task rtd fast.els
    [[ $stderr == *"fast.els was tokenized with --compat fast, but "*" wants google" ]]
    electra-tokenize -m model --pattern '\w' text > letters.els
    status_is 1 electra-score -m model --task rtd letters.els
    [[ $stderr == *"letters.els was tokenized with the pattern '\\w', but "*" has '\\w+'" ]]
}
