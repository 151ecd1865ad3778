#!/usr/bin/env bats
# shellcheck disable=SC2016,SC2154 # bash -c expands; run sets stderr
# electra-tokenize --squad, and what the references say of every layout

load helper

GOLDEN=$BATS_TEST_DIRNAME/../golden/layouts

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    printf '%s\n' '[PAD]' '[UNK]' '[CLS]' '[SEP]' '[MASK]' who is it '?' '.' ada '##lo' love '##lace' \
        a b c d > vocab.txt
}

# as_golden NAME INPUT OPTION…: the records of the golden input are the golden ones
as_golden() {
    for j in 1 3; do
        electra-tokenize -q -j $j --vocab "$GOLDEN/../tokenizer/vocab.txt" "${@:3}" "$GOLDEN/$2" |
            electra-view > found
        cmp found "$GOLDEN/$1"
    done
}

# questions QA…: a file with the context "Ada Lovelace. a b c d" and these questions
questions() {
    local IFS=,
    printf '{"data":[{"paragraphs":[{"context":"Ada Lovelace. a b c d","qas":[%s]}]}]}' "$*" > x.json
}

# refuses MESSAGE: one line of error about x.json; no stream
refuses() {
    status_is 1 electra-tokenize --vocab vocab.txt --squad -o out.els x.json
    [ "$stderr" = "electra-tokenize: x.json: $1" ]
    [ ! -e out.els ]
}

@test "pairs, windows, words and questions as the references have them" {
    as_golden longest.jsonl rows.tsv --tsv --pair 2 --label 3 --max-length 24
    as_golden second.jsonl windows.tsv --tsv --pair 2 --label 3 --max-length 80 --stride 5
    as_golden single.jsonl rows.tsv --tsv --max-length 12 --stride 3
    as_golden sentences.jsonl sentences.conll --conll --max-length 40
    as_golden squad.jsonl squad.json --squad --max-length 96 --stride 12
}

# same_ids GOLDEN OPTION…: ids and types of the records are those in the order of the golden file
same_ids() {
    local case file=$SHARED/data/tokenizer/golden/$1.jsonl.gz
    for case in uncased cased; do
        gzip -dc "${file/CASE/$case}" > texts.jsonl
        [ $case = uncased ] || set -- "$@" --cased
        electra-tokenize -q --vocab "$SHARED/data/tokenizer/vocab/bert-base-$case-vocab.txt" --jsonl \
            --no-text "${@:2}" texts.jsonl | electra-view > found
        [ "$(wc -l < found)" -ge 60 ]
        cmp <(grep -o '"ids":\[[0-9,]*\]' found) <(grep -o '"ids":\[[0-9,]*\]' texts.jsonl)
        cmp <(grep -o '"types":\[[0-9,]*\]' found) \
            <(grep -o '"type_ids":\[[0-9,]*\]' texts.jsonl | sed s/type_ids/types/)
    done
}

@test "real pairs and windows as Hugging Face tokenizers have them" {
    need_shared tokenizer/golden
    same_ids CASE.qa_windows_max384_stride128_onlysecond --text question --pair context \
        --max-length 384 --stride 128
    same_ids CASE.pairs_max64_longestfirst --text a --pair b --max-length 64
}

@test "a question and its windows" {
    questions '{"id":"q1","question":"Who?","answers":[{"text":"c d","answer_start":18}]}'
    electra-tokenize --vocab vocab.txt --squad --max-length 10 --stride 2 x.json | electra-view > found
    diff - found <<'END'
{"id":"q1","ids":[2,5,8,3,10,12,13,9,14,3],"types":[0,0,0,0,1,1,1,1,1,1],"text":"Who?","pair":"Ada Lovelace. a","offsets":[[0,0],[0,3],[3,4],[0,0],[0,3],[4,8],[8,12],[12,13],[14,15],[0,0]],"pair_start":0,"words":[null,0,1,null,0,1,1,2,3,null],"window":[1,2],"best":[0,0,0,0,1,1,1,1,0,0],"span":[0,0],"impossible":false,"answers":[{"text":"c d","start":18}]}
{"id":"q1","ids":[2,5,8,3,9,14,15,16,17,3],"types":[0,0,0,0,1,1,1,1,1,1],"text":"Who?","pair":". a b c d","offsets":[[0,0],[0,3],[3,4],[0,0],[0,1],[2,3],[4,5],[6,7],[8,9],[0,0]],"pair_start":12,"words":[null,0,1,null,2,3,4,5,6,null],"window":[2,2],"best":[0,0,0,0,0,1,1,1,1,0],"span":[7,8],"impossible":false,"answers":[{"text":"c d","start":18}]}
END
}

