#!/usr/bin/env bats
# shellcheck disable=SC2016,SC2154 # bash -c expands; run sets stderr
# electra-tokenize: rows, JSON Lines, sentences with tags; pairs, truncation, windows

load helper

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    printf '%s\n' '[PAD]' '[UNK]' '[CLS]' '[SEP]' '[MASK]' hello world '##s' '!' un '##aff' '##able' \
        a '##a' b c > vocab.txt
}

# records FILE OPTION…: the records as JSON Lines
records() {
    electra-tokenize --vocab vocab.txt "${@:2}" "$1" | electra-view
}

# refuses MESSAGE OPTION… FILE: one line of error, which begins with the file; no stream
refuses() {
    status_is 1 electra-tokenize --vocab vocab.txt -o out.els "${@:2}"
    [ "$stderr" = "electra-tokenize: $1" ]
    [ ! -e out.els ]
}

@test "rows: a text, a pair, a label and an id, by number" {
    printf 'x1\thello\tpos\tworld!\nx2\t"a\tneg\t\n' > rows.tsv
    records rows.tsv --tsv --text 2 --pair 4 --label 3 --id 1 > found
    diff - found <<'END'
{"id":"x1","ids":[2,5,3,6,8,3],"types":[0,0,0,1,1,1],"text":"hello","pair":"world!","offsets":[[0,0],[0,5],[0,0],[0,5],[5,6],[0,0]],"words":[null,0,null,0,1,null],"label":"pos"}
{"id":"x2","ids":[2,1,12,3,3],"types":[0,0,0,0,1],"text":"\"a","pair":"","offsets":[[0,0],[0,1],[1,2],[0,0],[0,0]],"words":[null,0,1,null,null],"label":"neg"}
END
    records rows.tsv --tsv --text 2 --no-text > found
    diff - found <<'END'
{"id":1,"ids":[2,5,3]}
{"id":2,"ids":[2,1,12,3]}
END
}

@test "NUL bytes and carriage returns are no trouble in any layout" {
    printf 'hel\0lo\ty\0s\r\nworld\tno\r' > x.tsv
    records x.tsv --tsv --label 2 --no-text > found
    diff - found <<'END'
{"id":1,"ids":[2,5,3],"label":"y\u0000s"}
{"id":2,"ids":[2,6,3],"label":"no"}
END
    printf '{"text":"hello\\u0000"}\r\n{"text":"a"}\r' > x.jsonl
    records x.jsonl --jsonl --no-text > found
    diff - found <<'END'
{"id":1,"ids":[2,5,3]}
{"id":2,"ids":[2,12,3]}
END
    printf '{"text":"a\0"}\n' > x.jsonl
    status_is 1 electra-tokenize --vocab vocab.txt --jsonl -o out.els x.jsonl
    [[ $stderr == "electra-tokenize: x.jsonl: line 1: not JSON: "* ]]
    printf 'hel\0lo O\r\n\r\na X\0\r' > x.conll
    records x.conll --conll --no-text > found
    diff - found <<'END'
{"id":1,"ids":[2,5,3],"label":["O"]}
{"id":2,"ids":[2,12,3],"label":["X\u0000"]}
END
}

@test "rows: columns by name, in each file's own order, and no header is a text" {
    printf '\xEF\xBB\xBFlabel\ttext\r\nyes\thello\r\n' > a.tsv
    printf 'text\tlabel\nworld\tno\n!\tno' > b.tsv
    electra-tokenize --vocab vocab.txt --tsv --header --text text --label label --no-text \
        a.tsv b.tsv | electra-view > found
    diff - found <<'END'
{"id":1,"ids":[2,5,3],"label":"yes"}
{"id":2,"ids":[2,6,3],"label":"no"}
{"id":3,"ids":[2,8,3],"label":"no"}
END
    records b.tsv --tsv --header --text 1 --label 2 --no-text | grep -c . | grep -qx 2
}

