#!/usr/bin/env bats
# shellcheck disable=SC2154 # run sets stderr
# shellcheck disable=SC2094 # names of files that are names of formats too
# electra-view

load helper
load streams

# Records that hold something of everything.
make_rich() {
    make_vocab
    cat > rich.jsonl << 'END'
{"id":1,"ids":[2,5,6,3],"types":[0,0,1,1],"text":"hello","pair":"world","offsets":[[0,0],[0,5],[0,5],[0,0]],"words":[null,0,1,null]}
{"id":"a\tb\\","ids":[2,3],"text":"\"quoted\" <b>&\u0000é\nsecond line","label":"yes"}
{"id":-7,"ids":[2,5,7,3],"label":0.1,"cut":3,"blob":{"$bin":"AAEC"}}
{"id":4,"ids":[2,4,3],"masked":[1],"original":[5],"replaced":[0,1,0],"label":[true,null,{"x":[1.5,"y"]}]}
{"id":18,"ids":[],"n":{"$double":"nan"},"s":{"$str":"/w=="},"u":{"$uint":"18446744073709551615"}}
END
    electra-view --from jsonl --vocab vocab.txt rich.jsonl -o rich.els
}

@test "JSON Lines there and back are the same, line for line" {
    make_rich
    electra-view rich.els | cmp - rich.jsonl
}

@test "with --header the stream comes back byte for byte" {
    make_rich
    electra-view --header rich.els | electra-view --from jsonl | cmp - rich.els
    make_stream 2000 a.els
    electra-view --header a.els | electra-view --from jsonl | cmp - a.els
    cat rich.els a.els > both.els
    electra-view --header both.els | electra-view --from jsonl | cmp - both.els
}

@test "--vocab adds tokens, which --from jsonl drops again" {
    make_rich
    electra-view --vocab vocab.txt rich.els > lines
    [[ $(head -n 1 lines) == *',"tokens":["[CLS]","hello","world","[SEP]"]}' ]]
    electra-view --header --vocab vocab.txt rich.els | electra-view --from jsonl | cmp - rich.els
}

@test "a vocabulary that is not the stream's is refused, both named" {
    make_rich
    echo more >> vocab.txt
    status_is 1 electra-view --vocab vocab.txt rich.els
    [[ $stderr == *"rich.els has a vocabulary of 9 tokens ("*"), vocab.txt another of 10 ("* ]]
    status_is 1 electra-view --vocab absent.txt rich.els
    [[ $stderr == *absent.txt* ]]
    status_is 2 electra-view -m model --vocab vocab.txt rich.els
}

@test "-m takes a model, and a directory of electra-train" {
    make_rich
    electra-view --vocab vocab.txt rich.els > expected
    for network in discriminator generator; do
        mkdir -p run.$network/$network
        cp "$ROOT/tests/golden/convert/$network/config.json" vocab.txt run.$network/$network/
        electra-view -m run.$network/$network rich.els | cmp - expected
        electra-view -m run.$network rich.els | cmp - expected
        electra-view --from jsonl -m run.$network rich.jsonl | cmp - rich.els
    done
    mkdir empty
    status_is 1 electra-view -m empty rich.els
    [[ $stderr == "electra-view: empty: is no model directory"* ]]
}

@test "--format tsv has one row for each record, whatever it holds" {
    make_rich
    electra-view --format tsv --header --vocab vocab.txt rich.els > table
    [ "$(wc -l < table)" -eq 6 ]
    [ "$(awk -F '\t' 'NF != 5' table | wc -l)" -eq 0 ]
    [ "$(head -n 1 table)" = $'id\tlabel\ttext\tpair\ttokens' ]
    [ "$(sed -n 2p table)" = $'1\t\thello\tworld\t[CLS] hello world [SEP]' ]
    [ "$(sed -n 3p table | cut -f 1,2)" = $'a\\tb\\\\\tyes' ]
    [ "$(sed -n 4p table)" = $'-7\t0.1\t\t\t[CLS] hello ##s [SEP]' ]
    [ "$(sed -n 5p table | cut -f 2)" = '[true,null,{"x":[1.5,"y"]}]' ]
    electra-view --format tsv rich.els > table
    [ "$(head -n 1 table)" = $'1\t\thello\tworld\t2 5 6 3' ]
}

