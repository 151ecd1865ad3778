#!/usr/bin/env bats
# shellcheck disable=SC2154 # run sets stderr
# google-research/electra's head for questions: electra-train qa --head google, and electra-score.

load helper
load runs

setup_file() {
    cd "$BATS_FILE_TMPDIR" || return 1
    tiny_shape > tiny.json
    electra-vocab -q --size 1000 "$CORPUS" > vocab.txt
    colors > colors.json
    electra-tokenize -q --vocab vocab.txt --squad --max-length 32 colors.json > colors.els
    # The same question of a context that is cut into windows, with and without an answer.
    printf '{"data":[{"paragraphs":[%s,%s]}]}' "$(long red)" "$(long day)" |
        electra-tokenize -q --vocab vocab.txt --squad --max-length 20 --stride 4 > long.els
    train qa model --epochs 40 --lr 0.005 colors.els
    train qa hf --head hf --steps 2 colors.els
}

# Overrides the helper's: each test has the inputs in its directory.
setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    cp -r "$BATS_FILE_TMPDIR"/{tiny.json,vocab.txt,colors.els,long.els,model,hf} .
}

# Contexts in which a color stands, one of them without.
colors() {
    local words=(day one house two tree three road four) i color context before answer list=()
    for i in {0..23}; do
        color=$(cut -d ' ' -f $((i % 4 + 1)) <<< 'red blue green none')
        context="${words[i % 8]} ${words[i * 5 % 8]} $color ${words[i * 3 % 7]} ${words[(i + 2) % 8]}"
        before=${context%%"$color"*}
        answer="\"answers\":[{\"text\":\"$color\",\"answer_start\":${#before}}],\"is_impossible\":false"
        if [ "$color" = none ]; then
            context=${context/none /}
            answer='"answers":[],"is_impossible":true'
        fi
        list+=("{\"context\":\"$context\",\"qas\":[{\"id\":\"q$i\",\"question\":\"which color\",$answer}]}")
    done
    printf '{"data":[{"paragraphs":[%s]}]}\n' "$(IFS=,; echo "${list[*]}")"
}

# long WORD
long() {
    printf '{"context":"%s %s %s","qas":[{"id":"%s","question":"which color"}]}' \
        'one two three four tree road house day one two' "$1" \
        'four three two one day house road tree' "$1"
}

# train COMMAND DIR OPTION…: from random weights, metrics in DIR.out.
train() {
    electra-train "$1" --head google --config tiny.json --vocab vocab.txt --log-every 1 -o "$2" \
        "${@:3}" > "$2.out"
}

@test "starts, ends and answerability are learnt" {
    train qa m --epochs 40 --lr 0.005 --valid colors.els colors.els
    grep -q '"valid_f1":1.0' m.out
    grep -q '"GoogleElectraForQuestionAnswering"' model/config.json
    electra-model info --tensors model | grep -q '^tensor	end.dense.weight	F32	512,32	'
    electra-score -m model --format stream colors.els | electra-eval > metrics
    for metric in HasAns_exact NoAns_exact; do grep -qx "$metric	100" metrics; done
}

@test "one answer for all windows of a text" {
    [ "$(electra-view long.els | wc -l)" -gt 3 ]
    electra-score -m model --format jsonl long.els > answers.jsonl
    [ "$(grep -o '^{"id":"[a-z]*"' answers.jsonl | tr -d '\n')" = '{"id":"red"{"id":"day"' ]
    [[ $(head -n 1 answers.jsonl) == *'"answer":"red","start":47,"end":50,'* ]]
    # One that each window has alone is the text's.
    electra-view --header long.els | sed 's/,"window":\[[0-9,]*\]//' | electra-view --from jsonl |
        electra-score -m model --format jsonl | grep '"id":"red"' | grep -o '"null_odds":[^,]*' |
        sort -t : -k 2,2g | head -n 1 > least
    grep -qF "$(cat least)" <(head -n 1 answers.jsonl)
}

@test "no answer above odds of -2.75, or others" {
    electra-score -m model --format jsonl colors.els |
        sed -E 's/.*"answer":"([^"]*)".*"null_odds":([^,]*),.*/\2 \1/' |
        awk '($1 > -2.75) != ($2 == "") { exit 1 } $2 == "" { n++ } END { exit n == 0 || n == NR }'
    electra-score -m model --null-threshold -1e6 colors.els | awk -F '\t' '$2 != "" { exit 1 }'
    electra-score -m model --null-threshold 1e6 colors.els | awk -F '\t' '$2 == "" { exit 1 }'
    electra-score -m model --always-answer --n-best 2 --format jsonl colors.els > all.jsonl
    run ! grep -q null_odds all.jsonl
    # Both share their probability between them; that there is none is not of their kind.
    electra-score -m model --n-best 2 --format jsonl colors.els | sed 's/.*"answers"//' |
        sed -E 's/[^}]*"score":([^}]*)\}/\1 /g' > shares
    awk '{ s = $1 + $2; if (s < 0.99999 || s > 1.00001) { print; exit 1 } }' shares
}