@test "rows that are no rows are named by file and line" {
    printf 'text\tlabel\nhello\tyes\nhello\n' > rows.tsv
    refuses "rows.tsv: line 3: 1 columns where the header has 2" --tsv --header rows.tsv
    refuses "rows.tsv: line 3: 1 column, but the label is column 2" --tsv --label 2 rows.tsv
    refuses "rows.tsv: line 1: 2 columns, but the pair is column 3" --tsv --pair 3 rows.tsv
    refuses "rows.tsv: the header has no column 'stars', only text,label" \
        --tsv --header --label stars rows.tsv
    refuses "rows.tsv: the header has 2 columns, and no column 3" --tsv --header --label 3 rows.tsv
    printf 'hello\t\n' > rows.tsv
    refuses "rows.tsv: line 1: the label, column 2, is empty" --tsv --label 2 rows.tsv
    printf 'hello\tyes\nwor\xFFld\tno\n' > rows.tsv
    refuses "rows.tsv: line 2: invalid UTF-8 at byte 4" --tsv --label 2 --invalid error rows.tsv
    : > empty.tsv
    refuses "empty.tsv: empty, where a header belongs" --tsv --header empty.tsv
    electra-tokenize --vocab vocab.txt --tsv --label 2 empty.tsv | electra-view --check
}

@test "with --keep-going what is refused keeps its row and its id" {
    printf 'hello\tyes\tx1\nhello\t\tx2\nhello\n\nworld\tno\tx5\n' > rows.tsv
    for j in 1 2; do
        status_is 3 electra-tokenize -j $j --vocab vocab.txt --tsv --label 2 --id 3 --no-text \
            --keep-going -o out.els rows.tsv
        [[ $stderr == *"rows.tsv: line 3: 1 column, but the label is column 2"*"3 records rejected" ]]
        electra-view out.els > found
        diff - found <<'END'
{"id":"x1","ids":[2,5,3],"label":"yes"}
{"id":"x2","ids":[2,3],"error":"the label, column 2, is empty"}
{"id":3,"ids":[2,3],"error":"1 column, but the label is column 2"}
{"id":4,"ids":[2,3],"error":"1 column, but the label is column 2"}
{"id":"x5","ids":[2,6,3],"label":"no"}
END
    done
}

@test "JSON Lines: labels keep their type" {
    cat > lines.jsonl <<'END'
{"text":"hello\nworld","label":"pos","n":7}
{"text":"a","label":3.25,"n":"seven"}
{"text":"","label":["x","y"],"n":8}
{"text":"a\u0000b","label":false,"n":9}
END
    records lines.jsonl --jsonl --label label --id n --no-text > found
    diff - found <<'END'
{"id":7,"ids":[2,5,6,3],"label":"pos"}
{"id":"seven","ids":[2,12,3],"label":3.25}
{"id":8,"ids":[2,3],"label":["x","y"]}
{"id":9,"ids":[2,1,3],"label":false}
END
    printf '{"s":"hello","t":"world!"}' > pair.jsonl
    records pair.jsonl --jsonl --text s --pair t --no-text > found
    [ "$(cat found)" = '{"id":1,"ids":[2,5,3,6,8,3],"types":[0,0,0,1,1,1]}' ]
}

@test "JSON that is not, or lacks what is asked for" {
    printf '{"text":"a"}\n{"text":"a"\n' > x.jsonl
    status_is 1 electra-tokenize --vocab vocab.txt --jsonl -o out.els x.jsonl
    [[ $stderr == "electra-tokenize: x.jsonl: line 2: not JSON: "* ]]
    [ "$(grep -c . <<< "$stderr")" -eq 1 ]
    printf '["text"]\n' > x.jsonl
    refuses "x.jsonl: line 1: not a JSON object" --jsonl x.jsonl
    printf '\n' > x.jsonl
    status_is 1 electra-tokenize --vocab vocab.txt --jsonl -o out.els x.jsonl
    [[ $stderr == *"x.jsonl: line 1: not JSON: "* ]]
    printf '{"text":"a","label":null}\n' > x.jsonl
    refuses "x.jsonl: line 1: no key 'body'" --jsonl --text body x.jsonl
    refuses "x.jsonl: line 1: no key 'label', or null, where the label should be" \
        --jsonl --label label x.jsonl
    printf '{"text":7,"label":{},"id":1.5}\n' > x.jsonl
    refuses "x.jsonl: line 1: key 'text' is not a string" --jsonl x.jsonl
    refuses "x.jsonl: line 1: key 'id' is neither a string nor a whole number" --jsonl --id id x.jsonl
    printf '{"text":"a","label":{}}\n' > x.jsonl
    refuses "x.jsonl: line 1: key 'label', the label, is an object" --jsonl --label label x.jsonl
    printf '{"text":"a","label":[[[[[[[[1]]]]]]]]}\n' > x.jsonl
    refuses "x.jsonl: line 1: key 'label': nested deeper than 8" --jsonl --label label x.jsonl
    printf '{"text":"a","text":"b"}\n' > x.jsonl
    status_is 1 electra-tokenize --vocab vocab.txt --jsonl -o out.els x.jsonl
    [[ $stderr == *"x.jsonl: line 1: not JSON: duplicate object key"* ]]
    printf '{"text":"\xFFa"}\n' | electra-tokenize -q --vocab vocab.txt --jsonl --no-text |
        electra-view | grep -qF '"ids":[2,12,3]'
}

