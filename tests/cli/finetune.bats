#!/usr/bin/env bats
# electra-train classify, regress and tag, and electra-score with what they made, on networks that
# take a fraction of a second.

load helper
load runs

setup_file() {
    cd "$BATS_FILE_TMPDIR" || return 1
    tiny_shape > tiny.json
    electra-vocab -q --size 1000 "$CORPUS" > vocab.txt
    three_classes > three.tsv
    tokenize --tsv --text 1 --label 2 three.tsv > three.els
    for i in {1..6}; do
        printf 'good %s\tbad %s\t%s.5\n' "$i" "$i" "$i"
    done | tokenize --tsv --text 1 --pair 2 --label 3 > pairs.els
    for i in {1..8}; do
        printf 'Paris B-LOC\nis O\nnot O\nNew B-LOC\nYork I-LOC\n\nJohn B-PER\nsees O\nit. O\n\n'
    done | tokenize --conll > tags.els
    printf '%s\n' '{"text":"good","label":["a","b"]}' '{"text":"bad","label":[]}' \
        '{"text":"good day","label":["a"]}' '{"text":"day","label":["c"]}' |
        tokenize --jsonl --text text --label label > sets.els
}

tokenize() {
    electra-tokenize -q --vocab vocab.txt --max-length 32 "$@"
}

# Overrides the helper's: each test has the inputs in its directory.
setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    cp "$BATS_FILE_TMPDIR"/{tiny.json,vocab.txt,three.tsv,three.els,pairs.els,tags.els,sets.els} .
}

# train COMMAND DIR OPTION…: from random weights, metrics in DIR.out.
train() {
    electra-train "$1" --config tiny.json --vocab vocab.txt --log-every 1 -o "$2" "${@:3}" > "$2.out"
}

# refuses COMMAND OPTION… : exit 1 and one line, left in $stderr.
refuses() {
    rm -rf refused
    status_is 1 electra-train "$1" --config tiny.json --vocab vocab.txt -o refused "${@:2}"
    [ "$(wc -l <<< "$stderr")" -eq 1 ]
    [ ! -e refused ]
}

# ---- what comes of it ----

@test "a fine-tuned run is a model, with the names of its classes" {
    train classify m --steps 3 three.els
    for file in config.json model.safetensors vocab.txt tokenizer_config.json; do
        [ "$(readlink "m/$file")" = "model/$file" ]
        [ -s "m/$file" ]
    done
    [ "$(readlink m/model)" = checkpoint-3/model ]
    [ -s m/checkpoint-3/state/optimizer.safetensors ]
    [ -e m/done ]
    grep -q '"ElectraForSequenceClassification"' m/config.json
    tr -d ' \n' < m/config.json |
        grep -q '"id2label":{"0":"neg","1":"none","2":"pos"},"initializer_range"'
    electra-model info m > info
}

@test "classify learns, and score says what it learnt" {
    train classify m --epochs 40 --lr 0.01 three.els
    electra-score -m m three.els > scores.tsv
    paste <(cut -f 2 three.tsv) <(cut -f 2 scores.tsv) | awk '$1 != $2' > wrong
    [ "$(wc -l < wrong)" -le 3 ]
    [ "$(wc -l < scores.tsv)" -eq 36 ]
    electra-score -m m --names three.els | head -n 1 | grep -qx $'id\tlabel\tprobability'
}

@test "JSON Lines have all probabilities, and their sum is one" {
    train classify m --steps 3 three.els
    electra-score -m m --format jsonl three.els > scores.jsonl
    head -n 1 scores.jsonl | grep -Eq '^\{"id":1,"gold":"pos","label":"(pos|neg|none)","probability":[0-9.]+,"probabilities":\{"neg":[0-9.]+,"none":[0-9.]+,"pos":[0-9.]+\}\}$'
    sed -E 's/.*"neg":([0-9.]+),"none":([0-9.]+),"pos":([0-9.]+).*/\1 \2 \3/' scores.jsonl |
        awk '{ if (($1 + $2 + $3 - 1)^2 > 1e-12) exit 1 }'
}

@test "--tokens: what each word does for the class" {
    train classify m --epochs 40 --lr 0.01 three.els
    electra-score -m m --tokens --names three.els > words.tsv
    head -n 1 words.tsv | grep -qx $'id\tword\tstart\tend\tlabel\teffect'
    sed -n '2,5p' words.tsv | cut -f 1-4 |
        diff - <(printf '1\ta\t0\t1\n1\tgood\t2\t6\n1\t1\t7\t8\n1\tday\t9\t12\n')
    [ -z "$(sed -n 6p words.tsv)" ]
    cmp <(electra-score -j 1 -m m --tokens three.els) <(electra-score -j 3 -m m --tokens three.els)
    # masked by hand: its probability is what is missing
    mask=$(grep -nxF '[MASK]' vocab.txt | cut -d : -f 1)
    electra-view --header three.els | head -n 2 |
        sed -E "2s/(\"ids\":\[[0-9]+,[0-9]+),[0-9]+/\1,$((mask - 1))/" |
        electra-view --from jsonl > masked.els
    label=$(sed -n 3p words.tsv | cut -f 5)
    p=$(electra-score -m m --format jsonl three.els | head -n 1 | sed -E "s/.*\"$label\":([0-9.e-]+).*/\1/")
    q=$(electra-score -m m --format jsonl masked.els | sed -E "s/.*\"$label\":([0-9.e-]+).*/\1/")
    awk -v p="$p" -v q="$q" -v e="$(sed -n 3p words.tsv | cut -f 6)" \
        'BEGIN { d = p - q - e; exit d > 1e-5 || d < -1e-5 }'
    electra-score -m m --tokens --format jsonl three.els | head -n 1 |
        grep -q '"tokens":\[{"word":"a","start":0,"end":1,"effect":'
}

@test "validation reports what score and eval do" {
    train classify m --epochs 2 --valid three.els three.els
    electra-score -m m --format stream three.els | electra-eval --metric accuracy --metric log_loss > metrics
    last=$(grep valid_ m.out | tail -n 1)
    best=$(grep valid_ m.out | sort -t : -k 4 | tail -n 1)
    [ -n "$last" ]
    [ "$(value valid_accuracy "$best")" = "$(awk '$1 == "accuracy" { print $2 }' metrics)" ]
}

@test "the best checkpoint by the task's metric is the one that is shown" {
    train classify m --epochs 6 --valid three.els --checkpoint-every 2 --valid-every 2 --lr 0.01 \
        three.els
    best=$(grep valid_ m.out | sed -E 's/.*"step":([0-9]+).*"valid_accuracy":([0-9.]+).*/\2 \1/' |
        sort -k 1,1gr -k 2,2n | head -n 1)
    [ "$(readlink m/model)" = "checkpoint-${best#* }/model" ]
}

@test "pairs have numbers" {
    train regress m --steps 5 --valid pairs.els pairs.els
    grep -q '"valid_pearson":' m.out
    electra-score -m m pairs.els | awk -F '\t' 'NF != 2 { exit 1 }'
    electra-score -m m --format jsonl pairs.els | head -n 1 |
        grep -Eq '^\{"id":1,"gold":.*1\.5.*"value":-?[0-9.e-]+\}$'
    electra-score -m m --format stream pairs.els | electra-eval | grep -q '^mse'
    grep -q '"problem_type": "regression"' m/config.json
}

