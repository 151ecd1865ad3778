#!/usr/bin/env bats
# electra-train pretrain: its objectives, weights to start from, budgets of hours and patience.

load helper
load runs

OBJECTIVES='electra rtd mlm electra-15 replace-mlm all-tokens-mlm'

setup_file() {
    cd "$BATS_FILE_TMPDIR" || return 1
    cat > tiny.json << 'EOT'
{"hidden_size": 16, "embedding_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2,
 "intermediate_size": 32, "generator_hidden_size": 0.5, "train_batch_size": 4,
 "num_warmup_steps": 5}
EOT
    electra-vocab -q --size 500 "$CORPUS" > vocab.txt
    electra-tokenize --docs --vocab vocab.txt -o a.els "$CORPUS"
    head -n 60 "$CORPUS" | electra-tokenize --docs --vocab vocab.txt -o v.els
    for name in a v; do
        electra-corrupt $name.els > $name.masked.els
        electra-corrupt --method uniform $name.els > $name.replaced.els
    done
    electra-train pretrain --config tiny.json --vocab vocab.txt --steps 8 -o m a.els > /dev/null
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    cp "$BATS_FILE_TMPDIR"/{tiny.json,vocab.txt,*.els} .
    cp -r "$BATS_FILE_TMPDIR"/m .
}

# train DIR OPTION…: a run into DIR, its metrics in DIR.out.
train() {
    electra-train pretrain --config tiny.json --vocab vocab.txt --log-every 5 -o "$1" "${@:2}" \
        > "$1.out"
}

# go_on DIR OPTION…: the same from the weights of a model.
go_on() {
    electra-train pretrain --batch 4 --warmup 2 --log-every 5 -o "$1" "${@:2}" > "$1.out"
}

# input_of OBJECTIVE NAME: the stream that an objective learns from.
input_of() {
    if [ "$1" = rtd ]; then echo "$2.replaced.els"; else echo "$2.els"; fi
}

# fails STATUS SAYS COMMAND…: one line of error (and where to find help after a usage error).
fails() {
    local status=$1 says=$2
    shift 2
    status_is "$status" "$@" || return 1
    [[ ${stderr_lines[0]} == "electra-train: "*"$says"* ]] || { echo "$stderr"; return 1; }
    [ "${#stderr_lines[@]}" -eq "$status" ]
}

# ---- objectives ----

# keys FILE: those of its last line, in their order
keys() {
    tail -n 1 "$1" | grep -o '"[a-z_]*":' | tr -d '":' | tr '\n' ' '
}