@test "sentences: words and tags, whatever the tokens" {
    printf -- '-DOCSTART- -X- O O\n\nUnaffable\tNN\tB-A\r\n#\tS\tO\r\n\n \n\nhello NN O\na  DT  B-B' > x.conll
    records x.conll --conll > found
    diff - found <<'END'
{"id":1,"ids":[2,9,10,11,1,3],"text":"Unaffable #","offsets":[[0,0],[0,2],[2,5],[5,9],[10,11],[0,0]],"words":[null,0,0,0,1,null],"label":["B-A","O"]}
{"id":2,"ids":[2,5,12,3],"text":"hello a","offsets":[[0,0],[0,5],[6,7],[0,0]],"words":[null,0,1,null],"label":["O","B-B"]}
END
    records x.conll --conll --text 2 --label 1 --no-text > found
    diff - found <<'END'
{"id":1,"ids":[2,1,1,3],"label":["Unaffable","#"]}
{"id":2,"ids":[2,1,1,3],"label":["hello","a"]}
END
}

@test "sentences: a word may be several of the tokenizer's words, or none" {
    printf 'a-b X\n\xE2\x80\x8B Y\nc. Z\n' > x.conll
    records x.conll --conll > found
    diff - found <<'END'
{"id":1,"ids":[2,12,1,14,15,1,3],"text":"a-b ​ c.","offsets":[[0,0],[0,1],[1,2],[2,3],[8,9],[9,10],[0,0]],"words":[null,0,0,0,2,2,null],"label":["X","Y","Z"]}
END
    printf 'hello\nworld\n\na\n' > x.conll
    records x.conll --conll --no-text --words > found
    diff - found <<'END'
{"id":1,"ids":[2,5,6,3],"words":[null,0,1,null]}
{"id":2,"ids":[2,12,3],"words":[null,0,null]}
END
}

@test "sentences with ragged lines are refused by line, and passed over as a whole" {
    printf 'a O\nhello\nb O\n\nc O\n' > x.conll
    refuses "x.conll: line 2: 1 column where the line before has 2" --conll x.conll
    refuses "x.conll: line 2: 1 column, but the tag is column 2" --conll --label 2 x.conll
    refuses "x.conll: line 1: 2 columns, but the word is column 3" --conll --text 3 x.conll
    status_is 3 electra-tokenize --vocab vocab.txt --conll --no-text --keep-going -o out.els x.conll
    electra-view out.els > found
    diff - found <<'END'
{"id":1,"ids":[2,3],"error":"1 column where the line before has 2"}
{"id":2,"ids":[2,15,3],"label":["O"]}
END
}

@test "pairs that are too long" {
    printf 'a a a a a\tb b b b b b\n' > pair.tsv
    cut_to() { records pair.tsv --tsv --pair 2 --no-text -q --max-length "$@"; }
    [ "$(cut_to 10)" = '{"id":1,"ids":[2,12,12,12,3,14,14,14,14,3],"types":[0,0,0,0,0,1,1,1,1,1],"cut":4}' ]
    [ "$(cut_to 11 --truncation only-first)" = '{"id":1,"ids":[2,12,12,3,14,14,14,14,14,14,3],"types":[0,0,0,0,1,1,1,1,1,1,1],"cut":3}' ]
    [ "$(cut_to 9 --truncation only-second)" = '{"id":1,"ids":[2,12,12,12,12,12,3,14,3],"types":[0,0,0,0,0,0,0,1,1],"cut":5}' ]
    refuses "pair.tsv: line 1: the second text has 6 tokens, which leaves none for the first one" \
        --tsv --pair 2 --max-length 9 --truncation only-first pair.tsv
    status_is 0 electra-tokenize --vocab vocab.txt --tsv --pair 2 --max-length 10 -o out.els pair.tsv
    [ "$stderr" = "electra-tokenize: 1 of 1 texts were cut to 10 tokens; 4 tokens were left out (see --max-length)" ]
}