@test "impossible questions, and questions of which nothing is known" {
    questions '{"id":7,"question":"a","is_impossible":true,"answers":[],"plausible_answers":[{"text":"b","answer_start":16}]}' \
        '{"question":"b"}' '{"id":"","question":"c","answers":[]}'
    electra-tokenize --vocab vocab.txt --squad --no-text x.json | electra-view |
        sed 's/"types".*"best":\[[01,]*\]//' > found
    diff - found <<'END'
{"id":7,"ids":[2,14,3,10,12,13,9,14,15,16,17,3],,"span":[0,0],"impossible":true}
{"id":2,"ids":[2,15,3,10,12,13,9,14,15,16,17,3],}
{"id":"","ids":[2,16,3,10,12,13,9,14,15,16,17,3],,"span":[0,0],"impossible":true}
END
}

@test "a question keeps 64 tokens, which is said" {
    questions "{\"id\":\"q\",\"question\":\"$(yes a | head -n 70 | tr '\n' ' ')\"}"
    status_is 0 bash -c 'electra-tokenize --vocab vocab.txt --squad x.json | electra-view'
    [[ $output == *'"cut":6'* ]]
    [ "$stderr" = "electra-tokenize: 1 of 1 questions were cut to 64 tokens; 6 tokens were left out" ]
    status_is 1 electra-tokenize --vocab vocab.txt --squad --max-length 67 -o out.els x.json
    [ "$stderr" = "electra-tokenize: x.json: question 'q': the first text has 64 tokens, which leaves none for the other" ]
}

@test "by default windows share at most half of what a question leaves" {
    questions "{\"id\":\"q\",\"question\":\"$(yes a | head -n 23 | tr '\n' ' ')\"}" \
        '{"id":"short","question":"a"}'
    electra-tokenize -q --vocab vocab.txt --squad --max-length 30 x.json | electra-view > found
    [ "$(grep -c '"id":"q"' found)" -eq 3 ] # of four tokens, which share two
    [ "$(grep -c '"id":"short"' found)" -eq 1 ]
    status_is 1 electra-tokenize -q --vocab vocab.txt --squad --max-length 30 --stride 4 x.json
    [[ $stderr == *"windows of 4 tokens cannot share 4 with the one before (see --stride)" ]]
    questions "{\"id\":\"q\",\"question\":\"$(yes a | head -n 27 | tr '\n' ' ')\"}" \
        '{"id":"short","question":"a"}'
    status_is 3 electra-tokenize --vocab vocab.txt --squad --max-length 30 --keep-going -o out.els x.json
    [[ $stderr == *"question 'q': the first text has 27 tokens, which leaves none for the other"* ]]
}

@test "real questions fit into short windows" {
    need_shared squad2_mini/dev-16articles-v2.0.json
    electra-tokenize -q --vocab "$SHARED/data/tokenizer/vocab/bert-base-uncased-vocab.txt" --squad \
        --no-text --max-length 64 -o out.els "$SHARED/data/squad2_mini/dev-16articles-v2.0.json"
    electra-view --check out.els
}

@test "answers that are not where they say, and labels that contradict each other" {
    questions '{"id":"q","question":"a","answers":[{"text":"Ada","answer_start":0},{"text":"b","answer_start":17}]}'
    refuses "question 'q': the answer 'b' does not stand at character 17"
    questions '{"id":"q","question":"a","answers":[{"text":"d","answer_start":99999999999}]}'
    refuses "question 'q': the answer 'd' does not stand at character 99999999999"
    questions '{"id":"q","question":"a","answers":[{"text":"d","answer_start":-1}]}'
    refuses "question 'q': an answer has no string 'text' or no number 'answer_start'"
    questions '{"question":"a","answers":[{"text":"d"}]}'
    refuses "text 1: an answer has no string 'text' or no number 'answer_start'"
    questions '{"id":"q","question":"a","answers":[{"text":"","answer_start":0}]}'
    refuses "question 'q': an answer's 'text' is empty"
    local long
    long=$(printf '中%.0s' {1..40})
    questions "{\"id\":\"q\",\"question\":\"a\",\"answers\":[{\"text\":\"$long\",\"answer_start\":0}]}"
    refuses "question 'q': the answer '${long:0:26}' does not stand at character 0"
    questions '{"id":"q","question":"a","is_impossible":true,"answers":[{"text":"a","answer_start":14}]}'
    refuses "question 'q': impossible, but there is an answer"
    questions '{"id":"q","question":"a","is_impossible":false,"answers":[]}'
    refuses "question 'q': not impossible, but there is no answer"
    questions '{"id":"q","question":"a","is_impossible":0}'
    refuses "question 'q': 'is_impossible' is not true or false"
    questions '{"id":"q","question":"a","answers":{}}'
    refuses "question 'q': 'answers' is not an array"
    questions '{"id":"q","context":"a"}'
    refuses "question 'q': no string 'question'"
}