@test "--format text has one line for each record" {
    make_rich
    electra-view --format text --vocab vocab.txt rich.els > text
    [ "$(wc -l < text)" -eq 5 ]
    [ "$(sed -n 1p text)" = $'hello\tworld' ]
    [ "$(sed -n 3p text)" = 'hellos' ]
    status_is 1 electra-view --format text rich.els
    [ "$stderr" = "electra-view: rich.els: record 3: it has no text: --vocab or -m prints its tokens" ]
    make_stream 3 a.els
    electra-view --format text a.els | cut -c 1-8 > text
    printf 'hello %d \n' 1 2 3 | cmp - text
}

@test "--format html escapes what it shows and marks what was masked" {
    make_rich
    electra-view --format html --vocab vocab.txt rich.els > page
    [ "$(grep -c '^<p>' page)" -eq 5 ]
    grep -q '<mark class="replaced" title="hello">\[MASK\]</mark>' page
    [ "$(head -n 1 page)" = '<!DOCTYPE html>' ]
    [ "$(tail -n 1 page)" = '</html>' ]
}

@test "--header goes with jsonl and tsv" {
    make_rich
    electra-view --header rich.els > lines
    [[ $(head -n 1 lines) == '{"header":{"electra":1,"kind":"tokens","ids":"u16",'* ]]
    [ "$(wc -l < lines)" -eq 6 ]
    status_is 2 electra-view --header --format text rich.els
    status_is 2 electra-view --header --format stream rich.els
}

@test "--from jsonl needs a header or a vocabulary" {
    make_rich
    status_is 1 electra-view --from jsonl rich.jsonl
    [[ $stderr == "electra-view: rich.jsonl: line 1: a record before any "* ]]
    [ -z "$output" ]
    status_is 1 electra-view --from jsonl /dev/null
    [[ $stderr == *"did the previous command fail?"* ]]
}

@test "--from jsonl passes over blank lines, the last one without its end too" {
    make_vocab
    printf ' \t\r\n{"id":1,"ids":[2,3]}\n \t ' | electra-view --from jsonl --vocab vocab.txt |
        electra-view | grep -c . | grep -qx 1
    status_is 1 electra-view --from jsonl --vocab vocab.txt <(printf ' \0 ')
}

@test "--from jsonl names the line that it refuses, and writes no end" {
    make_vocab
    check() {
        printf '{"id":1,"ids":[2,3]}\n\n%s\n' "$1" > bad.jsonl
        status_is 1 electra-view --from jsonl --vocab vocab.txt -o out.els bad.jsonl
        [[ $stderr == "electra-view: bad.jsonl: line 3: $2"* ]]
        [ ! -e out.els ]
        run bash -c "electra-view --from jsonl --vocab vocab.txt bad.jsonl 2> /dev/null | electra-view --check"
        [ "$status" -eq 1 ]
    }
    check '{"id":1' 'not JSON'
    check '{"id":1,"id":2}' 'not JSON: duplicate object key'
    check '{"ids":[2]}' "key 'id' is missing"
    check '{"id":2,"ids":[9]}' "key 'ids': an element is not a whole number below 9"
    check '[1]' 'not an object'
    check '{"id":1,"x":[[[[[[[[[1]]]]]]]]]}' "key 'x': nested deeper than 8"
    check '{"header":{"electra":1}}' 'header: '
    check 'hello' 'not JSON'
}

@test "--from jsonl takes CRLF, blank lines and a last line without an end" {
    make_vocab
    printf '\r\n{"id":1,"ids":[2,3]}\r\n \n{"id":2,"ids":[2,5,3]}' |
        electra-view --from jsonl --vocab vocab.txt | electra-view > lines
    printf '{"id":1,"ids":[2,3]}\n{"id":2,"ids":[2,5,3]}\n' | cmp - lines
}