@test "of an odd number of tokens either rule gives one to the other text" {
    printf 'a a a a a\tb b b b b\n' > pair.tsv
    for case in 'fast 12,12,12,3,14,14,14,14' 'google 12,12,12,12,3,14,14,14'; do
        records pair.tsv --tsv --pair 2 --no-text -q --max-length 10 --compat "${case% *}" |
            grep -qF "\"ids\":[2,${case#* },3]"
    done
}

@test "windows over a text" {
    printf 'a b c a b c a\nhello\n' > text
    records text --max-length 6 --stride 1 > found
    diff - found <<'END'
{"id":1,"ids":[2,12,14,15,12,3],"text":"a b c a","offsets":[[0,0],[0,1],[2,3],[4,5],[6,7],[0,0]],"text_start":0,"words":[null,0,1,2,3,null],"window":[1,2],"best":[0,1,1,1,1,0]}
{"id":1,"ids":[2,12,14,15,12,3],"text":"a b c a","offsets":[[0,0],[0,1],[2,3],[4,5],[6,7],[0,0]],"text_start":6,"words":[null,3,4,5,6,null],"window":[2,2],"best":[0,0,1,1,1,0]}
{"id":2,"ids":[2,5,3],"text":"hello","offsets":[[0,0],[0,5],[0,0]],"text_start":0,"words":[null,0,null],"window":[1,1],"best":[0,1,0]}
END
}

@test "windows over one text of a pair" {
    printf 'a b c a\thello world\n' > pair.tsv
    records pair.tsv --tsv --pair 2 --max-length 8 --stride 0 --no-text > found
    diff - found <<'END'
{"id":1,"ids":[2,12,14,15,12,3,5,3],"types":[0,0,0,0,0,0,1,1],"window":[1,2],"best":[0,0,0,0,0,0,1,0]}
{"id":1,"ids":[2,12,14,15,12,3,6,3],"types":[0,0,0,0,0,0,1,1],"window":[2,2],"best":[0,0,0,0,0,0,1,0]}
END
    records pair.tsv --tsv --pair 2 --max-length 8 --stride 1 --truncation only-first > found
    diff - found <<'END'
{"id":1,"ids":[2,12,14,15,3,5,6,3],"types":[0,0,0,0,0,1,1,1],"text":"a b c","pair":"hello world","offsets":[[0,0],[0,1],[2,3],[4,5],[0,0],[0,5],[6,11],[0,0]],"text_start":0,"words":[null,0,1,2,null,0,1,null],"window":[1,2],"best":[0,1,1,1,0,0,0,0]}
{"id":1,"ids":[2,15,12,3,5,6,3],"types":[0,0,0,0,1,1,1],"text":"c a","pair":"hello world","offsets":[[0,0],[0,1],[2,3],[0,0],[0,5],[6,11],[0,0]],"text_start":4,"words":[null,2,3,null,0,1,null],"window":[2,2],"best":[0,0,1,0,0,0,0]}
END
    refuses "pair.tsv: line 1: the first text has 4 tokens, which leaves none for the other" \
        --tsv --pair 2 --max-length 7 --stride 0 pair.tsv
    refuses "pair.tsv: line 1: windows of 1 tokens cannot share 2 with the one before (see --stride)" \
        --tsv --pair 2 --max-length 8 --stride 2 pair.tsv
}

@test "all windows of a text share a block, and threads change no byte" {
    electra-vocab --size 800 "$CORPUS" > words.txt
    tr '\n' ' ' < "$CORPUS" > long
    { cat "$CORPUS" long && echo && cat long "$CORPUS" long; } > text
    electra-tokenize --vocab words.txt --max-length 64 --stride 16 text > one.els
    for j in 2 3; do
        electra-tokenize --vocab words.txt --max-length 64 --stride 16 -j $j text | cmp - one.els
    done
    electra-view --check one.els
    for k in 1 2 3; do # a shard has whole texts only
        electra-view --shard $k/3 one.els | electra-view | grep -o '"window":\[[0-9,]*\]'
    done > windows
    tr -cd '0-9,\n' < windows | awk -F, '
        $1 != k + 1 || (n && $2 != n) { bad = 1 }
        { k = $1; n = $2; if (k == n) k = n = 0 }
        END { exit bad || n }'
    [ "$(grep -c ',[0-9][0-9][0-9]' windows)" -gt 100 ]
}

