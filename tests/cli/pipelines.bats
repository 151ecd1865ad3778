#!/usr/bin/env bats
# What pipelines/ has to be copied: a folder of text to a model, curves of runs.

load helper

# ---- pretrain ----

# Ten documents, as three files: plain, compressed, and compressed with the line ends of DOS.
make_text() {
    command -v zstd >/dev/null || skip 'no zstd'
    mkdir -p text/inner
    awk -v RS= -v ORS='\n\n' 'NR <= 10' "$CORPUS" >ten.txt
    awk -v RS= -v ORS='\n\n' 'NR <= 3' ten.txt >text/a.txt
    awk -v RS= -v ORS='\n\n' 'NR > 3 && NR <= 6' ten.txt | zstd -q >text/inner/b.txt.zst
    awk -v RS= -v ORS='\n\n' 'NR > 6' ten.txt | sed 's/$/\r/' | zstd -q >'text/inner/c d.txt.zst'
    echo not text >text/inner/README
    cat >tiny.json <<'END'
{"embedding_size": 16, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
 "intermediate_size": 32, "generator_hidden_size": 0.5, "train_batch_size": 4}
END
}

pretrain() {
    env -u MAKELEVEL MAKEFLAGS='' make -f "$ROOT/pipelines/pretrain/Makefile" BIN="$BIN" THREADS=1 VOCAB_SIZE=300 \
        HELD_OUT=5 LENGTH=32 CONFIG=tiny.json BUDGET="${BUDGET:---epochs 2}" VALID_EVERY=20 \
        CHECKPOINTS="${CHECKPOINTS:-20}" TRAIN_FLAGS="--log-every 5 --no-progress ${FLAGS-}" "$@"
}

@test "documents: each goes to one side, whole" {
    make_text
    documents=$ROOT/pipelines/pretrain/documents
    "$documents" train 5 text | tr -d '\r' >train
    "$documents" heldout 5 text | tr -d '\r' >heldout
    count() { awk -v RS= 'END { print NR }' "$1"; }
    [ "$(count train)" = 8 ] && [ "$(count heldout)" = 2 ]
    awk -v RS= -v ORS='\n\n' 'NR % 5 == 0' ten.txt | diff -B - heldout
    "$documents" train 100 text | tr -d '\r' | diff -B - ten.txt
    # Files that hold one document each: a file's end is its document's.
    mkdir single
    for i in 1 2 3 4; do printf 'text %d' $i >single/$i.txt; done
    [ "$("$documents" heldout 2 single | tr '\n' ' ')" = 'text 2  text 4 ' ]
    status_is 1 "$documents" heldout 100 text
    [ "$stderr" = 'no document to hold out among 10 of *.txt and *.txt.zst' ]
    status_is 1 "$documents" train 100 absent
    [ "$stderr" = 'absent: there is no such folder' ]
}

@test "pretrain: a folder of text to a model that scores, and nothing made twice" {
    make_text
    pretrain >first
    [ -e work/model/done ] && [ -s work/model/metrics.jsonl ]
    electra-view --check work/train.els work/heldout.els
    grep -q '"valid_disc_auc":' work/model/metrics.jsonl
    head -n 2 ten.txt | electra-tokenize -m work/model | electra-score -m work/model >scores
    [ "$(wc -l <scores)" = 2 ]
    [ "$(pretrain)" = "make: Nothing to be done for 'model'." ]
    pretrain averaged
    electra-model info work/averaged | grep -qx 'architecture	ElectraForPreTraining'
    # Texts that have changed since are another run's.
    touch -d 'now + 1 hour' text/a.txt
    run pretrain
    [ "$status" -ne 0 ]
    [[ $output == *'work/model was trained before work/train.els '*' changed: remove it, or '* ]]
    pretrain clean
    [ ! -e work ]
}