@test "threads and neighbours change no byte" {
    train qa a -j 1 --epochs 2 --valid colors.els colors.els
    train qa b -j 3 --epochs 2 --valid colors.els colors.els
    diff -r a/latest/ b/latest/
    diff <(steady a.out) <(steady b.out)
    electra-score -j 1 -m model --format stream long.els colors.els > one.els
    cmp one.els <(electra-score -j 3 -m model --format stream long.els colors.els)
    electra-score -m model --format jsonl colors.els > together
    electra-view --header colors.els | sed '2,6d' | electra-view --from jsonl |
        electra-score -m model --format jsonl | diff - <(sed 1,5d together)
}

@test "resumed equals never stopped; with another head it is refused" {
    train qa a --epochs 4 --valid colors.els --checkpoint-every 2 colors.els
    train qa b --epochs 4 --valid colors.els --checkpoint-every 2 colors.els
    rm -r b/done b/checkpoint-"$(readlink b/latest | sed 's/.*-//')"
    for options in '--head hf' '--head google --set answerable_weight=1'; do
        # shellcheck disable=SC2086
        status_is 2 electra-train qa $options --config tiny.json --vocab vocab.txt -o b --epochs 4 \
            --log-every 1 --valid colors.els --checkpoint-every 2 --resume colors.els
        [[ $stderr == *"started with "*a*", not "* ]]
    done
    train qa b --epochs 4 --valid colors.els --checkpoint-every 2 --resume colors.els
    equal_runs a b
}

@test "how much answerability counts is a setting" {
    train qa m --steps 1 colors.els
    train qa n --steps 1 --set answerable_weight=0.25 colors.els
    sed 's/}/, "answerable_weight": 0.25}/' tiny.json > tiny.part.json
    mv tiny.part.json tiny.json
    train qa o --steps 1 colors.els
    diff <(steady n.out) <(steady o.out)
    run ! diff <(steady m.out) <(steady n.out)
    grep -q '"answerable_weight": 0.25' n/latest/state/state.json
}

@test "a head is kept, or another one is drawn, which is said" {
    status_is 0 electra-train qa --head google --init model -o same --steps 1 \
        --set hidden_dropout_prob=0 --set attention_probs_dropout_prob=0 colors.els
    [ -z "$stderr" ]
    holds 'a < 0.5' "$(value loss "$output")"
    status_is 0 electra-train qa --head google --init hf -o from-hf --steps 1 colors.els
    [[ $stderr == *"hf: it has no such head: a new one is drawn at random" ]]
    status_is 0 electra-train qa --init model -o to-hf --steps 1 colors.els
    [[ $stderr == *"model: it has no such head: a new one is drawn at random" ]]
    printf 'a day\tx\na road\ty\n' |
        electra-tokenize -q --vocab vocab.txt --tsv --text 1 --label 2 --max-length 32 > classes.els
    status_is 0 electra-train classify --head google --init model -o classes --steps 1 classes.els
    [[ $stderr == *"model: it has no such head: a new one is drawn at random" ]]
}

@test "what the model is not for" {
    status_is 1 electra-score -m model --task classify colors.els
    [[ $stderr == *"holds GoogleElectraForQuestionAnswering, which is not for task classify" ]]
    status_is 1 electra-score -m model --task rtd colors.els
    [[ $stderr == *"holds GoogleElectraForQuestionAnswering, but ElectraForPreTraining is needed" ]]
    echo 'a day' | electra-tokenize -q --vocab vocab.txt --max-length 32 > bare.els
    status_is 1 electra-score -m model bare.els
    [[ $stderr == *"bare.els: record 1: there is no question with a context"* ]]
}

@test "an answer outside of the context" {
    for span in 1,3 0,8 4,13; do
        electra-view --header colors.els | sed -E "2s/\"span\":\[[0-9,]*\]/\"span\":[$span]/" |
            electra-view --from jsonl > wrong.els
        for head in hf google; do
            status_is 1 electra-train qa --head $head --config tiny.json --vocab vocab.txt -o no wrong.els
            [[ $stderr == *"wrong.els: record 1: key 'span'"* ]]
            [ ! -e no ]
        done
    done
}

@test "a head with a part missing, of another shape, or not finite" {
    cp -rL model broken
    sed 's/"hidden_size": 16/"hidden_size": 32/' model/config.json > broken/config.json
    status_is 1 electra-score -m broken colors.els
    [[ $stderr == *"by the configuration"* ]]
    cp -L model/config.json broken/config.json
    LC_ALL=C sed 's/"answerable\.dense\.bias"/"answerable.dense.bijs"/' model/model.safetensors \
        > broken/model.safetensors
    status_is 1 electra-score -m broken colors.els
    [[ $stderr == *"'answerable.dense.bias'"* ]]
}

@test "google-research's own bundle answers" {
    electra-model convert -q -o bundle "$ROOT/tests/golden/convert/tensorflow/squad"
    printf '{"data":[{"paragraphs":[%s]}]}' \
        '{"context":"the cat sat on the mat","qas":[{"id":1,"question":"on ?"}]}' |
        electra-tokenize -q -m bundle --squad --max-length 16 > question.els
    electra-score -m bundle --always-answer question.els > answer
    [ "$(cut -f 1 answer)" = 1 ]
    [ -n "$(cut -f 2 answer)" ]
}