@test "pairs in both orders" {
    train regress m --epochs 1 --double-order pairs.els
    tail -n 1 m.out | grep -q '"epoch":2'
    train regress n --epochs 2 pairs.els
    run ! cmp <(electra-score -m m pairs.els) <(electra-score -m n pairs.els)
    refuses classify --double-order three.els
    [[ "$stderr" == *"record 1: there is no pair"* ]]
}

# Weights that stay as they are show by its loss which pair, and in which order, a step saw.
@test "every pair is seen in both orders, shuffled or not" {
    still=(--double-order --batch 1 --lr 1e-12 --set hidden_dropout_prob=0
        --set attention_probs_dropout_prob=0 --set classifier_dropout=0)
    for i in {1..9}; do
        printf 'good %s\tbad %s day\t%s.5\n' "$i" "$i" "$i"
    done | tokenize --tsv --text 1 --pair 2 --label 3 > nine.els
    for order in "" --no-shuffle; do
        # shellcheck disable=SC2086 # an option, or none
        train regress "m$order" --epochs 1 $order "${still[@]}" nine.els
        [ "$(wc -l < "m$order.out")" -eq 18 ]
        [ "$(grep -o '"loss":[^,]*' "m$order.out" | sort -u | wc -l)" -eq 18 ]
    done
}

@test "several labels for a text" {
    train classify m --multi-label --epochs 60 --lr 0.01 --valid sets.els sets.els
    grep -q '"valid_f1_micro":' m.out
    grep -q '"problem_type": "multi_label_classification"' m/config.json
    electra-score -m m --format jsonl sets.els > scores.jsonl
    grep -q '"label":\["a"' scores.jsonl
    run ! grep -q '"probability":' scores.jsonl
    electra-score -m m --names sets.els | head -n 1 | grep -qx $'id\tlabels\tprobabilities'
    electra-score -m m sets.els | awk -F '\t' 'NF != 3 { exit 1 }'
    electra-score -m m --format stream sets.els | electra-eval | grep -q '^f1_micro'
}

@test "the loss of several labels is that of their probabilities" {
    train classify m --multi-label --steps 10 --lr 0.01 --valid sets.els --valid-every 100 sets.els
    loss=$(tail -n 1 m.out | sed -E 's/.*"valid_loss":([^,}]*).*/\1/')
    electra-score -m m --format jsonl sets.els |
        sed -E 's/.*"probabilities":\{"a":(.*),"b":(.*),"c":(.*)\}.*/\1 \2 \3/' |
        paste -d ' ' - <(printf '1 1 0\n0 0 0\n1 0 0\n0 0 1\n') |
        awk -v loss="$loss" '
            { for (i = 1; i <= 3; i++) sum -= log($(i + 3) ? $i : 1 - $i) }
            END { exit !(NR == 4 && (sum / 12 - loss) ^ 2 < 1e-10) }'
}

@test "tag labels words, and finds entities with their bytes" {
    train tag m --epochs 60 --lr 0.01 --valid tags.els tags.els
    grep -q '"valid_f1":1' m.out
    electra-score -m m tags.els > scores.tsv
    head -n 6 scores.tsv | diff - <(printf '1\tParis\tB-LOC\n1\tis\tO\n1\tnot\tO\n1\tNew\tB-LOC\n1\tYork\tI-LOC\n\n')
    electra-score -m m --format jsonl tags.els | head -n 1 |
        grep -Eq '"entities":\[\{"type":"LOC","text":"Paris","start":0,"end":5,"score":0\.[0-9]+\},\{"type":"LOC","text":"New York","start":13,"end":21,"score":0\.[0-9]+\}\]'
    electra-score -m m --format stream tags.els | electra-eval --metric f1 | grep -qx $'f1\t1'
    grep -q '"ElectraForTokenClassification"' m/config.json
    # Words of a second text that is not there, so that nothing bounds their bytes: no text is cut.
    electra-view --header tags.els | sed -E '2{
        s/\[0,1\],\[1,3\],\[3,5\]/[4000000000,4000000001],[4000000001,4000000003],[4000000003,4000000005]/
        s/\[17,18\],\[18,20\],\[20,21\]/[4000000017,4000000018],[4000000018,4000000020],[4000000020,4000000021]/
        s/"words"/"types":[0,1,1,1,0,0,0,0,1,1,1,0],&/
    }' | electra-view --from jsonl > pair.els
    electra-score -m m --format jsonl pair.els | head -n 1 > pair.jsonl
    grep -q '"text":"","start":4000000000,"end":4000000005,' pair.jsonl
    grep -q '"text":"","start":0,"end":0,' pair.jsonl
}

@test "tag: a rejected text keeps its row and its blank line" {
    train tag m --steps 1 tags.els
    electra-view --header tags.els | sed -E '2s/"words":\[null,0/"words":[null,4294967290/' |
        electra-view --from jsonl > far.els
    status_is 1 electra-score -m m far.els
    [[ "$stderr" == *"far.els: record 1: key 'words' of token 1 is 4294967290, but the text has at"* ]]
    status_is 3 electra-score -q -m m --keep-going -o rows far.els
    head -n 3 rows | cut -f 1,2 | diff - <(printf '1\t!error\n\n2\tJohn\n')
    electra-view --header far.els | sed -E '2s/"text":"[^"]*",//' | electra-view --from jsonl > bare.els
    status_is 1 electra-score -m m bare.els
    [[ "$stderr" == *"bare.els: record 1: key 'words' of token 1 is 4294967290"* ]]
}

@test "google's heads have one layer" {
    train classify m --head google --steps 2 three.els
    grep -q '"GoogleElectraForSequenceClassification"' m/config.json
    electra-score -m m three.els | head -n 1 | grep -q '^1'
    train tag t --head google --steps 2 tags.els
    grep -q '"classifier_dropout": 0' t/config.json
}

# ---- where it starts ----

@test "a model to start from gives its encoder, or its head too if it has the classes" {
    train classify m --steps 3 three.els
    status_is 0 electra-train classify --init m --steps 2 -o n three.els
    [ -z "$stderr" ]
    status_is 0 electra-train tag --init m --steps 2 -o t tags.els
    [[ "$stderr" == *": m: it has no such head: a new one is drawn at random" ]]
    status_is 0 electra-train classify --init m --multi-label --steps 2 -o s sets.els
    [[ "$stderr" == *": m: its head is for other labels: a new one is drawn at random" ]]
    status_is 0 electra-train classify --init m --steps 2 -o two <(head -n 2 three.tsv |
        electra-tokenize -q --vocab vocab.txt --tsv --text 1 --label 2 --max-length 32)
    [ -z "$stderr" ]
    grep -q '"none"' two/config.json
    status_is 2 electra-train classify --init m --vocab vocab.txt -o x three.els
    status_is 2 electra-train classify -o x three.els
    [[ "$stderr" == *"--init MODEL is missing"* ]]
}