@test "--from jsonl refuses headers that do not belong together" {
    make_rich
    electra-view --header rich.els > lines
    sed -n 1p lines | sed 's/"cased":false/"cased":true/' >> lines
    status_is 1 electra-view --from jsonl lines -o out.els
    [[ $stderr == "electra-view: lines: line 7: this header is cased, the one before is uncased" ]]
}

@test "--shard keeps every N-th block, --merge puts them back" {
    make_stream 3000 a.els
    make_stream 700 b.els
    cat a.els b.els > whole.els
    for n in 1 2 3 20; do
        rm -f part.*.els
        for k in $(seq $n); do
            electra-view --shard "$k/$n" whole.els > "part.$k.els"
            electra-view --check "part.$k.els"
        done
        electra-view --merge part.*.els | cmp - whole.els
        electra-view part.*.els | sort | cmp - <(electra-view whole.els | sort)
    done
    [ "$(electra-view --shard 2/3 --format jsonl a.els | wc -l)" -lt 1500 ]
}

@test "--shard is K/N with 1 ≤ K ≤ N, of a stream that is no shard" {
    make_stream 3 a.els
    for shard in 0/2 3/2 1 1/ /2 a/b 1/0 -1/2 1/2/3; do
        status_is 2 electra-view --shard "$shard" a.els
        [ -z "$output" ]
    done
    electra-view --shard 1/2 a.els -o part.els
    status_is 1 electra-view --shard 1/2 part.els
    [ "$stderr" = "electra-view: part.els: it is shard 1/2 already" ]
}

@test "the twin of a shard is a whole stream" {
    make_stream 2000 a.els
    electra-view --shard 2/2 --format jsonl --header a.els | electra-view --from jsonl -o b.els
    electra-view --check b.els
    electra-view --header b.els | head -n 1 > header
    run grep shard header
    [ "$status" -eq 1 ]
    electra-view b.els | cmp - <(electra-view --shard 2/2 --format jsonl a.els)
}

@test "--merge finds a shard that is missing, comes twice, or is none" {
    make_stream 3000 a.els
    for k in 1 2 3; do electra-view --shard $k/3 a.els -o part.$k.els; done
    status_is 1 electra-view --merge -o out.els part.1.els part.3.els
    [ "$stderr" = "electra-view: part.1.els: is one of 3 shards, but 2 were given" ]
    status_is 1 electra-view --merge -o out.els part.1.els part.3.els part.1.els
    [ "$stderr" = "electra-view: part.1.els and part.1.els are both shard 1/3" ]
    status_is 1 electra-view --merge -o out.els part.1.els part.2.els a.els
    [ "$stderr" = "electra-view: a.els: is no shard" ]
    head -c 100000 part.2.els > cut.els
    status_is 1 electra-view --merge -o out.els part.1.els cut.els part.3.els
    [[ $stderr == "electra-view: cut.els: block 1: truncated"* ]]
    [ ! -e out.els ]
    status_is 2 electra-view --merge
    electra-view --merge part.3.els part.1.els part.2.els | cmp - a.els
}

@test "--merge finds records that are missing or come twice" {
    make_stream 3000 a.els
    make_stream 1500 b.els
    for k in 1 2; do electra-view --shard $k/2 a.els -o a.$k.els; done
    electra-view --shard 2/2 b.els -o b.2.els
    status_is 1 electra-view --merge a.1.els b.2.els -o out.els
    [[ $stderr == *"is missing" ]]
}

