#!/usr/bin/env bats
# The n-th write, fsync, rename, allocation, … fails, for many n: no crash, no lie, nothing
# half-written under a final name, and what is resumed ends as if nothing had happened.
#
# FAULT_STEP=1 tries every n (an hour); by default there is a stride.

load helper
load runs

setup_file() {
    cd "$BATS_FILE_TMPDIR" || return 1
    ! ldd "$BIN/electra-corrupt" | grep -qE 'lib[a-z]*san' || return 0
    "${CC:-cc}" -O1 -shared -fPIC -o inject.so "$ROOT/tests/fault/inject.c" -ldl || return 0
    electra-vocab -q --size 300 "$CORPUS" > vocab.txt
    head -n 60 "$CORPUS" | electra-tokenize --docs --vocab vocab.txt -o a.els
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    [ -e "$BATS_FILE_TMPDIR/a.els" ] || skip "no preloading into these programs"
    cp "$BATS_FILE_TMPDIR"/* .
}

# sweep FUNCTIONS STRIDE CHECK COMMAND…: runs the command with call 1, 1 + STRIDE, … of each
# function failing, until there are no more of them; each time CHECK, with the status. The command
# is a program or a function that calls `faulty` before one. Leaves `out` and `err`.
sweep() {
    local functions=$1 stride=${FAULT_STEP:-$2} check=$3 function n status
    shift 3
    for function in $functions; do
        for ((n = 1; ; n += stride)); do
            rm -rf mark out err result.els m
            echo old > result.els
            status=0
            fault=$function:$n
            "$@" > out 2> err || status=$?
            [ -e mark ] || break
            "$check" $status || {
                echo "$fault: status $status: $(cat err)"
                return 1
            }
        done
        [ "$n" -gt 1 ] || { echo "$function is never called"; return 1; }
    done
}

faulty() {
    timeout --foreground 60 env "FAULT=$fault" FAULT_MARK=mark LD_PRELOAD="$PWD/inject.so" "$@"
}

# told STATUS: a success is silent, a failure is a 1 with one line that names the program.
told() {
    if [ "$1" -eq 0 ]; then
        [ ! -s err ]
    else
        [ "$1" -eq 1 ] && [ "$(wc -l < err)" -eq 1 ] && grep -q '^electra-[a-z]*: .' err
    fi
}

whole_or_not_at_all() {
    told "$1" || return
    cmp "$([ "$1" -eq 0 ] && echo good.els || echo old)" result.els || return
    [ -z "$(find . -name 'result.els.*')" ]
}

ends_or_fails() {
    told "$1" || return
    if [ "$1" -eq 0 ]; then
        cmp good.els out
    else
        run electra-view --check out
        [ "$status" -eq 1 ]
    fi
}

@test "electra-corrupt -o: the whole output or the one before" {
    electra-corrupt -o good.els a.els
    echo old > old
    sweep 'write rename open close read' 1 whole_or_not_at_all \
        faulty electra-corrupt -o result.els a.els
    sweep malloc 7 whole_or_not_at_all faulty electra-corrupt -o result.els a.els
    sweep malloc 11 whole_or_not_at_all faulty electra-corrupt -j 2 -o result.els a.els
}

@test "electra-corrupt: a stream that did not succeed has no end" {
    electra-corrupt --epochs 3 a.els > good.els
    from_pipe() { faulty electra-corrupt --epochs 3 < <(cat a.els); }
    sweep 'write read mmap' 1 ends_or_fails from_pipe
    sweep 'open mmap' 1 ends_or_fails faulty electra-corrupt --epochs 3 a.els
    sweep malloc 23 ends_or_fails faulty electra-corrupt --epochs 3 a.els
}

@test "electra-corrupt: replacements, or why there are none" {
    local tiny=$ROOT/tests/golden/directory/generator
    head -n 12 "$CORPUS" | electra-tokenize -q -m "$tiny" --no-text --max-length 32 -o b.els
    echo old > old
    electra-corrupt --method unigram --unigrams b.els -o good.els b.els
    sweep malloc 3 whole_or_not_at_all \
        faulty electra-corrupt --method unigram --unigrams b.els -o result.els b.els
    electra-corrupt --method generator -m "$tiny" -o good.els b.els
    sweep 'open read mmap' 1 whole_or_not_at_all \
        faulty electra-corrupt --method generator -m "$tiny" -o result.els b.els
    sweep malloc 7 whole_or_not_at_all \
        faulty electra-corrupt --method generator -m "$tiny" -o result.els b.els
}

@test "electra-view -o: the twin as it is, or the one before" {
    head -n 2 "$CORPUS" | electra-tokenize --vocab vocab.txt --max-length 12 -o b.els
    echo old > old
    electra-view -o good.els b.els
    sweep malloc 1 whole_or_not_at_all faulty electra-view -o result.els b.els
}

@test "electra-score: what a generator says, or why not" {
    local tiny=$ROOT/tests/golden/directory/generator task
    printf '%s\n' 'the [MASK] sat' 'a dog' | electra-tokenize -m "$tiny" --max-length 32 -o b.els
    echo old > old
    for task in 'fill --top-k 3 --format jsonl' 'pll --format stream'; do
        # shellcheck disable=SC2086 # several words
        electra-score -j 1 -m "$tiny" --task $task -o good.els b.els
        # shellcheck disable=SC2086 # several words
        sweep malloc 7 whole_or_not_at_all \
            faulty electra-score -j 1 -m "$tiny" --task $task -o result.els b.els
    done
}

@test "electra-score: what is said of texts in windows, or why not" {
    local tiny=$ROOT/tests/golden/finetune/tag/end
    printf 'the O\ndog B-X\nand I-X\na O\nman B-X\nsat O\nthere O\n\na O\ndog B-X\n' |
        electra-tokenize -q -m "$tiny" --conll --max-length 8 --stride 2 -o b.els
    [ "$(electra-view b.els | wc -l)" -eq 3 ]
    echo old > old
    for format in jsonl stream; do
        electra-score -j 1 -m "$tiny" --format $format -o good.els b.els
        sweep malloc 29 whole_or_not_at_all \
            faulty electra-score -j 1 -m "$tiny" --format $format -o result.els b.els
    done
}

@test "writes that take a byte at a time lose nothing" {
    electra-corrupt a.els > good.els
    FAULT=short:1+ LD_PRELOAD=$PWD/inject.so electra-corrupt a.els | cmp - good.els
    FAULT=short:1+ LD_PRELOAD=$PWD/inject.so electra-corrupt -o b.els a.els
    cmp b.els good.els
}

@test "electra-tokenize -o: in every layout, the whole output or the one before" {
    echo old > old
    for layout in "--tsv --label 3 rows.tsv" "--conll sentences.conll" "--squad squad.json" \
        "--jsonl single.jsonl"; do
        cp "$ROOT/tests/golden/layouts/${layout##* }" .
        # shellcheck disable=SC2086 # options
        electra-tokenize --vocab vocab.txt -q --stride 3 --max-length 80 -o good.els $layout
        # shellcheck disable=SC2086
        sweep malloc 1999 whole_or_not_at_all \
            faulty electra-tokenize --vocab vocab.txt -q --stride 3 --max-length 80 -o result.els $layout
    done
}

# train [faulty] DIR OPTION…
train() {
    local faulty=()
    [ "$1" != faulty ] || { faulty=(faulty) && shift; }
    "${faulty[@]}" electra-train pretrain --vocab vocab.txt --config nano --batch 4 --steps 4 \
        --checkpoint-every 2 --set hidden_size=8 --set embedding_size=8 --set num_hidden_layers=1 \
        --set num_attention_heads=1 --set intermediate_size=16 --log-every 1 -j 1 -o "$@"
}

# Links lead to whole models at all times, and a resumed run ends like one that met no fault.
can_go_on() {
    local link
    told "$1" || return
    [ "$1" -eq 0 ] || [ ! -e m/done ] || [ "$(readlink m/latest)" = checkpoint-4 ] || return
    for link in m/latest m/discriminator m/generator; do
        [ ! -L $link ] || [ -d $link/ ] || { echo "$link leads nowhere"; return 1; }
    done
    [ "$1" -eq 0 ] || train m --resume a.els > out 2> resumed || { cat resumed; return 1; }
    [ -e m/done ] && diff -r good/latest/ m/latest/ &&
        diff -r good/discriminator/ m/discriminator/ && diff -r good/generator/ m/generator/ &&
        diff <(steady good/metrics.jsonl) <(steady m/metrics.jsonl) &&
        [ -z "$(find m -name '.checkpoint*')" ]
}

@test "electra-train: whatever fails, the run can go on" {
    train good a.els > out
    sweep 'rename symlink mkdir unlink' 3 can_go_on train faulty m a.els
    sweep 'write fsync close open' 13 can_go_on train faulty m a.els
    sweep 'mmap ftruncate readdir' 7 can_go_on train faulty m a.els
}

@test "electra-train: a directory that cannot be read is not an empty one" {
    train m a.els --stop-after 0.001s > out || [ $? -eq 4 ]
    cp -r m before
    fault=readdir:1
    status_is 1 train faulty m --resume a.els
    [ -e mark ]
    [[ "$stderr" == "electra-train: m: "* ]]
    diff -r before m
}

@test "electra-train: whatever cannot be allocated, the run can go on" {
    train good a.els > out
    sweep malloc 997 can_go_on train faulty m a.els
}

# trials [faulty] DIR OPTION…
trials() {
    local faulty=()
    [ "$1" != faulty ] || { faulty=(faulty) && shift; }
    "${faulty[@]}" electra-train classify -q --vocab vocab.txt --config tiny.json --steps 2 \
        --trials 2 --valid c.els --log-every 1 -j 1 -o "$@" c.els
}

# The same of several runs in one directory.
trials_can_go_on() {
    local link
    told "$1" || return
    for link in m/model m/trial-*/latest; do
        [ ! -L "$link" ] || [ -d "$link/" ] || { echo "$link leads nowhere"; return 1; }
    done
    [ "$1" -eq 0 ] || trials m --resume > out 2> resumed || { cat resumed; return 1; }
    [ -e m/done ] && diff -r -x metrics.jsonl good m && cmp good/metrics.jsonl m/metrics.jsonl &&
        diff <(steady good/trial-2/metrics.jsonl) <(steady m/trial-2/metrics.jsonl)
}