@test "streams must be tokenized as the model was, and as one another" {
    train classify m --steps 1 three.els
    tokenize --cased --tsv --text 1 --label 2 three.tsv > cased.els
    status_is 1 electra-train classify --init m --steps 1 -o n cased.els
    [ "$stderr" = "electra-train: cased.els was tokenized cased, but m is uncased" ]
    status_is 1 electra-train classify --init m --steps 1 -o n --valid cased.els three.els
    [ "$stderr" = "electra-train: cased.els was tokenized cased, but m is uncased" ]
    status_is 1 electra-train classify --config tiny.json --vocab vocab.txt --steps 1 -o n \
        --valid cased.els three.els
    [ "$stderr" = "electra-train: cased.els is cased, three.els is uncased" ]
    [ ! -e n ]
}

@test "a model in the way of a run stays as it is" {
    train classify m --steps 1 three.els
    cp -rL m/model plain
    cp -r plain before
    for more in "" "--trials 2 --valid three.els"; do
        # shellcheck disable=SC2086 # options
        status_is 2 electra-train classify --init plain -o plain $more three.els
        [[ "$stderr" == *"plain/"*": is there already, and is not of a run: it would be lost"* ]]
        diff -r before plain
    done
    mkdir -p two
    electra-train pretrain -q --config tiny.json --set max_seq_length=32 --batch 4 \
        --vocab vocab.txt --steps 1 -o run three.els > /dev/null
    cp -rL run/discriminator run/generator two
    cp -r two before-two
    status_is 2 electra-train pretrain --init two --batch 4 --steps 1 -o two three.els
    [[ "$stderr" == *"two/discriminator: is there already"* ]]
    diff -r before-two two
}

@test "a pre-trained run is a model to start from" {
    electra-tokenize -q --docs --max-length 32 --vocab vocab.txt "$CORPUS" > a.els
    sed 's/}/, "generator_hidden_size": 1.0, "train_batch_size": 4, "max_seq_length": 64}/' \
        tiny.json > both.json
    electra-train pretrain --config both.json --vocab vocab.txt --steps 2 -o p a.els > p.out
    electra-train classify -q --init p --steps 2 -o m three.els > m.out
    electra-score -m m three.els > scores.tsv
}

# ---- determinism ----

@test "threads change no byte" {
    train classify a -j 1 --epochs 2 --valid three.els three.els
    train classify b -j 3 --epochs 2 --valid three.els three.els
    diff -r a/latest/ b/latest/
    diff <(steady a.out) <(steady b.out)
    cmp <(electra-score -j 1 -m a --format stream three.els) \
        <(electra-score -j 3 -m a --format stream three.els)
}

@test "resumed equals never stopped" {
    train tag a --epochs 4 --valid tags.els --checkpoint-every 2 tags.els
    train tag b --epochs 4 --valid tags.els --checkpoint-every 2 tags.els
    rm -r b/done b/checkpoint-"$(readlink b/latest | sed 's/.*-//')"
    train tag b --epochs 4 --valid tags.els --checkpoint-every 2 --resume tags.els
    diff -r a/latest/ b/latest/
    diff <(steady a/metrics.jsonl) <(steady b/metrics.jsonl)
    status_is 0 electra-train tag --config tiny.json --vocab vocab.txt -o a --epochs 4 \
        --valid tags.els --checkpoint-every 2 --resume tags.els
}

@test "--resume with other options is refused by name" {
    train classify m --epochs 4 --checkpoint-every 2 three.els
    rm m/done
    status_is 2 electra-train classify --config tiny.json --vocab vocab.txt -o m --epochs 4 \
        --log-every 1 --checkpoint-every 2 --set layerwise_lr_decay=0.5 --resume three.els
    [[ "$stderr" == *"layerwise_lr_decay"* ]]
    sed 's/"num_attention_heads": 2/"num_attention_heads": 4/' tiny.json > other.json
    status_is 2 electra-train classify --config other.json --vocab vocab.txt -o m --epochs 4 \
        --log-every 1 --checkpoint-every 2 --resume three.els
    [[ "$stderr" == *num_attention_heads*"2, not 4"* ]]
}

@test "a batch that --set names is not made smaller" {
    refuses classify --set train_batch_size=40 three.els
    [[ "$stderr" == *"36 records, fewer than the 40 of one batch"* ]]
    refuses classify --batch 40 three.els
    train classify m --epochs 1 --set train_batch_size=18 three.els
    tail -n 1 m.out | grep -q '"step":2,'
    train regress n --epochs 1 pairs.els # fewer than a batch by default has
    tail -n 1 n.out | grep -q '"step":1,'
}

# setting KEY DIR: what the run in DIR was started with.
setting() {
    sed -nE "s/^ *\"$1\": ([^,]*),?$/\\1/p" "$2/latest/state/state.json" | head -n 1
}

@test "the settings of a --config file are obeyed, --set and options win" {
    sed 's/}/, "learning_rate": 0.002, "layerwise_lr_decay": 0.5, "weight_decay_rate": 0.125,\
        "warmup_proportion": 0.25, "train_batch_size": 12, "lr_decay_power": 2, "adam_beta1": 0.5,\
        "adam_beta2": 0.75, "adam_epsilon": 0.001, "adam_bias_correction": true,\
        "max_grad_norm": 2, "sum_loss": false,\
        "hidden_dropout_prob": 0.25, "attention_probs_dropout_prob": 0.5,\
        "classifier_dropout": 0.75}/' tiny.json > full.json
    electra-train classify --config full.json --vocab vocab.txt --epochs 1 -o m three.els > m.out
    tail -n 1 m.out | grep -q '"step":3,'
    # the same by --set
    mapfile -t settings < <(tr -d '{}\n ' < full.json | tr ',' '\n' | grep -vE 'size|num_|max_pos' |
        tr -d '"' | sed 's/:/=/')
    [ "${#settings[@]}" -eq 14 ]
    electra-train classify --config tiny.json --vocab vocab.txt --epochs 1 "${settings[@]/#/--set=}" \
        --set train_batch_size=12 -o s three.els > s.out
    diff -r m/latest/ s/latest/
    [ "$(setting layerwise_lr_decay m)" = 0.5 ]
    [ "$(setting classifier_dropout m)" = 0.75 ]
    [ -z "$(setting answerable_weight m)" ]
    electra-train classify --config full.json --vocab vocab.txt --epochs 1 --set sum_loss=true \
        --set adam_beta1=0.25 --batch 18 --lr 0.004 --warmup 1 -o o three.els > o.out
    tail -n 1 o.out | grep -q '"step":2,'
    [ "$(setting adam_beta1 o)" = 0.25 ]
    [ "$(setting learning_rate o)" = 0.0040000000000000001 ]
    [ "$(setting sum_loss o)" = true ]
    [ "$(setting num_warmup_steps o)" = 1.0 ]
    [ "$(setting weight_decay_rate o)" = 0.125 ]
    # null is the default, as config.json has it
    sed 's/}/, "classifier_dropout": null}/' tiny.json > null.json
    for config in tiny null; do
        electra-train classify --config "$config.json" --vocab vocab.txt --steps 1 -o "$config" three.els > out
    done
    diff -r tiny/latest/ null/latest/
    # the order in the file is all the same: defaults follow the shape
    echo '{"sum_loss": true, "max_position_embeddings": 64, "num_hidden_layers": 1, "hidden_size": 512,
        "num_attention_heads": 2, "intermediate_size": 8, "embedding_size": 8}' > wide.json
    electra-train classify --config wide.json --vocab vocab.txt --steps 1 -o w three.els > w.out
    [ "$(setting learning_rate w)" = 0.0001 ] || [ "$(setting learning_rate w)" = 0.00010000000000000001 ]
}