@test "each objective reports what means something, and saves its networks" {
    for objective in $OBJECTIVES; do
        train $objective --objective $objective --steps 6 --valid "$(input_of $objective v)" \
            "$(input_of $objective a)"
        head -n 2 $objective.out | sed -E '$!d; s/,"tokens":.*//' > $objective.train
        networks=$(cd $objective/latest && ls -d discriminator generator 2> /dev/null | tr '\n' ' ')
        classes=$(grep -ho 'ElectraFor[A-Za-z]*' $objective/latest/*/config.json | tr '\n' ' ')
        echo "$objective | $networks| $classes| $(keys $objective.train)| $(keys $objective.out)" \
            >> table
    done
    sed -E 's/valid_//g' table > found
    diff found - << 'EOT'
electra | discriminator generator | ElectraForPreTraining ElectraForMaskedLM | step epoch loss mlm_loss disc_loss mlm_accuracy sampled_mlm_accuracy replaced disc_accuracy disc_precision disc_recall | step loss mlm_loss disc_loss disc_auc frequency_auc mlm_accuracy sampled_mlm_accuracy replaced disc_accuracy disc_precision disc_recall 
rtd | discriminator | ElectraForPreTraining | step epoch loss disc_loss replaced disc_accuracy disc_precision disc_recall | step loss disc_loss disc_auc frequency_auc replaced disc_accuracy disc_precision disc_recall 
mlm | generator | ElectraForMaskedLM | step epoch loss mlm_loss mlm_accuracy | step loss mlm_loss mlm_accuracy 
electra-15 | discriminator generator | ElectraForPreTraining ElectraForMaskedLM | step epoch loss mlm_loss disc_loss mlm_accuracy sampled_mlm_accuracy replaced disc_accuracy disc_precision disc_recall | step loss mlm_loss disc_loss disc_auc frequency_auc mlm_accuracy sampled_mlm_accuracy replaced disc_accuracy disc_precision disc_recall 
replace-mlm | discriminator generator | ElectraForMaskedLM ElectraForMaskedLM | step epoch loss mlm_loss token_loss mlm_accuracy sampled_mlm_accuracy replaced token_accuracy | step loss mlm_loss token_loss mlm_accuracy sampled_mlm_accuracy replaced token_accuracy 
all-tokens-mlm | discriminator generator | ElectraForMaskedLM ElectraForMaskedLM | step epoch loss mlm_loss token_loss mlm_accuracy sampled_mlm_accuracy replaced token_accuracy | step loss mlm_loss token_loss mlm_accuracy sampled_mlm_accuracy replaced token_accuracy 
EOT
}

@test "the first losses are those of knowing nothing" {
    for objective in $OBJECTIVES; do
        train $objective --objective $objective --steps 1 "$(input_of $objective a)"
    done
    holds 'a > log(500) - 0.3 && a < log(500) + 0.3' "$(value mlm_loss "$(cat mlm.out)")"
    holds 'a > log(2) - 0.02 && a < log(2) + 0.02' "$(value disc_loss "$(cat rtd.out)")"
    holds 'a > log(2) - 0.02 && a < log(2) + 0.02' "$(value disc_loss "$(cat electra-15.out)")"
    holds 'a > log(500) - 0.3 && a < log(500) + 0.3' "$(value token_loss "$(cat replace-mlm.out)")"
    # what was replaced costs 2·V, what was not a coin's toss: half of it is copied
    line=$(cat all-tokens-mlm.out)
    holds 'c > b * log(1000) + (1 - b) * log(2) - 0.1 && c < b * log(1000) + (1 - b) * log(2) + 0.1' \
        x "$(value replaced "$line")" "$(value token_loss "$line")"
    holds 'a - b - c < 1e-3 && b + c - a < 1e-3' "$(value loss "$line")" \
        "$(value mlm_loss "$line")" "$(value token_loss "$line")"
}

@test "what is saved can be used" {
    train mlm --objective mlm --steps 3 a.els
    grep -q '"hidden_size": *16' mlm/generator/config.json
    echo 'the [MASK] ran' | electra-tokenize -m mlm/generator | electra-score -m mlm/ --task fill > fill
    [ -s fill ]
    # fine-tuning and embedding take the encoder of what there is
    echo 'the rabbit ran' | electra-tokenize -m mlm/generator | electra-score -m mlm/ --task embed > embedding
    [ "$(wc -w < embedding)" -eq 17 ]
    train rtd --objective rtd a.replaced.els
    echo 'the rabbit ran' | electra-tokenize -m rtd/discriminator | electra-score -m rtd/ > scores
    [ "$(wc -l < scores)" -eq 1 ]
    train all --objective all-tokens-mlm --steps 3 a.els
    electra-model info all/discriminator > /dev/null
    status_is 1 electra-score -m all/ --task rtd a.els
    [[ $stderr == *ElectraForMaskedLM*ElectraForPreTraining* ]]
}

@test "rtd learns from replacements that another program made, with or without originals" {
    electra-view --header a.replaced.els |
        sed -E '2,$s/"(masked|original)":\[[0-9,]*\],?//g; s/,\}/}/' |
        electra-view --from jsonl > bare.els
    [ "$(electra-view bare.els | grep -c '"masked"')" -eq 0 ]
    train full --objective rtd a.replaced.els
    train bare --objective rtd bare.els
    diff -r full/discriminator/ bare/discriminator/
    [ ! -e full/generator ]
}

@test "the generator's size, its embeddings and whether it is one are settings" {
    train plain --steps 3 a.els
    train untied --steps 3 --set untied_generator_embeddings=true --set generator_layers=0.5 \
        --set generator_hidden_size=0.25 a.els
    grep -q '"hidden_size": *4' untied/generator/config.json
    grep -q '"embedding_size": *4' untied/generator/config.json
    grep -q '"num_hidden_layers": *1' untied/generator/config.json
    train one --steps 3 --set untied_generator=false a.els
    grep -q '"hidden_size": *16' one/generator/config.json
    for key in temperature=0.5 gen_weight=2 disc_weight=10 mask_prob=0.3 lr_decay_power=2 \
        weight_decay_rate=0.1 adam_bias_correction=true; do
        train other --steps 3 --set $key a.els
        run cmp -s plain/discriminator/model.safetensors other/discriminator/model.safetensors
        [ "$status" -eq 1 ]
        rm -r other
    done
    train heavy --objective all-tokens-mlm --steps 1 --set token_weight=3 a.els
    line=$(cat heavy.out)
    holds 'a - b - 3 * c < 1e-3 && b + 3 * c - a < 1e-3' "$(value loss "$line")" \
        "$(value mlm_loss "$line")" "$(value token_loss "$line")"
}

@test "under each objective a run that is stopped equals one that is not, for any threads" {
    for objective in $OBJECTIVES; do
        options="--objective $objective --checkpoint-every 4"
        input=$(input_of $objective a)
        # shellcheck disable=SC2086 # several words
        {
            train whole -j 1 $options "$input"
            train parts -j 2 $options --stop-after 0.001s "$input" || [ $? -eq 4 ]
            train parts -j 2 $options --resume --stop-after 0.1s "$input" || [ $? -eq 4 ]
            train parts -j 2 $options --resume "$input"
        }
        equal_runs whole parts
        rm -r whole parts
    done
    train whole --set untied_generator=false --steps 12 a.els
    train parts --set untied_generator=false --steps 12 --stop-after 0.001s a.els || [ $? -eq 4 ]
    train parts --set untied_generator=false --steps 12 --resume a.els
    equal_runs whole parts
}

# ---- weights to start from ----

@test "--init goes on with weights, and nothing else" {
    go_on same --init m --steps 1 --lr 0.001 a.els # the first step changes no weight
    for network in discriminator generator; do
        cmp {m,same}/$network/model.safetensors
        cmp {m,same}/$network/config.json
    done
    [ "$(value step "$(cat same.out)")" -eq 1 ]
    run cmp -s {m,same}/latest/state/optimizer.safetensors
    [ "$status" -eq 1 ]
    go_on rtd --objective rtd --init m a.replaced.els
    go_on mlm --objective mlm --init m --steps 2 a.els
    cmp {m,mlm}/generator/config.json
    status_is 2 go_on same --init m --steps 1 --lr 0.001 --resume --seed 2 a.els || [ -e same/done ]
}

@test "--init says what it has not" {
    status_is 0 go_on half --init m/discriminator --steps 2 a.els
    [ "$stderr" = 'electra-train: m/discriminator comes without a generator: it starts at random' ]
    status_is 0 go_on other --objective mlm --init m/discriminator --steps 2 a.els
    [[ $stderr == 'electra-train: m/discriminator lacks a head'* ]]
    train again -s 2 --steps 2 a.els
    mkdir pair
    cp -rL m/discriminator again/generator pair
    status_is 0 go_on mixed --init pair --steps 2 a.els
    [[ $stderr == *'pair/generator has other embeddings than the discriminator'* ]]
    train all --objective all-tokens-mlm --steps 2 a.els
    status_is 0 go_on more --objective all-tokens-mlm --init all --steps 1 a.els
    [ -z "$stderr" ]
    cmp {all,more}/discriminator/model.safetensors
}

@test "--init and what does not fit it" {
    electra-tokenize --docs --cased --vocab vocab.txt "$CORPUS" > cased.els
    fails 1 'cased.els was tokenized cased, but m/discriminator is uncased' go_on x --init m cased.els
    fails 1 'cased.els is cased, a.els is uncased' train x --steps 1 --valid cased.els a.els
    fails 2 'leave --config and --vocab out' go_on x --init m --vocab vocab.txt a.els
    fails 2 'leave --config and --vocab out' go_on x --init m --config tiny.json a.els
    fails 2 'its hidden_size is 16, not 32' go_on x --init m --set hidden_size=32 a.els
    fails 2 "the generator's shape is that of m/generator" go_on x --init m \
        --set generator_layers=0.5 a.els
    fails 1 'no-such: No such file or directory' go_on x --init no-such a.els ||
        fails 1 'no-such: is no model to start from' go_on x --init no-such a.els
    mkdir empty
    fails 1 'empty: is no model to start from' go_on x --init empty a.els
    electra-vocab -q --size 300 "$CORPUS" > other.txt
    electra-tokenize --docs --vocab other.txt "$CORPUS" > other.els
    fails 1 'other.els' go_on x --init m other.els
    [[ $stderr == *m/discriminator* ]]
    electra-train pretrain --config tiny.json --vocab other.txt --steps 1 -o small other.els > /dev/null
    mkdir pair
    cp -rL m/discriminator small/generator pair
    fails 1 'pair/generator: has a vocabulary of 300 tokens, pair/discriminator one of 500' \
        go_on x --init pair a.els
    rm -r pair/generator
    train wide --set embedding_size=16 --steps 1 a.els
    cp -rL wide/generator pair
    fails 1 'pair/generator: has embeddings of 16 numbers' go_on x --init pair a.els
    go_on x --init pair --set untied_generator_embeddings=true --steps 1 a.els
    fails 2 'untied_generator=false: m/generator: its hidden_size is 8, not 16' go_on x --init m \
        --set untied_generator=false --steps 1 a.els
}

# ---- hours and patience ----

@test "--hours is the budget, also over resumes" {
    status_is 0 train m1 --hours 0.0003 --log-every 1 a.els
    [ -e m1/done ]
    awk -F '[:,]' '/learning_rate/ { n++ } END { exit !(n >= 2) }' m1.out
    rate=$(value learning_rate "$(tail -n 1 m1.out)")
    holds 'a >= 0 && a < 0.0003' "$rate"
    status_is 4 train m2 --hours 0.0006 --stop-after 0.7s a.els
    [ ! -e m2/done ]
    spent=$(sed -nE 's/.*"seconds": ([0-9.e+-]+).*/\1/p' m2/latest/state/state.json)
    holds 'a >= 0.7 && a < 2.16' "$spent"
    train m2 --hours 0.0006 --resume a.els
    [ -e m2/done ]
    after=$(sed -nE 's/.*"seconds": ([0-9.e+-]+).*/\1/p' m2/latest/state/state.json)
    holds 'a >= 2.16' "$after"
    status_is 2 train m1 --hours 0 a.els
    status_is 2 train m3 --hours 1 --steps 2 a.els
    [[ ${stderr_lines[0]} == *'give one'* ]]
    status_is 4 train m4 --hours 1 --stop-after 0.01s a.els
    fails 2 'with --hours 1, not 2' train m4 --hours 2 --resume a.els
}

@test "--patience ends a run that gets no better" {
    train m5 --steps 400 --lr 1e-9 --valid v.els --valid-every 2 --metric disc_loss --patience 3 a.els
    [ -e m5/done ]
    last=$(readlink m5/latest)
    [ "${last#checkpoint-}" -lt 400 ]
    n=$(grep -c valid_loss m5.out)
    # three validations after the best one
    best=$(readlink m5/discriminator)
    best=${best#checkpoint-}
    [ "${last#checkpoint-}" -eq $((${best%%/*} + 6)) ]
    # and the same when it is stopped on its way
    for _ in {1..60}; do
        status=0
        train m6 --steps 400 --lr 1e-9 --valid v.els --valid-every 2 --metric disc_loss --patience 3 \
            --resume --stop-after 0.05s a.els || status=$?
        [ $status -ne 0 ] || break
        [ $status -eq 4 ]
    done
    equal_runs m5 m6
    [ "$(grep -c valid_loss m6/metrics.jsonl)" -eq "$n" ]
    fails 2 '--patience needs --metric' train x --patience 2 --valid v.els a.els
}

# ---- bad input ----

@test "objectives and streams that do not go together" {
    fails 2 "'rdt' is none of" train x --objective rdt a.els
    fails 1 'a.els: holds tokens, where --objective rtd reads replacements' \
        train x --objective rtd a.els
    fails 1 'a.masked.els: holds masked tokens' train x --objective rtd a.masked.els
    for objective in electra mlm electra-15 replace-mlm all-tokens-mlm; do
        fails 1 'a.replaced.els: holds replacements, which only --objective rtd reads' \
            train x --objective $objective a.replaced.els
        train x --objective $objective --steps 2 a.masked.els
        rm -r x
    done
    fails 1 'standard input: holds tokens' train x --objective rtd --steps 2 < <(cat a.els)
    fails 1 'v.masked.els: holds masked tokens, where the stream to train on, a.els, holds tokens' \
        train x --valid v.masked.els a.els
    fails 1 'v.els: holds tokens, where' train x --objective rtd --valid v.els a.replaced.els
    fails 2 '--epochs asks for more' train x --objective rtd --epochs 2 a.replaced.els
    fails 1 'one pass, and it is over' train x --objective rtd --hours 0.01 a.replaced.els
    fails 2 "'disc_auc' is no metric" train x --objective mlm --valid v.els --metric disc_auc a.els
    electra-view --header a.replaced.els > lines
    head -n 1 lines > mixed
    { sed -n 2p lines; electra-view a.masked.els | sed -n 2p; } >> mixed
    electra-view --from jsonl < mixed > mixed.els
    fails 1 'mixed.els: record 2: holds masked tokens, the records before replacements' \
        train x --objective rtd --batch 1 mixed.els
}

@test "replacements that cannot be" {
    electra-view --header a.replaced.els | head -n 2 > lines
    bad() {
        local says=$1
        sed -E "2s/$2/$3/" lines | electra-view --from jsonl > bad.els
        fails 1 "bad.els: record 1: $says" train x --objective rtd --batch 1 bad.els
    }
    bad "key 'replaced' has 1 numbers where" '"replaced":\[[0-9,]*\]' '"replaced":[0]'
    bad "position 0: 'replaced' says 1" '"replaced":\[0' '"replaced":[1'
    bad "key 'replaced' has a value other" '"replaced":\[0' '"replaced":[2'
    bad "keys 'masked' and 'original' disagree" '"original":\[[0-9]*,' '"original":['
    # electra-view refuses to write such a stream: make its bytes
    printf '\377\377' > bytes
    sed -E '2s/"ids":\[2,[0-9]*,/"ids":[2,499,/; 2s/"(masked|original)":\[[0-9,]*\],?//g; s/,\}/}/' lines |
        sed -E '2s/"replaced":\[0,[01]/"replaced":[0,1/' | electra-view --from jsonl > last.els
    train fine --objective rtd --batch 1 last.els
    status_is 1 bash -c "sed -E '2s/\"ids\":\[2,[0-9]*,/\"ids\":[2,500,/' lines | electra-view --from jsonl > none.els"
}

@test "configurations that cannot be" {
    fails 2 "num_attention_heads" train x --set num_attention_heads=3 a.els
    fails 2 "generator" train x --set generator_num_attention_heads=3 a.els
    fails 2 "unknown key 'generator_width'" train x --set generator_width=3 a.els
    fails 2 "'untied_generator_embeddings' cannot be true" train x --set untied_generator=false \
        --set untied_generator_embeddings=true a.els
    fails 2 "'untied_generator' is neither true nor false" train x --set untied_generator=1 a.els
    fails 2 "'temperature'" train x --set temperature=0 a.els
    echo '{"hidden_size": 16, "heads": 2}' > bad.json
    fails 1 "bad.json: unknown key 'heads'" electra-train pretrain --config bad.json \
        --vocab vocab.txt -o x a.els
    echo '{"hidden_size": 130}' > bad.json
    for set in mask_prob=0.2 num_attention_heads=3; do
        fails 1 "bad.json: 'hidden_size' 130 is no multiple of 'num_attention_heads' 4" \
            electra-train pretrain --config bad.json --set $set --vocab vocab.txt -o x a.els
    done
    # Here it is the option that is wrong.
    fails 2 "--set mask_prob=2: 'mask_prob' is not" electra-train pretrain --config tiny.json \
        --set mask_prob=2 --vocab vocab.txt -o x a.els
    fails 2 '--hours' train x --hours 0 a.els
    fails 2 '--hours' train x --hours -1 a.els
    fails 2 '--patience' train x --patience 0 --valid v.els --metric loss a.els
}

@test "a checkpoint of another objective is not gone on with" {
    train x --steps 50 --stop-after 0.001s a.els || [ $? -eq 4 ]
    for objective in mlm electra-15 replace-mlm all-tokens-mlm; do
        fails 2 "with --objective electra, not $objective" \
            train x --steps 50 --resume --objective $objective a.els
    done
    train y --objective mlm --steps 50 --stop-after 0.001s a.els || [ $? -eq 4 ]
    fails 2 'with --objective mlm, not electra' train y --steps 50 --resume a.els
    go_on z --init m --steps 50 --stop-after 0.001s a.els || [ $? -eq 4 ]
    go_on new --init m --steps 3 a.els
    fails 2 'was started with another --init' go_on z --init new --steps 50 --resume a.els
}
