# pipelines/demo, on a dictionary of a few lines.

load helper

# A dictionary in WordNet's format out of the test corpus.
setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    mkdir wordnet
    grep . "$CORPUS" | tr -d '"' |
        awk '{ printf "%08d 03 n 01 word 0 000 | %s; \"an example of it\"  \n", NR, $0 }' >lines
    for part in noun verb adj adv; do
        cp lines "wordnet/data.$part"
    done
}

demo() {
    MAKEFLAGS='' make -C "$ROOT/pipelines/demo" BIN="$BIN" WORK="$PWD/${WORK:-work}" \
        WORDNET="$PWD/wordnet" VOCAB_SIZE=300 LENGTH=16 STEPS="${STEPS:-4}" BATCH=2 "$@"
}

@test "the demo reports, and makes nothing twice" {
    demo >first
    grep -qE '^ +0\.[0-9]+ +the model$' first
    grep -qE '^ +0\.[0-9]+ +a score that only knows' first
    # One line for each sentence, with one word of it marked.
    [ "$(grep -cE '^ +[01]\.[0-9]+  .*\[[^]]+\]' first)" = \
        "$(wc -l <"$ROOT/pipelines/demo/sentences.txt")" ]
    demo >second
    [ -z "$(find work -newer first)" ]
    run ! grep '==' second
    diff <(sed -n '/^Which/,$p' first) <(sed -n '/^Which/,$p' second)
}

@test "interrupted and run again, the demo makes what is missing, to the same end" {
    WORK=whole STEPS=200 demo >whole.log
    # Stopped in training: make is red, what was made stays, done is not there.
    WORK=cut STEPS=200 run demo TRAIN_FLAGS='--stop-after 0.01s'
    [ "$status" -ne 0 ] && [ -e cut/train.els ]
    [ ! -e cut/model/done ] && [ ! -e cut/scores.tsv ]
    WORK=cut STEPS=200 demo >again.log
    run ! grep '== vocabulary' again.log
    cmp whole/model/discriminator/model.safetensors cut/model/discriminator/model.safetensors
    cmp whole/scores.tsv cut/scores.tsv
}

@test "no half-written file stands under its final name" {
    printf '00000001 03 n 01 word 0 000 | a gloss\n' >wordnet/data.noun
    rm wordnet/data.adv
    run demo
    [ "$status" -ne 0 ]
    [[ $output == *"data.adv is missing: install"* ]]
    [ ! -e work/glosses.txt ]
}