@test "the same bytes from any number of threads, in every layout" {
    for i in $(seq 1000); do
        printf '%s\thello %s unaffable worlds!\tlabel%s\n' "$i" "$((i % 7))" "$((i % 3))"
    done > rows.tsv
    awk -F '\t' '{ printf "{\"t\":\"%s\",\"l\":\"%s\"}\n", $2, $3 }' rows.tsv > rows.jsonl
    awk -F '\t' '{ gsub(/ /, " X\n", $2); print $2 " Y\n" }' rows.tsv > rows.conll
    for layout in "--tsv --text 2 --label 3 --id 1 rows.tsv" "--jsonl --text t --label l rows.jsonl" \
        "--conll rows.conll"; do
        # shellcheck disable=SC2086 # options
        electra-tokenize --vocab vocab.txt $layout > one.els
        [ "$(electra-view one.els | grep -c .)" -eq 1000 ]
        electra-view --check one.els
        # shellcheck disable=SC2086
        for j in 2 5; do electra-tokenize --vocab vocab.txt -j $j $layout | cmp - one.els; done
        # shellcheck disable=SC2086
        dd if="${layout##* }" bs=997 status=none |
            electra-tokenize --vocab vocab.txt --flush ${layout% *} | electra-view > flushed
        electra-view one.els | cmp - flushed
    done
}

@test "sentences of a live input appear with --flush" {
    mkfifo pipe
    electra-tokenize --vocab vocab.txt --conll --no-text --flush < pipe > out.els &
    exec 7> pipe
    printf 'hello O\n\nworld O\n' >&7
    for _ in $(seq 100); do
        [ "$(electra-view out.els 2> /dev/null || true)" = '{"id":1,"ids":[2,5,3],"label":["O"]}' ] && break
        sleep 0.1
    done
    [ "$(electra-view out.els 2> /dev/null || true)" = '{"id":1,"ids":[2,5,3],"label":["O"]}' ]
    exec 7>&-
    wait
    electra-view --check out.els
}

@test "options that do not go together are usage errors" {
    for options in "--tsv --jsonl" "--docs --stride 3" "--text 1" "--lines --label 2" "--jsonl --header" \
        "--conll --pair 2" "--squad --id x" "--tsv --text name" "--tsv --label 0" "--conll --label -1" \
        "--tsv --truncation only-first" "--stride 510" "--tsv --pair 2 --stride 509" \
        "--tsv --pair 2 --stride 3 --truncation longest-first" "--truncation sometimes"; do
        # shellcheck disable=SC2086
        status_is 2 electra-tokenize --vocab vocab.txt $options -o out.els /dev/null
        [ "$(grep -c . <<< "$stderr")" -eq 2 ]
    done
}

@test "--truncation of --squad is not told to give --pair, which would be refused" {
    status_is 2 electra-tokenize --vocab vocab.txt --squad --truncation only-second /dev/null
    [[ $stderr == "electra-tokenize: --truncation is for --pair, not for --squad, "* ]]
    status_is 2 electra-tokenize --vocab vocab.txt --tsv --truncation only-first /dev/null
    [[ $stderr == "electra-tokenize: --truncation is for pairs: --pair COL"* ]]
}

@test "a line of 100 MB, and windows that no block can hold" {
    { printf '{"text":"' && yes 'hello worlds' | tr '\n' ' ' | head -c 100000000 && printf '"}\n'; } |
        electra-tokenize -q --vocab vocab.txt --jsonl -o out.els
    electra-view --check out.els
    electra-view out.els | grep -qF '"cut":23076'
    rm out.els
    yes a | tr '\n' ' ' | head -c 2000000 > long
    refuses "long: line 1: windows of more than 67108864 bytes; --no-text makes them shorter" \
        --max-length 64 --stride 60 long
    head -c 30000000 /dev/zero | tr '\0' '!' > long
    for option in '' --no-text; do
        # shellcheck disable=SC2086 # no option is none
        status_is 3 electra-tokenize -v --keep-going --vocab vocab.txt --stride 0 $option -o out.els long
        [[ $stderr == "electra-tokenize: long: line 1: windows of more than 67108864 bytes"* ]]
        megabytes=$(sed -n 's/.*CPUs, \([0-9]*\)\.[0-9]* MB.*/\1/p' <<< "$stderr")
        ! ldd "$BIN/electra-tokenize" | grep -qE 'lib[a-z]*san' || megabytes=0 # what is freed stays
        [ "$megabytes" -lt 470 ]
    done
}