@test "--id finds records by string and by number" {
    make_rich
    [ "$(electra-view --id 1 rich.els)" = "$(sed -n 1p rich.jsonl)" ]
    [ "$(electra-view --id=-7 rich.els)" = "$(sed -n 3p rich.jsonl)" ]
    [ "$(electra-view --id $'a\tb\\' rich.els)" = "$(sed -n 2p rich.jsonl)" ]
    status_is 1 electra-view --id 99 rich.els
    [ "$stderr" = "electra-view: rich.els: no record has the id '99'" ]
    status_is 1 electra-view --id 99 < rich.els
    [ "$stderr" = "electra-view: standard input: no record has the id '99'" ]
    cp rich.els b.els
    status_is 1 electra-view --id 99 rich.els b.els
    [ "$stderr" = "electra-view: rich.els … b.els: no record has the id '99'" ]
    [ "$(electra-view --format stream --id 4 rich.els | electra-view)" = "$(sed -n 4p rich.jsonl)" ]
}

@test "--records stops after N, and its stream is whole" {
    make_stream 2000 a.els
    for n in 0 1 549 1000 2000 5000; do
        electra-view a.els | head -n $n > expected
        electra-view --records $n a.els | cmp - expected
        electra-view --records $n < a.els | cmp - expected
        electra-view --format stream --records $n a.els > part.els
        electra-view --check part.els
        electra-view part.els | cmp - expected
        electra-view --format stream --records $n < a.els | cmp - part.els
    done
    [[ $(electra-view --header part.els | head -n 1) == *'"args":["--records=5000"]'* ]]
}

@test "--records reads a pipe to its end, so that its writer lives" {
    make_stream 2000 a.els
    run --separate-stderr bash -o pipefail -c "electra-view --format stream a.els | electra-view --records 1"
    [ "$status" -eq 0 ]
    [ "$(wc -l <<< "$output")" -eq 1 ]
}

@test "--check says nothing of a whole stream and names the damage of another" {
    make_stream 1200 a.els
    status_is 0 electra-view --check a.els a.els
    [ -z "$output$stderr" ]
    head -c 299999 a.els > cut.els
    status_is 1 electra-view --check a.els cut.els
    [ "$stderr" = "electra-view: cut.els: block 2: truncated: the stream stops before its end" ]
    status_is 2 electra-view --check --format jsonl a.els
    status_is 2 electra-view --check --vocab vocab.txt a.els
    status_is 2 electra-view --check -m model a.els
}

@test "--check writes nothing, so it takes no -o" {
    make_stream 3 a.els
    cp a.els before.els
    status_is 2 electra-view --check -o a.els a.els
    [ "${stderr_lines[0]}" = "electra-view: --check writes nothing: leave -o out" ]
    cmp a.els before.els
}

@test "options that cannot be combined are usage errors" {
    make_stream 3 a.els
    status_is 2 electra-view --merge --records 1 a.els
    status_is 2 electra-view --merge --vocab vocab.txt a.els
    status_is 2 electra-view --merge -m model a.els
    status_is 2 electra-view --merge --format jsonl a.els
    status_is 2 electra-view --from jsonl --shard 1/2 a.els
    status_is 2 electra-view --from jsonl --format tsv a.els
    status_is 2 electra-view --from tsv a.els
    status_is 2 electra-view --format xml a.els
    status_is 2 electra-view --records -1 a.els
    status_is 2 electra-view --unknown
    [[ $stderr == *"Try 'electra-view --help' for more information." ]]
}

@test "--help and --version" {
    status_is 0 electra-view --help
    [[ $output == "Usage: electra-view "* ]]
    [ -z "$stderr" ]
    status_is 0 electra-view --version
    [[ $output == "electra-view (electra) "* ]]
}

@test "--flush passes records on while the input is still open" {
    make_vocab
    mkfifo lines
    electra-view --from jsonl --vocab vocab.txt --flush lines | electra-view > out &
    exec 8> lines
    echo '{"id":1,"ids":[2,3]}' >&8
    for _ in {1..100}; do
        [ -s out ] && break
        sleep 0.05
    done
    [ "$(cat out)" = '{"id":1,"ids":[2,3]}' ]
    exec 8>&-
    wait
}
