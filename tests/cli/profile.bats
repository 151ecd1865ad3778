# --profile: a table of where the time went, which changes nothing else.

load helper

setup_file() {
    load helper
    cd "$BATS_FILE_TMPDIR" || return 1
    electra-vocab --size 500 "$CORPUS" > vocab.txt
    electra-tokenize --docs --max-length 64 --vocab vocab.txt "$CORPUS" > docs.els
}

# The table's row of an operation that must have taken time: name, seconds, %, GFLOP/s, GB/s, laps.
row() {
    # shellcheck disable=SC2154 # set by run
    grep -E "^$1 +[0-9.]+ +[0-9.]+ +[0-9.]+ +[0-9.]+ +[1-9][0-9]*\$" <<< "$stderr"
}

@test "training and scoring say where their time went" {
    cd "$BATS_FILE_TMPDIR"
    pretrain() { electra-train pretrain -q --config nano --vocab vocab.txt --steps 2 --batch 4 "$@" docs.els; }
    pretrain -o plain > /dev/null
    run --separate-stderr pretrain --profile -j 2 -o profiled
    [ "$status" -eq 0 ]
    cmp plain/discriminator/model.safetensors profiled/discriminator/model.safetensors
    row "back: weights"
    row "Adam"
    row "cross-entropy, sampling"
    [[ $stderr == *"all threads"* ]]

    electra-score -m plain docs.els > plain.tsv
    run --separate-stderr electra-score --profile -j 3 -m plain -o profiled.tsv docs.els
    [ "$status" -eq 0 ]
    cmp plain.tsv profiled.tsv
    row "attention"
    row "feed-forward, in"
    [[ $stderr != *"Adam"* ]]
}