@test "pretrain: told to end, it saves, and make goes on to the same model" {
    make_text
    export BUDGET='--steps 2000' CHECKPOINTS=500
    pretrain WORK=whole >/dev/null
    pretrain >log 2>&1 &
    while [ ! -s work/model/metrics.jsonl ]; do
        kill -0 $! || { cat log && return 1; }
        sleep 0.05
    done
    sleep 0.3
    # The shell function runs make as a child of its own.
    pkill -TERM -P $! -x make
    status=0
    wait $! || status=$?
    [ "$status" -ne 0 ]
    grep -q 'Error 4' log
    [ ! -e work/model/done ] && [ -e work/model/latest ]
    pretrain >again
    [[ $(cat again) == '== training:'* ]]
    for file in discriminator/model.safetensors generator/model.safetensors; do
        cmp work/model/$file whole/model/$file
    done
}

@test "pretrain: on from weights that are there, with their vocabulary" {
    make_text
    export BUDGET='--steps 5'
    pretrain >/dev/null
    mkdir published
    cp -rL work/model/{discriminator,generator} published
    pretrain INIT=published WORK=more >log
    run ! grep vocabulary log
    [ -e more/model/done ] && [ ! -e more/vocab.txt ]
    cmp published/discriminator/vocab.txt more/model/discriminator/vocab.txt
    # The first step is made with the weights that were there, and their learning begins anew.
    loss() { sed -n 's/^{"step":1,.*"mlm_loss":\([^,]*\),.*/\1/p' "$1"; }
    [ "$(loss more/model/metrics.jsonl)" != "$(loss work/model/metrics.jsonl)" ]
    grep -q '^{"step":1,.*"learning_rate":0.0,' more/model/metrics.jsonl
    [ "$(pretrain INIT=published WORK=more)" = "make: Nothing to be done for 'model'." ]
}