@test "files that are not SQuAD" {
    : > x.json
    status_is 1 electra-tokenize --vocab vocab.txt --squad -o out.els x.json
    [[ $stderr == "electra-tokenize: x.json: line 1: not JSON: "* ]]
    printf '{"data":[\n}' > x.json
    status_is 1 electra-tokenize --vocab vocab.txt --squad -o out.els x.json
    [[ $stderr == "electra-tokenize: x.json: line 2: not JSON: "* ]]
    printf '[]' > x.json
    refuses "not SQuAD: there is no array 'data'"
    printf '{"data":[{"title":"x"}]}' > x.json
    refuses "article 1: no array 'paragraphs'"
    printf '{"data":[{"paragraphs":[]},{"paragraphs":[{"qas":[]}]}]}' > x.json
    refuses "article 2, paragraph 1: no string 'context' or no array 'qas'"
    printf '{"data":{}}' > x.json
    refuses "not SQuAD: there is no array 'data'"
    printf '{"data":[]}' > x.json
    electra-tokenize --vocab vocab.txt --squad x.json | electra-view --check
    gzip -c x.json > x.json.gz
    status_is 1 electra-tokenize --vocab vocab.txt --squad -o out.els x.json.gz
    [[ $stderr == *"x.json.gz: compressed by gzip"* ]]
}

# as_json TEXT…: the records of x.json are those of each text
as_json() {
    local text
    electra-tokenize -q --vocab vocab.txt --squad x.json > expected.els
    for text; do
        printf %s "$text" > y.json
        electra-tokenize -q --vocab vocab.txt --squad y.json | cmp - expected.els
    done
}

@test "what stands around the articles is JSON too" {
    local a='{"paragraphs":[{"context":"a b","qas":[{"question":"c"}]}]}'
    printf '{"data":[%s,%s]}' "$a" "$a" > x.json
    as_json " { \"data\" : [ $a , $a ] } "$'\n' "{\"data\":[$a"$'\r\n,\t'"$a],\"version\":1.1}" \
        "{\"x\":{\"data\":[1]},\"n\":-1e3,\"y\":null,\"data\":[$a,$a],\"z\":\"ü\"}"
    refuse() { printf %s "$1" > x.json && refuses "${@:2}"; }
    refuse "{\"data\":[$a $a]}" "line 1: not JSON: ',' expected (column 70)"
    refuse "{\"data\":[$a"$'\n' "line 2: not JSON: ',' expected near end of file (column 1)"
    refuse "{\"data\":[$a],}" "line 1: not JSON: '\"' expected (column 71)"
    refuse "{\"data\":[$a]"$'\n'"\"x\":1}" "line 2: not JSON: ',' expected (column 1)"
    refuse "{\"data\":[$a],x:1}" "line 1: not JSON: '\"' expected (column 71)"
    refuse "{\"data\" [$a]}" "line 1: not JSON: ':' expected (column 9)"
    refuse "{\"data\":[$a]}"$'\n'"1" "line 2: not JSON: end of file expected (column 1)"
    refuse "{\"data\":[$a],\"data\":[]}" "line 1: 'data' comes twice (column 78)"
    refuse "{\"data\":[$a,"$'\n]}' "line 2: not JSON: unexpected token near ']' (column 1)"
    refuse '{"data":[{"ü": x}]}' "line 1: not JSON: invalid token near 'x' (column 16)"
    refuse $'{"data":[\n{"ü":\n x}]}' "line 3: not JSON: invalid token near 'x' (column 2)"
}

@test "articles are read one at a time" {
    local a words one many
    words=$(yes 'a b é 東 ' | head -n 4000 | tr -d '\n')
    a="{\"paragraphs\":[{\"context\":\"$words\",\"qas\":[{\"question\":\"c\"}]}]}"
    make_file() { # articles
        printf '{"data":[%s' "$a"
        for ((i = 1; i < $1; i++)); do printf ',%s' "$a"; done
        printf ']}'
    }
    make_file 1 > one.json
    make_file 200 > many.json
    local options=(--vocab vocab.txt --squad --stride 0 --no-text)
    one=$(megabytes electra-tokenize "${options[@]}" -o one.els one.json)
    many=$(megabytes electra-tokenize "${options[@]}" -o many.els many.json)
    [ "$one" -gt 0 ]
    [ "$many" -lt $((one + 10)) ]
    [ "$(electra-view many.els | wc -l)" -eq $((200 * $(electra-view one.els | wc -l))) ]
    cmp <(electra-view many.els | tail -n 1 | sed 's/"id":200,/"id":1,/') <(electra-view one.els | tail -n 1)
}