@test "electra-train --trials: whatever fails, the trials can go on" {
    echo '{"hidden_size": 8, "embedding_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1,
        "intermediate_size": 16, "max_position_embeddings": 32}' > tiny.json
    for i in {1..4}; do printf 'a good %s\tx\na bad %s\ty\n' "$i" "$i"; done |
        electra-tokenize -q --vocab vocab.txt --max-length 16 --tsv --text 1 --label 2 -o c.els
    trials good > out
    sweep 'rename symlink mkdir unlink' 7 trials_can_go_on trials faulty m
    sweep 'write fsync close open' 41 trials_can_go_on trials faulty m
    sweep malloc 1999 trials_can_go_on trials faulty m
}

# tune [faulty] DIR OPTION…
tune() {
    local faulty=()
    [ "$1" != faulty ] || { faulty=(faulty) && shift; }
    "${faulty[@]}" electra-train classify --vocab vocab.txt --config tiny.json --batch 4 --steps 4 \
        --checkpoint-every 2 --valid labels.els --log-every 1 -j 1 -o "$@"
}

# The fine-tuned model leads to a whole one at all times.
tuned_can_go_on() {
    told "$1" || return
    [ "$1" -eq 0 ] || [ ! -L m/latest ] || [ -d m/latest/ ] || return
    [ "$1" -eq 0 ] || [ ! -e m/config.json ] || electra-model info m > info || return
    [ "$1" -eq 0 ] || tune m --resume labels.els > out 2> resumed || { cat resumed; return 1; }
    [ -e m/done ] && diff -r good/latest/ m/latest/ &&
        diff <(steady good/metrics.jsonl) <(steady m/metrics.jsonl) &&
        [ -z "$(find m -name '.checkpoint*')" ]
}