@test "pretrain: BERT's objective, and replacements recorded before, on the same tokens" {
    make_text
    export BUDGET='--steps 5'
    pretrain EPOCHS=2 mlm rtd
    grep -q '"valid_mlm_loss":' work/mlm/metrics.jsonl
    run ! grep -q disc_ work/mlm/metrics.jsonl
    grep -q '"valid_disc_auc":' work/rtd-unigram/metrics.jsonl
    run ! grep -q mlm_ work/rtd-unigram/metrics.jsonl
    [ -e work/mlm/done ] && [ -e work/rtd-unigram/done ] && [ ! -e work/model ]
    electra-view --check work/train-unigram.els work/heldout-unigram.els
    [ "$(pretrain EPOCHS=2 mlm rtd)" = "make: Nothing to be done for 'mlm'.
make: Nothing to be done for 'rtd'." ]
    # What a generator draws that has been trained before: another run's, or this one's.
    pretrain EPOCHS=1 METHOD=generator GENERATOR=work/mlm rtd
    [ -e work/rtd-generator/done ] && [ ! -e work/model ]
    pretrain EPOCHS=1 WORK=own METHOD=generator rtd
    [ -e own/model/done ] && [ -e own/rtd-generator/done ]
}

@test "pretrain: masks recorded by electra-corrupt train alike" {
    make_text
    export BUDGET='--epochs 1' FLAGS=--no-shuffle
    pretrain EPOCHS=1 model recorded
    cmp work/model/discriminator/model.safetensors work/recorded/discriminator/model.safetensors
    pretrain WORK=two EPOCHS=2 recorded
    [ "$(grep -c '"mlm_loss"' two/recorded/metrics.jsonl)" -gt \
        "$(grep -c '"mlm_loss"' work/recorded/metrics.jsonl)" ]
}

@test "pretrain: damaged text ends it, and leaves no file behind" {
    make_text
    truncate -s -10 text/inner/b.txt.zst
    run pretrain
    [ "$status" -ne 0 ]
    [[ $output == *b.txt.zst* ]]
    [ -z "$(ls work)" ]
    run pretrain TEXT=absent
    [ "$status" -ne 0 ]
    [[ $output == *'absent: there is no such folder'* ]]
}

# ---- plot ----

plot() {
    "$ROOT/pipelines/plot" "$@"
}

# Two runs: one with validation, an infinite loss and a last line that is still being written.
make_runs() {
    mkdir -p runs/small "runs/it's"
    for step in 1 100 200; do
        printf '{"step":%d,"loss":%d.5,"mlm_loss":9.25,"disc_loss":null,"tokens":%d000,' \
            $step $((50 - step / 10)) $step
        printf '"learning_rate":5e-05,"tokens_per_second":1000.0,"seconds":%d}\n' $((step * 18))
    done >runs/small/metrics.jsonl
    cp runs/small/metrics.jsonl "runs/it's/metrics.jsonl"
    cat >>runs/small/metrics.jsonl <<'END'
{"step":200,"valid_loss":31,"valid_disc_auc":0.75,"valid_frequency_auc":0.625}
END
    printf '{"step":300,"loss":1' >>runs/small/metrics.jsonl
}

# A gnuplot that keeps what it is told, and the numbers it is told to draw.
fake_gnuplot() {
    mkdir -p bin
    cat >bin/gnuplot <<'END'
#!/bin/bash
cat >"$TOLD/script"
cp "$(dirname "$(grep -o "'[^']*' using" "$TOLD/script" | head -n 1 | cut -d "'" -f 2)")"/? "$TOLD"
echo drawn
END
    chmod +x bin/gnuplot
    mkdir told
    TOLD=$PWD/told PATH=$PWD/bin:$PATH plot "$@"
}

@test "plot: the numbers of a run, by step, tokens or hours" {
    make_runs
    fake_gnuplot -o curves.svg runs/small "runs/it's/"
    [ "$(cat curves.svg)" = drawn ]
    # x, four losses and an accuracy, the same held out, both AUCs, learning rate, tokens per second
    diff told/0 - <<'END'
1 50.5 9.25 ? ? ? ? ? ? ? ? ? ? 5e-05 1000.0
100 40.5 9.25 ? ? ? ? ? ? ? ? ? ? 5e-05 1000.0
200 30.5 9.25 ? ? ? ? ? ? ? ? ? ? 5e-05 1000.0
200 ? ? ? ? ? 31 ? ? ? ? 0.75 0.625 ? ?
END
    [ "$(wc -l <told/1)" = 3 ]
    grep -q "■ small'" told/script
    grep -q "■ it''s'" told/script
    grep -q "^set xrange \[0:200\]" told/script
    # What nobody has is not drawn, nor said to be dashed.
    grep -q "^set title 'loss (dashed: held out)'" told/script
    grep -q "^set title 'generator: loss of masked tokens, nats'" told/script
    run ! grep "^set title 'discriminator: loss" told/script
    rm -r told
    fake_gnuplot -x hours runs/small
    [ "$(cut -d ' ' -f 1 told/0 | tr '\n' ' ')" = '0.005 0.5 1 1 ' ]
    rm -r told
    fake_gnuplot -x tokens runs/small/metrics.jsonl
    [ "$(cut -d ' ' -f 1 told/0 | tr '\n' ' ')" = '1000 100000 200000 200000 ' ]
}

@test "plot: what each objective and task measures" {
    mkdir mlm tokens tagged
    echo '{"step":1,"loss":9,"mlm_loss":9,"mlm_accuracy":0.5}' >mlm/metrics.jsonl
    echo '{"step":1,"loss":9,"mlm_loss":9,"token_loss":8,"replaced":0.1}' >tokens/metrics.jsonl
    printf '%s\n' '{"step":1,"loss":2}' '{"step":1,"valid_loss":2,"valid_f1":0.5,"valid_accuracy":0.25}' \
        >tagged/metrics.jsonl
    titles() {
        rm -rf told
        fake_gnuplot -o curves.svg "$@" >/dev/null
        sed -n "s/^set title '\([^(']*[^( ']\).*/\1/p" told/script | paste -sd ';'
    }
    [ "$(titles mlm)" = 'loss;generator: loss of masked tokens, nats;masked tokens: share guessed right' ]
    grep -q '^set multiplot layout 1,3 ' told/script
    [ "$(titles tokens)" = 'loss;generator: loss of masked tokens, nats;predicted tokens: loss, nats' ]
    [ "$(titles tagged)" = 'loss;accuracy, held out;f1, held out' ]
    titles mlm tokens tagged
    grep -q '^set multiplot layout 2,3 ' told/script
    [ "$(grep -c '^plot' told/script)" = 6 ]
}

@test "plot: runs whose names are alike are told apart by their paths" {
    make_runs
    mkdir -p other/small
    cp runs/small/metrics.jsonl other/small
    fake_gnuplot -o curves.png runs/small other/small
    grep -q '■ runs/small' told/script
    grep -q '■ other/small' told/script
}

@test "plot: trials are runs" {
    make_runs
    mkdir -p m/trial-1 m/trial-2
    cp runs/small/metrics.jsonl m/trial-1
    cp runs/small/metrics.jsonl m/trial-2
    echo '{"trial":1,"seed":1,"step":200,"valid_accuracy":0.5}' > m/metrics.jsonl
    fake_gnuplot -o curves.png m/ runs/small
    grep -q "■ trial-1'" told/script
    grep -q "■ trial-2'" told/script
    cmp told/0 told/2
    run ! grep accuracy told/script
}

@test "plot: pictures, and the terminal" {
    command -v gnuplot >/dev/null || skip 'no gnuplot'
    make_runs
    status_is 0 plot -o curves.png runs/small "runs/it's"
    [ -z "$output$stderr" ]
    [ "$(head -c 8 curves.png | od -An -tx1)" = ' 89 50 4e 47 0d 0a 1a 0a' ]
    status_is 0 plot -o "it's.svg" runs/small
    grep -q '<svg' "it's.svg"
    grep -q 'by word frequency alone' "it's.svg"
    status_is 0 plot runs/small "runs/it's"
    [ -z "$stderr" ]
    [[ $output == *'learning rate'* && $output == *"it's"* && $output == *'tokens per second'* ]]
    [ -z "$(find . -name '*.part')" ]
}

@test "plot: what is missing is named" {
    make_runs
    mkdir bin && printf '#!/bin/sh\necho broken >&2; exit 3\n' >bin/gnuplot && chmod +x bin/gnuplot
    status_is 1 env PATH="$PWD/empty" "$BASH" "$ROOT/pipelines/plot" runs/small
    [ "$stderr" = 'plot: gnuplot is not installed (Debian: apt-get install gnuplot-nox)' ]
    PATH=$PWD/bin:$PATH
    status_is 1 plot absent
    [ "$stderr" = 'plot: absent: there is no absent to be read' ]
    mkdir new
    status_is 1 plot new
    [ "$stderr" = 'plot: new: there is no new/metrics.jsonl to be read' ]
    echo '{"st' >new/metrics.jsonl
    status_is 1 plot new
    [ "$stderr" = 'plot: new/metrics.jsonl: no line of metrics in it yet' ]
    status_is 3 plot -o curves.png runs/small
    [ "$stderr" = broken ]
    [ ! -e curves.png ] && [ ! -e curves.png.part ]
    for options in '' '-o curves.jpg runs/small' '-x furlongs runs/small' '-o' '--nonsense'; do
        # shellcheck disable=SC2086 # several words
        status_is 2 plot $options
        [[ ${stderr_lines[1]} == 'Usage: plot '* ]]
    done
}

# ---- finetune ----

@test "finetune: a recipe trains, scores and evaluates, and has nothing to do the second time" {
    mkdir -p data/sms_spam
    for i in {1..30}; do
        printf 'ham\tsee you at %s\nspam\twin %s now\n' "$i" "$i"
    done > data/sms_spam/SMSSpamCollection
    finetune() {
        env -u MAKELEVEL MAKEFLAGS='' make -f "$ROOT/pipelines/finetune/spam.mk" BIN="$BIN" DATA=data \
            THREADS=1 LENGTH=32 VOCAB_SIZE=200 BUDGET='--steps 3' "$@"
    }
    finetune > log
    grep -q '^accuracy' work/spam/metrics.tsv
    [ "$(head -n 1 work/spam/scores.tsv)" = $'id\tlabel\tprobability' ]
    [ "$(wc -l < work/spam/scores.tsv)" -eq 7 ]
    finetune -q work/spam/metrics.tsv
    finetune WORK=several TRIALS=2 > log
    [ "$(grep -c '"valid_accuracy":' several/model/metrics.jsonl)" -eq 2 ]
    [ -d several/model/trial-2 ]
    grep -q '^accuracy' several/metrics.tsv
    finetune -q WORK=several TRIALS=2 several/metrics.tsv
    # of other texts a finished run knows nothing
    touch -d tomorrow data/sms_spam/SMSSpamCollection
    status_is 2 finetune
    [[ "$stderr" == *"work/spam/model was trained before work/spam/train.els work/spam/valid.els changed"* ]]
    rm -r work/spam/model
    finetune > log
}

@test "finetune: each recipe is whole" {
    for recipe in "$ROOT"/pipelines/finetune/*.mk; do
        [ "${recipe##*/}" != rules.mk ] || continue
        env -u MAKELEVEL MAKEFLAGS='' make -n -f "$recipe" BIN="$BIN" WORK=work > log
        grep -q 'electra-train' log
    done
}