@test "with --flush an article is written when it is there" {
    local a='{"paragraphs":[{"context":"a b","qas":[{"question":"c"}]}]}'
    for j in 1 2; do
        rm -f in out.els
        mkfifo in
        electra-tokenize -j $j --vocab vocab.txt --squad --flush --no-text in > out.els &
        exec 7> in
        printf '{"data":[%s,' "$a" >&7
        for i in {1..100}; do
            ! electra-view --records 1 out.els > found || break
            sleep 0.05
        done
        grep -q '"ids":\[2,16,3,14,15,3\]' found
        printf '%s]}' "$a" >&7
        exec 7>&-
        wait $!
        [ "$(electra-view out.els | wc -l)" -eq 2 ]
    done
}

@test "with --keep-going a refused question keeps its place" {
    questions '{"id":"q1","question":"a"}' \
        '{"id":"q2","question":"a","answers":[{"text":"d","answer_start":0}]}' \
        '{"id":"q3","question":"b"}'
    cp x.json y.json
    for j in 1 2; do
        status_is 3 electra-tokenize -j $j --vocab vocab.txt --squad --no-text --keep-going -o out.els \
            x.json y.json
        [[ $stderr == *"x.json: question 'q2': the answer 'd' does"*"y.json: question"*"2 records rejected" ]]
        electra-view out.els | sed 's/,"\(ids\|types\)".*//' | tr -d '\n' > found
        [ "$(cat found)" = '{"id":"q1"{"id":"q2"{"id":"q3"{"id":"q1"{"id":"q2"{"id":"q3"' ]
        electra-view out.els | grep -c '"error":"the answer' | grep -qx 2
    done
}

@test "with --keep-going so does what should have been a paragraph" {
    local good='{"context":"b","qas":[{"question":"b"},{"question":"c"}]}'
    printf '{"data":[{"paragraphs":[%s,7,{"context":7,"qas":[]},%s]},{"title":"x"},null,{"paragraphs":[%s]}]}' \
        "$good" "$good" "$good" > x.json
    for j in 1 2; do
        status_is 3 electra-tokenize -j $j --vocab vocab.txt --squad --no-text --keep-going \
            -o out.els x.json
        [[ $stderr == *"x.json: article 1, paragraph 3: no string 'context' or no array 'qas'"* ]]
        [[ $stderr == *"x.json: article 2: no array 'paragraphs'"*"4 records rejected" ]]
        [ "$(electra-view out.els | wc -l)" -eq 10 ]
        electra-view out.els | sed -n 's/^{"id":\([0-9]*\),.*"error":"\(.*\)"}/\1 \2/p' > found
        diff - found <<'END'
3 no string 'context' or no array 'qas'
4 no string 'context' or no array 'qas'
7 no array 'paragraphs'
8 no array 'paragraphs'
END
    done
}

@test "a context that is refused is refused for each of its questions" {
    printf '{"data":[{"paragraphs":[{"context":"b %s!","qas":[{"question":"b"},{"question":"c"}]}]}]}' \
        "$(printf 'a%.0s' {1..2000})" > x.json
    status_is 3 electra-tokenize --vocab vocab.txt --squad --pattern '(a|aa)+$|\w+' --keep-going \
        -o out.els x.json
    [ "$(electra-view out.els | grep -c '"ids":\[2,3\],"error":"the pattern takes')" -eq 2 ]
}

@test "bytes that are not UTF-8 and a byte order mark" {
    printf '\xEF\xBB\xBF{"data":[{"paragraphs":[{"context":"b\xFF c","qas":[{"id":"q","question":"a","answers":[{"text":"c","answer_start":3}]}]}]}]}' > x.json
    status_is 0 bash -c 'electra-tokenize --vocab vocab.txt --squad x.json | electra-view'
    [[ $output == *'"span":[4,4]'*'"start":5'* ]]
    [ "$stderr" = "electra-tokenize: 1 invalid UTF-8 sequences were replaced by U+FFFD" ]
    status_is 1 electra-tokenize --vocab vocab.txt --squad --invalid error -o out.els x.json
    [[ $stderr == *"x.json: invalid UTF-8 at byte "* ]]
}

@test "bytes that are not UTF-8 are counted where no paragraph follows" {
    questions '{"id":"q","question":"a"}'
    printf '{"data":[],"version":"\xFF"}' > none.json
    for j in 1 3; do
        status_is 0 electra-tokenize --vocab vocab.txt --squad -j $j -o out.els none.json none.json
        [ "$stderr" = "electra-tokenize: 2 invalid UTF-8 sequences were replaced by U+FFFD" ]
        status_is 0 electra-tokenize --vocab vocab.txt --squad -j $j -o out.els \
            none.json x.json none.json
        [ "$stderr" = "electra-tokenize: 2 invalid UTF-8 sequences were replaced by U+FFFD" ]
    done
}