@test "what a --config file says in vain is refused by name" {
    for key in '"mask_prob": 0.2' '"generator_hidden_size": 1.0' '"num_warmup_steps": 5' \
        '"nonsense": 1' '"max_seq_length": 64'; do
        sed "s/}/, $key}/" tiny.json > other.json
        status_is 1 electra-train classify --config other.json --vocab vocab.txt -o m three.els
        [[ "$stderr" == "electra-train: other.json: unknown key '$(cut -d '"' -f 2 <<< "$key")' for fine-tuning" ]]
    done
    sed 's/}/, "vocab_size": 5}/' tiny.json > other.json
    status_is 1 electra-train classify --config other.json --vocab vocab.txt -o m three.els
    [[ "$stderr" == "electra-train: other.json: 'vocab_size' is the vocabulary's to say" ]]
    sed 's/}/, "learning_rate": "fast"}/' tiny.json > other.json
    status_is 1 electra-train classify --config other.json --vocab vocab.txt -o m three.els
    [[ "$stderr" == "electra-train: other.json: 'learning_rate' is not a number above 0 and below 10" ]]
    sed 's/"num_attention_heads": 2/"num_attention_heads": 3/' tiny.json > other.json
    status_is 1 electra-train classify --config other.json --vocab vocab.txt -o m three.els
    [[ "$stderr" == "electra-train: other.json: 'hidden_size' 16 is no multiple of 'num_attention_heads' 3" ]]
    status_is 1 electra-train classify --config smal --vocab vocab.txt -o m three.els
    [[ "$stderr" == "electra-train: smal: no such file, and no configuration of that name (nano, small, base, large)" ]]
    status_is 2 electra-train classify --config tiny.json --vocab vocab.txt --set nonsense=3 -o m three.els
    [[ "$stderr" == "electra-train: --set nonsense=3: unknown key 'nonsense'"* ]]
    # of one head alone
    echo '{"answerable_weight": 1}' > other.json
    for command in classify 'qa --head hf'; do
        # shellcheck disable=SC2086
        status_is 1 electra-train $command --config other.json --vocab vocab.txt -o m three.els
        [[ "$stderr" == "electra-train: other.json: 'answerable_weight' is for google's head for questions" ]]
        # shellcheck disable=SC2086
        status_is 2 electra-train $command --vocab vocab.txt --set answerable_weight=1 -o m three.els
        [[ "$stderr" == *": --set answerable_weight=1: 'answerable_weight' is for google's head for questions"* ]]
    done
    [ ! -e m ]
}

@test "a pipe is read to its end before the first step" {
    train classify a --steps 3 three.els
    train classify b --steps 3 < three.els
    # shellcheck disable=SC2002 # a pipe is what is tried
    cat three.els | train classify c --steps 3
    cmp a/model.safetensors b/model.safetensors
    cmp a/model.safetensors c/model.safetensors
}

@test "--resume names options as they were given" {
    sed 's/"hidden_size": 16/"hidden_size": 24/' tiny.json > wide.json
    begin() {
        rm -rf m
        train "$1" m --batch 6 --stop-after 0.001s --epochs 30 "${@:2}" || [ $? -eq 4 ]
        [ ! -e m/done ]
    }
    says() { # MESSAGE COMMAND OPTION…
        status_is 2 electra-train "$2" --vocab vocab.txt --log-every 1 -o m --resume "${@:3}"
        [[ "${stderr_lines[0]}" == "electra-train: --resume: this run was started $1 (give the "* ]] ||
            { echo "$stderr"; return 1; }
    }
    same='--config tiny.json --batch 6 --epochs 30'
    # shellcheck disable=SC2086 # words
    {
        begin classify --double-order pairs.els
        says 'with --epochs 30, not 20' classify --config tiny.json --batch 6 --epochs 20 --double-order pairs.els
        says 'with --double-order' classify $same pairs.els
        begin classify --valid three.els three.els
        says 'without --warmup' classify $same --warmup 3 --valid three.els three.els
        says 'with --set warmup_proportion=0.1, not 0.2' classify $same --set warmup_proportion=0.2 \
            --valid three.els three.els
        says 'with --batch 6, not 12' classify --config tiny.json --epochs 30 --batch 12 --valid three.els three.els
        says 'without --valid-every' classify $same --valid-every 7 --valid three.els three.els
        says 'with another --config (hidden_size 16, not 24)' classify --config wide.json --batch 6 \
            --epochs 30 --valid three.els three.els
        says 'with --head hf, not google' classify $same --head google --valid three.els three.els
        begin classify three.els
        says 'without --multi-label' classify $same --multi-label three.els
        begin classify --warmup 3 three.els
        says 'with --warmup 3' classify $same three.els
        train classify start --steps 1 three.els
        status_is 2 electra-train classify --init start --batch 6 --epochs 30 --warmup 3 --log-every 1 \
            -o m --resume three.els
        [[ "${stderr_lines[0]}" == *" was started without --init (give the "* ]]
    }
}

# ---- bad input ----

@test "what was rejected before is left out with --keep-going" {
    sed '3s/.*/{"text":1,"label":"pos"}/' <(head -n 12 three.tsv |
        sed -E 's/(.*)\t(.*)/{"text":"\1","label":"\2"}/') > some.jsonl
    status_is 3 electra-tokenize -q --vocab vocab.txt --max-length 32 --jsonl --text text \
        --label label --keep-going -o some.els some.jsonl
    [ "$(electra-view some.els | grep -c '"error":')" -eq 1 ]
    refuses classify some.els
    [[ "$stderr" == *"some.els: record 3: "* ]]
    sed 3d some.jsonl | tokenize --jsonl --text text --label label > rest.els
    train classify rest --epochs 2 --valid three.els rest.els
    status_is 3 train classify some --epochs 2 --keep-going --valid three.els some.els
    [[ "$stderr" == *": 1 records rejected" ]]
    cmp {rest,some}/model.safetensors
    diff <(steady rest.out) <(steady some.out)
    status_is 3 train classify both --epochs 2 --keep-going --valid some.els some.els
    [[ "$stderr" == *": 2 records rejected" ]]
    rm some/done
    status_is 1 train classify some --epochs 2 --keep-going --valid three.els --resume rest.els
    [[ "$stderr" == *": --resume: rest.els is not the input this run was started on" ]]
    # numbers in messages are those of the stream
    electra-view --header some.els | sed 's/"label":"none"/"label":[]/' |
        electra-view --from jsonl > wrong.els
    at=$(electra-view wrong.els | grep -n '"label":\[\]' | head -n 1 | cut -d : -f 1)
    refuses classify --keep-going --valid wrong.els three.els
    [[ "$stderr" == *"wrong.els: record $at: "* ]]
}

@test "a label with a NUL is none of the names" {
    for label in 'pos\u0000' 'pos\u0000x' 'pos\u0000\u0000\u0000neg'; do
        printf '{"text":"a good day","label":"%s"}\n' "$label" |
            tokenize --jsonl --text text --label label > nul.els
        refuses classify --valid nul.els three.els
        [[ "$stderr" == *"nul.els: record 1: label 'pos' is none of the 3 that were learnt" ]]
    done
}

@test "a number is the whole of its text" {
    zeros=$(printf '%070d' 0)
    for label in "1.$zeros" "1.${zeros}x" '1\u0000x'; do
        printf '{"text":"a","label":"%s"}\n' "$label" |
            tokenize --jsonl --text text --label label > number.els
        refuses regress number.els
        [[ "$stderr" == *"record 1: key 'label': no number of at most 63 characters" ]]
    done
    printf '{"text":"a","label":"1.%.60s"}\n' "$zeros" |
        tokenize --jsonl --text text --label label > number.els
    train regress m --steps 1 number.els
}

@test "a label that was not seen in training" {
    printf 'what\tother\na good day\tpos\n' | electra-tokenize -q --vocab vocab.txt --tsv --text 1 \
        --label 2 --max-length 32 > v.els
    refuses classify --valid v.els three.els
    [[ "$stderr" == *"v.els: record 1: label 'other' is none of the 3 that were learnt" ]]
    status_is 3 electra-train classify --config tiny.json --vocab vocab.txt -o m --steps 2 \
        --keep-going --valid v.els three.els
    grep -q '"valid_accuracy":' m/metrics.jsonl
}

@test "one class only" {
    head -n 1 three.tsv | electra-tokenize -q --vocab vocab.txt --tsv --text 1 --label 2 \
        --max-length 32 > one.els
    refuses classify one.els
    [[ "$stderr" == *"one.els: every label is 'pos': there is nothing to tell apart" ]]
}

@test "no label, an empty one, one that is no number, labels of another task" {
    echo 'a good day' | electra-tokenize -q --vocab vocab.txt --max-length 32 > bare.els
    refuses classify bare.els
    [[ "$stderr" == *"bare.els: record 1: there is no label"* ]]
    refuses qa bare.els
    [[ "$stderr" == *"bare.els: record 1: there is no answer to learn"* ]]
    refuses regress three.els
    [[ "$stderr" == *"three.els: record 1: key 'label': 'pos' is not a number"* ]]
    refuses tag three.els
    [[ "$stderr" == *"three.els: record 1: key 'label' is no array"* ]]
    refuses classify tags.els
    [[ "$stderr" == *"tags.els: record 1: key 'label' has several labels"* ]]
    electra-view --header three.els | sed '2s/"pos"/""/' | electra-view --from jsonl > empty.els
    refuses classify empty.els
    [[ "$stderr" == *"record 1: the label is empty" ]]
}

@test "labels of words that are too few or too many" {
    electra-view --header tags.els | sed -E '2s/"O","O"/"O"/' | electra-view --from jsonl > few.els
    refuses tag few.els
    [[ "$stderr" == *"few.els: record 1: key 'label' has 4 labels for 5 words" ]]
    electra-view --header tags.els | sed -E '2s/"I-LOC"\]/"I-LOC","I-LOC"]/' |
        electra-view --from jsonl > many.els
    refuses tag many.els
    [[ "$stderr" == *"many.els: record 1: key 'label' has 6 labels for 5 words" ]]
}

@test "a word of nothing but what the tokenizer drops has a label" {
    printf 'Paris B-LOC\n\xe2\x80\x8b O\n\n' | tokenize --conll > drops.els
    cat tags.els drops.els > both.els
    train tag m --steps 2 both.els
    [ "$(electra-score -m m drops.els | cut -f 2)" = Paris ]
}

@test "words that were cut off have labels and are no mistake" {
    yes 'the O' | head -n 60 | electra-tokenize -q --vocab vocab.txt --conll --max-length 32 > l.els
    cat tags.els l.els > both.els
    train tag m --steps 2 both.els
    [ "$(electra-score -m m l.els | grep -c the)" -eq 30 ]
}

@test "an empty text has a class" {
    printf '\tpos\nx\tneg\n' | electra-tokenize -q --vocab vocab.txt --tsv --text 1 --label 2 \
        --max-length 32 > e.els
    train classify m --steps 2 e.els
    [ "$(electra-score -m m e.els | wc -l)" -eq 2 ]
}

@test "texts longer than the model" {
    electra-tokenize -q --vocab vocab.txt --tsv --text 1 --label 2 --max-length 100 three.tsv > l.els
    refuses classify l.els
    [[ "$stderr" == *"l.els: texts of up to 100 tokens, but the network has 64 positions"* ]]
}

# ---- questions ----

# questions: six about one context, longer than a window; the fourth has no answer.
questions() {
    local context='one red day two blue day three green day four black day five white day six grey day'
    local color before i=0 list=()
    for color in red blue green none black white; do
        i=$((i + 1))
        before=${context%%"$color"*}
        if [ "$before" = "$context" ]; then
            list+=("{\"id\":\"q$i\",\"question\":\"which day is $i\",\"answers\":[],\"is_impossible\":true}")
        else
            list+=("{\"id\":\"q$i\",\"question\":\"which day is $i\",\"answers\":[{\"text\":\"$color\",\"answer_start\":${#before}}],\"is_impossible\":false}")
        fi
    done
    printf '{"version":"v2.0","data":[{"title":"t","paragraphs":[{"context":"%s","qas":[%s]}]}]}\n' \
        "$context" "$(IFS=,; echo "${list[*]}")" > questions.json
    electra-tokenize -q --vocab vocab.txt --squad --max-length 20 --stride 4 questions.json > q.els
}

@test "qa: one answer for all windows of a text" {
    questions
    [ "$(electra-view q.els | wc -l)" -gt 6 ]
    train qa m --steps 60 --lr 0.01 --valid q.els q.els
    grep -q '"valid_f1":' m.out
    electra-score -m m --names q.els > scores.tsv
    [ "$(cut -f 1 scores.tsv | tr '\n' ' ')" = "id q1 q2 q3 q4 q5 q6 " ]
    electra-score -m m --always-answer --format jsonl q.els > all.jsonl
    [ "$(wc -l < all.jsonl)" -eq 6 ]
    run ! grep -q null_odds all.jsonl
    context=$(sed -E 's/.*"context":"([^"]*)".*/\1/' questions.json)
    electra-score -m m --always-answer q.els | while IFS=$'\t' read -r _ answer start end _; do
        [ "$answer" = "${context:start:end-start}" ]
    done
    electra-score -m m --format stream q.els > scores.els
    [ "$(electra-view scores.els | wc -l)" -eq "$(electra-view q.els | wc -l)" ]
    electra-eval scores.els | grep -q '^exact'
    cmp <(electra-score -j 1 -m m --format stream q.els) <(electra-score -j 3 -m m --format stream q.els)
}

@test "qa: a threshold, and how many answers there are" {
    questions
    train qa m --steps 4 q.els
    electra-score -m m --null-threshold -1e6 q.els | awk -F '\t' '$2 != "" { exit 1 }'
    electra-score -m m --null-threshold 1e6 q.els | awk -F '\t' '$2 == "" { exit 1 }'
    odds=$(electra-score -m m --format jsonl q.els | sed -nE '1s/.*"null_odds":([^,}]*).*/\1/p')
    first() { # with a threshold so far from the odds
        electra-score -m m --null-threshold "$(awk -v o="$odds" -v d="$1" 'BEGIN { print o + d }')" q.els |
            head -n 1 | cut -f 2
    }
    [ -z "$(first -0.01)" ]
    [ -n "$(first 0.01)" ]
    [ "$(electra-score -m m --n-best 2 --format jsonl q.els | head -n 1 | grep -o '"text"' | wc -l)" -le 3 ]
}

@test "qa: a window that is missing or wrong takes its text with it" {
    questions
    train qa m --steps 2 q.els
    electra-view --header q.els | sed '3d' | electra-view --from jsonl > gap.els
    status_is 1 electra-score -m m gap.els
    [[ "$stderr" == *"window"*"stands where window 2 belongs"* ]]
    status_is 3 electra-score -m m --keep-going gap.els
    [ "$(grep -c '!error' <<< "$output")" -ge 1 ]
    [ "$(cut -f 1 <<< "$output" | sort -u | wc -l)" -eq 6 ]
}

@test "qa: a text whose last window is missing is rejected alone" {
    questions
    train qa m --steps 2 q.els
    electra-score -m m --format jsonl q.els > whole.jsonl
    # The last windows of the first question and, at the end of the block, of the last.
    electra-view --header q.els | awk 'NR > 1 {
        match($0, /"window":\[[0-9]+,[0-9]+\]/)
        split(substr($0, RSTART + 10, RLENGTH - 11), window, ",")
        if (/"id":"q[16]"/ && window[1] == window[2]) next
    } 1' | electra-view --from jsonl > gap.els
    status_is 1 electra-score -m m gap.els
    [[ "$stderr" == *"gap.els: record "*": windows of this text are missing" ]]
    status_is 3 electra-score -q -m m --keep-going --format jsonl -o rows gap.els
    sed '1d;$d' rows | diff - <(sed '1d;$d' whole.jsonl)
    sed -n '1p;$p' rows | grep -c '"error":"gap.els: record [0-9]*: windows of this text are missing"' |
        grep -qx 2
    status_is 3 electra-score -q -m m --keep-going --format stream -o gap.out gap.els
    [ "$(electra-view gap.out | wc -l)" -eq "$(electra-view gap.els | wc -l)" ]
}

@test "qa: an answer that is outside of the text" {
    questions
    electra-view --header q.els | sed -E '2s/"span":\[[0-9]+,[0-9]+\]/"span":[3,400]/' |
        electra-view --from jsonl > wrong.els
    refuses qa wrong.els
    [[ "$stderr" == *"wrong.els: record 1: key 'span' is not [first, last] token of an answer in"* ]]
}

# ---- long texts in windows ----

# windows_apart IN.els: each window as a text of its own.
windows_apart() {
    electra-view --header "$1" | sed -E 's/"window":\[[0-9]+,[0-9]+\],//' | electra-view --from jsonl
}

@test "classify and regress: one result for a text in windows, the mean of theirs" {
    for i in {1..9}; do
        printf 'a good day %s it is now the very first one of them all\t%s\n' "$i" $((i % 3))
    done > long.tsv
    electra-tokenize -q --vocab vocab.txt --tsv --text 1 --label 2 --max-length 9 --stride 2 long.tsv > w.els
    [ "$(electra-view w.els | wc -l)" -gt 18 ]
    train classify c --steps 4 --lr 0.01 w.els
    train regress r --steps 4 --lr 0.01 w.els
    electra-score -m c w.els > scores.tsv
    [ "$(cut -f 1 scores.tsv | tr -d '\n')" = 123456789 ]
    for model in c r; do
        electra-score -m $model --format jsonl w.els | grep -oE '("id"|"[012]"|"value"):[-0-9.e]+' > found
        windows_apart w.els | electra-score -m $model --format jsonl - |
            grep -oE '("id"|"[012]"|"value"):[-0-9.e]+' | awk -F : '
                $1 == "\"id\"" { if ($2 != id) flush(); id = $2; n++; next }
                { sum[$1] += $2; if (!($1 in place)) { place[$1] = ++m; name[m] = $1 } }
                function flush(i) {
                    if (id) print "\"id\":" id
                    for (i = 1; id && i <= m; i++) printf "%s:%.12g\n", name[i], sum[name[i]] / n
                    delete sum; n = 0
                }
                END { flush() }' > expected
        paste -d : found expected |
            awk -F : '$1 != $3 || ($2 - $4) ^ 2 > 1e-14 { bad = 1 } END { exit bad || NR < 18 }'
        cmp <(electra-score -j 1 -m $model w.els) <(electra-score -j 3 -m $model w.els)
    done
    # streams have the result once, and texts count once
    electra-score -m c --format stream w.els > scores.els
    [ "$(electra-view scores.els | wc -l)" -eq "$(electra-view w.els | wc -l)" ]
    [ "$(electra-view scores.els | grep -c '"predicted"')" -eq 9 ]
    right=$(paste <(cut -f 2 long.tsv) <(cut -f 2 scores.tsv) | awk '$1 == $2' | wc -l)
    [ "$(electra-eval --metric accuracy scores.els | cut -f 2 | cut -c 1-6)" = \
        "$(awk -v n="$right" 'BEGIN { printf "%.6g", n / 9 }' | cut -c 1-6)" ]
    status_is 1 electra-score -m c --tokens w.els
    [[ "$stderr" == *"w.els: record 1: the effects of words cannot be told of a text in windows"* ]]
}

@test "tag: each word of a text in windows once, where it has the most context" {
    train tag m --epochs 20 --lr 0.01 tags.els
    for i in {1..4}; do
        printf 'John B-PER\nsees O\nNew B-LOC\nYorkshire I-LOC\nin O\nParis B-LOC\n. O\nit O\nis O\nnot O\n\n'
    done > long.conll
    tokenize --conll long.conll > whole.els
    for stride in 0 1 5; do
        electra-tokenize -q --vocab vocab.txt --conll --max-length 11 --stride $stride long.conll > w.els
        electra-score -m m w.els > found
        cmp <(cut -f 1,2 found) <(electra-score -m m whole.els | cut -f 1,2)
        # by hand: the label of the first token where `best` is 1
        windows_apart w.els | electra-score -m m --format jsonl - |
            grep -o '"labels":\[[^]]*\]' > labels
        electra-view w.els | paste -d '\t' - labels | sed -E \
            's/.*"id":([0-9]+).*"words":\[([^]]*)\].*"best":\[([^]]*)\].*"labels":\[([^]]*)\]$/\1\t\2\t\3\t\4/' |
            tr -d '"' | awk -F '\t' '
                { n = split($2, words, ","); split($3, best, ","); split($4, label, ",")
                  if ($1 != id) { delete seen; delete settled; id = $1 }
                  before = ""
                  for (i = 1; i <= n; i++) {
                      w = words[i]
                      if (w == "null" || w == before) continue
                      before = w
                      if (!((id, w) in all) || (!settled[w] && best[i])) all[id, w] = label[w + 1]
                      else continue
                      settled[w] = best[i]
                  } }
                END { for (t = 1; t <= 4; t++) for (w = 0; (t, w) in all; w++) print all[t, w] }' > expected
        cmp <(grep . found | cut -f 3) expected
    done
    electra-score -m m --format jsonl w.els | grep -o '"text":"[^"]*","start":[0-9]*,"end":[0-9]*' |
        tr -dc '0-9a-zA-Z ,\n' | sort -u | while IFS=, read -r text start end; do
        text=${text#text} start=${start#start} end=${end#end}
        sentence='John sees New Yorkshire in Paris . it is not'
        [ "${sentence:start:end-start}" = "$text" ]
    done
    electra-score -m m --format stream w.els > scores.els
    [ "$(electra-view scores.els | grep -c '"predicted"')" -eq 4 ]
    electra-eval --metric accuracy scores.els > accuracy
    right=$(paste <(grep . long.conll | cut -d ' ' -f 2) <(grep . found | cut -f 3) | awk '$1 == $2' | wc -l)
    [ "$(cut -f 2 accuracy)" = "$(awk -v n="$right" 'BEGIN { printf "%.6g", n / 40 }')" ]
}

@test "validation on texts in windows reports what score and eval do" {
    for i in {1..9}; do
        printf 'a good day %s it is now the very first one of them all\t%s\n' "$i" $((i % 2))
        printf 'good\t0\nnot the first day\t1\n'
    done > long.tsv
    electra-tokenize -q --vocab vocab.txt --tsv --text 1 --label 2 --max-length 9 --stride 2 long.tsv > w.els
    for i in {1..4}; do
        printf 'John B-PER\nsees O\nNew B-LOC\nYorkshire I-LOC\nin O\nParis B-LOC\n. O\nit O\nis O\nnot O\n\n'
        printf 'Paris B-LOC\nis O\nnot O\nNew B-LOC\nYork I-LOC\n\n'
    done > long.conll
    electra-tokenize -q --vocab vocab.txt --conll --max-length 11 --stride 3 long.conll > t.els
    sed -E 's/(.*)\t(.*)/{"text":"\1","label":["\2"]}/' long.tsv |
        electra-tokenize -q --vocab vocab.txt --jsonl --text text --label label --max-length 9 \
            --stride 2 > s.els
    agrees() {
        electra-train "$1" --config tiny.json --vocab vocab.txt --batch 8 --lr 0.01 --steps "$2" \
            --valid "$3" --valid-every 100 -o "m$1$2" "${@:5}" "$3" > out
        tail -n 1 out > last
        electra-score -m "m$1$2" --format stream "$3" | electra-eval --metric "$4" > metrics
        [ "$(value "valid_$4" "$(cat last)" | cut -c 1-7)" = "$(cut -f 2 metrics | cut -c 1-7)" ] ||
            [ "$(cut -f 2 metrics)" = "$(value "valid_$4" "$(cat last)" | sed 's/\.0$//')" ]
    }
    agrees classify 6 w.els matthews
    agrees classify 3 w.els f1_macro
    agrees regress 4 w.els pearson
    agrees regress 5 w.els mse
    agrees tag 8 t.els f1
    agrees tag 6 t.els accuracy
    agrees classify 5 s.els f1_micro --multi-label
    sed -E '/^$/!s/ .*/ X/; s/^(in|is) X/\1 Y/' long.conll |
        electra-tokenize -q --vocab vocab.txt --conll --max-length 11 --stride 3 > x.els
    agrees tag 3 x.els accuracy
    # windows that share nothing: a word is cut in two, or begins its window
    electra-tokenize -q --vocab vocab.txt --conll --max-length 6 --stride 0 long.conll > t.els
    agrees tag 2 t.els accuracy
    agrees tag 4 t.els f1
    agrees tag 5 t.els accuracy
}

@test "tag: words of a text in windows that is not there are whole" {
    train tag m --steps 1 tags.els
    printf 'it O\nis O\nYorkshire B-LOC\nis O\nnot O\n\n' > long.conll
    words() { electra-score -m m "$1" | cut -f 2; }
    words_of_windows() {
        electra-tokenize -q --vocab vocab.txt --conll --no-text --words --max-length "$1" \
            --stride "$2" long.conll > w.els
        words w.els
    }
    words_of_windows 32 0 > whole
    grep -q '^yorkshire$' whole
    for n in {9..11}; do # its 7 tokens fit into one
        words_of_windows "$n" $((n - 3)) | cmp - whole
    done
}

@test "each word is learnt once, also where a window begins with it" {
    for i in {1..12}; do
        printf 'it O\nis O\nnot O\nnow B-LOC\nis O\nnot O\n\n'
    done | electra-tokenize -q --vocab vocab.txt --conll --max-length 5 --stride 0 > w.els
    # [it is not] [now is not]: no other word is B-LOC
    [ "$(electra-view w.els | grep -c '"window":\[2,2\]')" -eq 12 ]
    train tag m --epochs 60 --lr 0.01 --valid w.els w.els
    grep -q '"valid_f1":1' m.out
    [ "$(electra-score -m m w.els | grep -c 'now.B-LOC$')" -eq 12 ]
}

@test "tag learns from texts in windows" {
    for i in {1..8}; do
        printf 'Paris B-LOC\nis O\nnot O\nNew B-LOC\nYork I-LOC\nJohn B-PER\nsees O\nit. O\nin O\nParis B-LOC\n\n'
    done | electra-tokenize -q --vocab vocab.txt --conll --max-length 12 --stride 3 > w.els
    train tag m --epochs 60 --lr 0.01 --valid w.els w.els
    grep -q '"valid_f1":1' m.out
    electra-score -m m w.els | head -n 10 | cut -f 3 | tr '\n' ' ' |
        grep -qx 'B-LOC O O B-LOC I-LOC B-PER O O O B-LOC '
    electra-view --header w.els | sed -E '2s/"B-LOC"\]/"B-LOC","O"]/' | electra-view --from jsonl > more.els
    train tag n --steps 1 more.els # as far as this window can tell
    electra-view --header w.els | sed -E '2s/"label":\[[^]]*\]/"label":["O"]/' |
        electra-view --from jsonl > few.els
    refuses tag few.els
    [[ "$stderr" == *"few.els: record 1: key 'label' has 1 labels for"* ]]
}

@test "a long text in many windows takes no more memory" {
    yes 'a good day and a bad day' | head -n 8000 | tr '\n' ' ' > long
    (cat long; printf '\tpos\nbad\tneg\n') |
        electra-tokenize -q --vocab vocab.txt --tsv --text 1 --label 2 --max-length 64 --stride 8 > w.els
    train classify m --steps 1 three.els
    electra-score -m m w.els > scores.tsv
    [ "$(cut -f 1 scores.tsv | tr -d '\n')" = 12 ]
    head -c 1000 long | electra-tokenize -q --vocab vocab.txt --max-length 64 --stride 8 > short.els
    local short
    short=$(megabytes electra-score -m m short.els)
    [ "$short" -gt 0 ]
    [ "$(megabytes electra-score -m m w.els)" -lt $((short + 40)) ]
}

@test "windows that are wrong take their text with them, which is rejected once" {
    for i in {1..3}; do
        printf 'a good day %s it is now the very first one of them all\t%s\n' "$i" "$i"
    done > long.tsv
    electra-tokenize -q --vocab vocab.txt --tsv --text 1 --label 2 --max-length 9 --stride 2 long.tsv > w.els
    train classify m --steps 2 w.els
    electra-score -m m w.els > whole.tsv
    electra-view --header w.els | sed '6d' | electra-view --from jsonl > gap.els
    status_is 3 electra-score -q -m m --keep-going --format stream -o scores.els gap.els
    [ "$(electra-view scores.els | grep -c '"error"')" -eq 1 ]
    [ "$(electra-view scores.els | wc -l)" -eq "$(electra-view gap.els | wc -l)" ]
    status_is 3 electra-eval -q --keep-going --metric accuracy -o metrics scores.els
    status_is 3 electra-score -q -m m --keep-going -o rows gap.els
    [ "$(wc -l < rows)" -eq 3 ]
    [ "$(grep -c '!error' rows)" -eq 1 ]
}

@test "validation wants all windows of a text, in order" {
    questions
    view() { electra-view --header q.els; }
    view | sed '2{h;d};3G' | electra-view --from jsonl > wrong.els
    refuses qa --valid wrong.els q.els
    [[ "$stderr" == *": wrong.els: record 1: window 2 stands where window 1 belongs" ]]
    view | sed 3d | electra-view --from jsonl > wrong.els
    refuses qa --keep-going --valid wrong.els q.els
    [[ "$stderr" == *": wrong.els: record 2: window 3 stands where window 2 belongs" ]]
    view | sed '$d' | electra-view --from jsonl > wrong.els
    refuses qa --valid wrong.els q.els
    [[ "$stderr" == *": wrong.els: record $(electra-view wrong.els | wc -l): windows of this text are missing" ]]
    train qa m --steps 1 wrong.els # what is learnt from one window needs no other
    electra-shuffle -q --seed 2 q.els > shuffled.els
    refuses qa --valid shuffled.els q.els
    [[ "$stderr" == *": shuffled.els: record "*"belongs" ]]
    printf 'a good day it is now the very first one\tpos\nbad\tneg\nnow\tnone\n' |
        electra-tokenize -q --vocab vocab.txt --tsv --text 1 --label 2 --max-length 9 --stride 2 > w.els
    electra-view --header w.els | sed 2d | electra-view --from jsonl > wrong.els
    refuses classify --valid wrong.els three.els
    [[ "$stderr" == *": wrong.els: record 1: window 2 stands where window 1 belongs" ]]
    electra-view --header w.els | sed '3s/"id":1/"id":2/' | electra-view --from jsonl > wrong.els
    refuses classify --valid wrong.els three.els
    [[ "$stderr" == *": wrong.els: record 2: window 2 is of another text" ]]
    train classify c --steps 1 three.els
    status_is 3 electra-score -m c --keep-going wrong.els
    [[ "$stderr" == *"wrong.els: record 2: window 2 is of another text"* ]]
    [ "$(wc -l <<< "$output")" -eq 3 ]
}

@test "what validation reads is looked at before the first step" {
    questions
    changed() {
        electra-view --header q.els | sed -E "3s/$1/" | electra-view --from jsonl > wrong.els
        refuses qa --valid wrong.els q.els
    }
    changed '"pair":"[^"]*",/'
    [[ "$stderr" == *": wrong.els: record 2: there is no question with a context (electra-tokenize --squad, without --no-text)" ]]
    changed '"offsets":[^"]*,"/"'
    [[ "$stderr" == *": wrong.els: record 2: there is no question with a context"* ]]
    changed '"best":\[[01],/"best":['
    [[ "$stderr" == *": wrong.els: record 2: keys 'types' and 'best' do not have "*" numbers" ]]
    changed '"pair_start":[0-9]+/"pair_start":9999999'
    [[ "$stderr" == *": wrong.els: record 2: a window begins at byte 9999999, far behind the one before it" ]]
    printf 'John B-PER\nsees O\nParis B-LOC\nin O\nNew B-LOC\nYork I-LOC\n\n' |
        electra-tokenize -q --vocab vocab.txt --conll --max-length 9 --stride 2 |
        electra-view --header | sed -E '2s/"best":\[[01],/"best":[/' | electra-view --from jsonl > wrong.els
    refuses tag --valid wrong.els tags.els
    [[ "$stderr" == *": wrong.els: record 1: key 'best' has "*" numbers for "*" tokens" ]]
}

@test "types that the model does not know are found before the first step" {
    electra-view --header pairs.els | sed -E '$s/("types":\[[^]]*),1\]/\1,5]/' |
        electra-view --from jsonl > wrong.els
    says="record 6: type 5 in key 'types', but the model knows 2 types"
    refuses regress wrong.els
    [ "$stderr" = "electra-train: wrong.els: $says" ]
    refuses regress --valid wrong.els pairs.els
    [ "$stderr" = "electra-train: wrong.els: $says" ]
}

@test "--keep-going passes over a text with all its windows" {
    train tag m --epochs 40 --lr 0.01 tags.els
    printf 'John B-PER\nsees O\nParis B-LOC\nin O\nNew B-LOC\nYork I-LOC\nit O\nis O\nnot O\nin %s\n\n' X > long.conll
    printf 'Paris O\nis B-LOC\nnot I-LOC\n\nParis B-LOC\nis O\n\n' > short.conll
    for place in last first; do
        cat long.conll short.conll |
            electra-tokenize -q --vocab vocab.txt --conll --max-length 9 --stride 2 > both.els
        electra-tokenize -q --vocab vocab.txt --conll --max-length 9 --stride 2 short.conll > short.els
        [ "$(electra-view both.els | wc -l)" -gt 4 ]
        train tag "short-$place" --steps 2 --valid short.els tags.els
        status_is 3 train tag "both-$place" --steps 2 --keep-going --valid both.els tags.els
        [[ "$stderr" == *": 1 records rejected" ]]
        diff <(grep -o '"valid_.*' "short-$place/metrics.jsonl") <(grep -o '"valid_.*' "both-$place/metrics.jsonl")
        sed -i '$d; s/ X/ O/; 1s/.*/John X/' long.conll
        echo >> long.conll
    done
}

@test "--keep-going passes over a text that has a rejected window" {
    questions
    id=$(electra-view q.els | grep '"window":\[2,' | sed -nE '1s/.*"id":("[^"]*").*/\1/p')
    [ -n "$id" ]
    electra-view --header q.els | grep -v "\"id\":$id" | electra-view --from jsonl > rest.els
    train qa rest --steps 2 --valid rest.els q.els
    for window in '"window":[2,9],' ''; do
        n=$(electra-view q.els | sed -nE "/\"id\":$id/s/.*\"window\":\[2,([0-9]+)\].*/\1/p")
        electra-view --header q.els |
            sed -E "/\"id\":$id/s/.*(\"ids\":\[[^]]*\]).*\"window\":\[2,[0-9]+\].*/{\"id\":$id,\1,${window/9/$n}\"error\":\"no\"}/" |
            electra-view --from jsonl > some.els
        [ "$(electra-view some.els | grep -c '"error":')" -eq 1 ]
        rm -rf some
        refuses qa --valid some.els q.els
        status_is 3 train qa some --steps 2 --keep-going --valid some.els q.els
        [[ "$stderr" == *": 1 records rejected" ]]
        diff <(steady rest.out) <(steady some.out)
    done
}

@test "a task that the model is not for" {
    train tag m --steps 1 tags.els
    status_is 1 electra-score -m m --task classify three.els
    [[ "$stderr" == *"holds ElectraForTokenClassification, which is not for task classify"* ]]
}