@test "finetune: BIO to BIOES, with the same spans" {
    bioes() { awk -f "$ROOT/pipelines/finetune/bioes.awk" "$@"; }
    printf 'a B-X\nb\tNN I-X\nc I-X\nd O\n-DOCSTART- -X- O\n\ne I-Y\n\nf B-X\ng B-X\nh I-Y\r\ni O-dd' |
        bioes > found
    diff - found <<< $'a B-X\nb\tNN I-X\nc E-X\nd O\n-DOCSTART- -X- O\n\ne S-Y\n\nf S-X\ng S-X\nh S-Y\ni O-dd'
    awk 'BEGIN {
        srand(1); split("O O B-X I-X B-Y I-Y", tag, " ")
        for (i = 0; i < 600; i++) print rand() < 0.2 ? "" : "word " tag[1 + int(6 * rand())]
    }' > random
    cmp <(bioes random) <(bioes random | bioes)
    column() { # as JSON, an array for each sentence
        awk -v key="$1" 'BEGIN { RS = "" } { printf "\"%s\":[", key
            for (i = 2; i <= NF; i += 2) printf "%s\"%s\"", (i > 2 ? "," : ""), $i; print "]" }'
    }
    paste -d , <(column gold < random) <(bioes random | column labels) |
        awk '{ print "{\"id\":" NR "," $0 "}" }' | electra-eval --from jsonl > metrics
    grep -qx $'f1\t1' metrics
    run ! grep -qx $'accuracy\t1' metrics
}

@test "finetune: WordNet's categories" {
    [ -e /usr/share/wordnet/data.noun ] || skip 'no wordnet-base'
    awk -f "$ROOT/pipelines/finetune/categories.awk" /usr/share/wordnet/data.{noun,verb,adj,adv} > all.tsv
    [ "$(cut -f 2 all.tsv | sort -u | wc -l)" -eq 45 ]
    grep -q $'^that which is perceived.*\tnoun.Tops$' all.tsv
    awk -F '\t' 'NF != 2 || $1 == "" { exit 1 }' all.tsv
}

# ---- finetune ----

@test "finetune: answerable questions are always answered, with other options too" {
    score() {
        env -u MAKELEVEL MAKEFLAGS='' make -n -f "$ROOT/pipelines/finetune/squad.mk" BIN="$BIN" \
            DATA=none "$@" | grep electra-score
    }
    run ! grep -e --always-answer <(score)
    [ "$(score SQUAD=answerable-v1.1 | grep -ce ' --always-answer')" = 2 ]
    [ "$(score SQUAD=answerable-v1.1 SCORE_FLAGS='--n-best 3' |
        grep -ce ' --n-best 3 --always-answer')" = 2 ]
}