@test "electra-train classify: whatever fails, the run can go on" {
    printf 'a good day\tpos\na bad day\tneg\nit is now\tnone\nas good\tpos\n' |
        electra-tokenize -q --vocab vocab.txt --max-length 16 --tsv --text 1 --label 2 -o labels.els
    echo '{"hidden_size": 8, "embedding_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1,
        "intermediate_size": 16, "max_position_embeddings": 32}' > tiny.json
    tune good labels.els > out
    sweep 'rename symlink mkdir unlink' 3 tuned_can_go_on tune faulty m labels.els
    sweep 'write fsync close open' 19 tuned_can_go_on tune faulty m labels.els
    sweep malloc 1999 tuned_can_go_on tune faulty m labels.els
}

@test "electra-train classify: killed again and again, it ends as if it had not been" {
    for i in {1..9}; do printf 'a good %s\tpos\na bad %s\tneg\n' "$i" "$i"; done |
        electra-tokenize -q --vocab vocab.txt --max-length 16 --tsv --text 1 --label 2 -o labels.els
    echo '{"hidden_size": 8, "embedding_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1,
        "intermediate_size": 16, "max_position_embeddings": 32}' > tiny.json
    tune good --steps 30 labels.els > out
    for try in {1..200}; do
        status=0
        timeout --foreground -s KILL "$(printf 0.%03d $((20 + try * 7 % 40 + 4 * try)))" \
            electra-train classify --vocab vocab.txt --config tiny.json --batch 4 --steps 30 \
            --checkpoint-every 2 --valid labels.els --log-every 1 -j 1 -o m --resume labels.els \
            > out || status=$?
        [ ! -e m/config.json ] || electra-model info m > info
        [ $status -ne 0 ] || break
        [ $status -eq 137 ] || [ $status -eq 124 ] # 124: it ended just as its time did
    done
    [ -e m/done ]
    diff -r good/latest/ m/latest/
    diff <(steady good/metrics.jsonl) <(steady m/metrics.jsonl)
}

