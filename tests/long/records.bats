#!/usr/bin/env bats
# shellcheck disable=SC2016,SC2030,SC2031 # programs of jq have dollars
# Records that are well-formed and wrong: each key of each kind of record gone, of another type, out
# of range, longer or shorter than it must be. Every program does with them what it can or says
# what is wrong; none crashes, hangs or keeps silent about a failure.

load ../cli/helper

GOLDEN=$ROOT/tests/golden

setup_file() {
    cd "$BATS_FILE_TMPDIR" || return 1
    local tiny=$GOLDEN/directory/discriminator
    echo '{"data":[{"paragraphs":[{"context":"the cat sat on the mat and the dog slept near it",
        "qas":[{"id":"a","question":"the cat","answers":[{"text":"on the mat","answer_start":12}]},
        {"id":"b","question":"a dog","answers":[],"is_impossible":true}]}]}]}' > squad.json
    printf 'the cat\tpos\na dog sat\tneg\n' > table.tsv
    printf 'the O\ncat B-X\nsat I-X\n\na O\ndog B-X\n' > words.conll
    electra-tokenize -q -m "$tiny" --max-length 20 --stride 3 --squad -o qa.els squad.json
    electra-tokenize -q -m "$tiny" --max-length 20 --tsv --text 1 --label 2 -o classify.els table.tsv
    electra-tokenize -q -m "$tiny" --max-length 20 --conll -o tag.els words.conll
    head -n 8 "$CORPUS" | electra-tokenize -q -m "$tiny" --max-length 20 --docs -o docs.els
    electra-corrupt -o masked.els docs.els
    electra-corrupt --method uniform -o replaced.els docs.els
    electra-score -m "$GOLDEN/convert/tagger" --format stream \
        -o scores.els <(electra-tokenize -q -m "$GOLDEN/convert/tagger" --conll words.conll)
}

# Overrides the helper's: each test has the streams in its directory.
setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    cp "$BATS_FILE_TMPDIR"/*.els .
}

# said COMMAND…: it succeeds, or fails with a message that is no lack of memory.
said() {
    local status=0
    timeout --foreground 20 "$@" > out 2> err < /dev/null || status=$?
    case $status in
    0) return 0 ;;
    1 | 3) grep -q '^electra-[a-z]*: .' err && ! grep -qi 'memory\|sanitizer' err && return 0 ;;
    esac
    echo "status $status from: $*"
    head -n 5 err wrong.jsonl
    return 1
}

# wrong STREAM COMMAND…: the command reads wrong.els, which is made of the stream in many ways.
wrong() {
    local stream=$1 key change n=0
    shift
    electra-view --header "$stream" > twin.jsonl
    for key in $(tail -n +2 twin.jsonl | jq -r 'keys[]' | sort -u); do
        for change in 'del(.[$k])' '.[$k] = null' '.[$k] = true' '.[$k] = -1' '.[$k] = 1.5' \
            '.[$k] = 18446744073709551615' '.[$k] = ""' '.[$k] = []' '.[$k] = {}' \
            '.[$k] = [0, 4294967295]' '.[$k] = [[1, 2], "x"]' '.[$k] |= (.[1:]? // .)' \
            '.[$k] |= (. + .)? // .' '.[$k] |= (map(. + 60000)? // .)' '.x = .[$k]'; do
            jq -c --arg k "$key" "if .header then . else ($change) end" twin.jsonl > wrong.jsonl
            rm -rf wrong.els made
            said electra-view --from jsonl -o wrong.els wrong.jsonl
            [ -e wrong.els ] || continue
            said "$@"
            n=$((n + 1))
        done
    done
    [ "$n" -gt 20 ]
}

@test "records that score cannot use" {
    local tiny=$GOLDEN/directory/discriminator
    for stream in classify qa tag replaced; do
        wrong $stream.els electra-score -j 1 -m "$tiny" --keep-going --format jsonl wrong.els
    done
    wrong tag.els electra-score -j 1 -m "$GOLDEN/convert/tagger" --format stream wrong.els
    wrong qa.els electra-score -j 1 -m "$GOLDEN/convert/answerer" --format tsv wrong.els
}

@test "records that training cannot use" {
    local tiny=$GOLDEN/directory/discriminator task
    for task in classify tag qa; do
        wrong $task.els electra-train $task --init "$tiny" --steps 1 --batch 2 -j 1 --keep-going \
            -q -o made wrong.els
    done
    wrong replaced.els electra-train pretrain --objective rtd --init "$tiny" --steps 1 --batch 2 \
        -j 1 -q -o made wrong.els
}

@test "records that the filters cannot use" {
    for stream in docs masked qa; do
        wrong $stream.els electra-corrupt wrong.els
        wrong $stream.els electra-shuffle wrong.els
    done
    wrong tag.els electra-view --format tsv wrong.els
    wrong scores.els electra-view --format html wrong.els
    wrong scores.els electra-eval wrong.els
}