# The whole directory or none; it may be there where only the last fsync, of its parent, failed.
converted_or_not() {
    told "$1" || return
    [ "$1" -ne 0 ] && [ ! -e m ] || diff -r good m || return
    [ -z "$(find . -maxdepth 1 -name '.*m*' -o -maxdepth 1 -name 'm.*')" ]
}

@test "electra-model convert: the whole model or none" {
    local golden=$ROOT/tests/golden/convert source
    electra-model convert -o good "$golden/discriminator/legacy.bin"
    sweep 'write fsync rename open close mmap' 1 converted_or_not \
        faulty electra-model convert -o m "$golden/discriminator/legacy.bin"
    for source in discriminator/{legacy.bin,pytorch_model.bin,flax_model.msgpack,sharded} \
        tensorflow/electra; do
        rm -r good
        electra-model convert -o good "$golden/$source"
        sweep malloc 83 converted_or_not faulty electra-model convert -o m "$golden/$source"
    done
    sweep 'mkdir mmap' 1 converted_or_not faulty electra-model convert -o m "$golden/$source"
}

@test "electra-model convert: killed, it leaves the whole model or none" {
    local source=$ROOT/tests/golden/convert/discriminator/pytorch_model.bin
    electra-model convert -o good "$source"
    for try in {1..25}; do
        timeout --foreground -s KILL 0.00$((try % 9))$try electra-model convert -o m "$source" || true
        [ ! -e m ] || diff -r good m
        rm -rf m .m*
    done
}

@test "electra-model average: the whole model or none" {
    local golden=$ROOT/tests/golden/convert/discriminator
    electra-model average -o good "$golden" "$golden"
    sweep 'write fsync rename open close mmap' 1 converted_or_not \
        faulty electra-model average -o m "$golden" "$golden"
    sweep malloc 29 converted_or_not faulty electra-model average -o m "$golden" "$golden"
}

@test "electra-vocab -o: the whole vocabulary or the one before" {
    electra-vocab -q --size 300 -o good.els "$CORPUS"
    echo old > old
    sweep 'write rename open close' 1 whole_or_not_at_all \
        faulty electra-vocab -q --size 300 -o result.els "$CORPUS"
    from_pipe() { faulty electra-vocab -q --size 300 -o result.els < <(cat "$CORPUS"); }
    sweep read 1 whole_or_not_at_all from_pipe
    sweep malloc 97 whole_or_not_at_all \
        faulty electra-vocab -q --size 300 -o result.els "$CORPUS"
}

@test "electra-shuffle -o: the whole output or the one before, spilled or not" {
    for i in {1..12}; do cat "$CORPUS"; done |
        electra-tokenize --docs --no-text --vocab vocab.txt --max-length 16 -o b.els
    echo old > old
    electra-shuffle --memory 1M -o good.els b.els
    export TMPDIR=$PWD/tmp
    mkdir tmp
    sweep 'write rename open close' 1 whole_or_not_at_all \
        faulty electra-shuffle --memory 1M -o result.els b.els
    sweep 'pwrite pread' 3 whole_or_not_at_all \
        faulty electra-shuffle --memory 1M -o result.els b.els
    sweep malloc 17 whole_or_not_at_all faulty electra-shuffle --memory 1M -o result.els b.els
    [ -z "$(ls tmp)" ]
}

@test "electra-eval -o: the whole report or the one before" {
    printf '%s\n' '{"id":1,"gold":[{"text":"ΣΑΣ"}],"answer":"σας.","null_odds":-1}' \
        '{"id":2,"gold":[],"answer":"","null_odds":1,"answers":[{"text":"x"}]}' > qa.jsonl
    electra-eval --from jsonl --bootstrap 2 -o good.els qa.jsonl
    echo old > old
    sweep 'write rename open close read' 1 whole_or_not_at_all \
        faulty electra-eval --from jsonl --bootstrap 2 -o result.els qa.jsonl
    sweep malloc 3 whole_or_not_at_all \
        faulty electra-eval --from jsonl --bootstrap 2 -o result.els qa.jsonl
}
