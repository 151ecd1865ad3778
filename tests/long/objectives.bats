#!/usr/bin/env bats
# A run of each objective, stopped by TERM at random moments ten times, ends as one that was not.

load ../cli/helper

STOPS=10

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    cat > tiny.json << 'EOT'
{"hidden_size": 32, "embedding_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
 "intermediate_size": 64, "generator_hidden_size": 0.5, "train_batch_size": 4,
 "num_warmup_steps": 10}
EOT
    electra-vocab -q --size 500 "$CORPUS" > vocab.txt
    electra-tokenize --docs --vocab vocab.txt -o a.els "$CORPUS"
    head -n 60 "$CORPUS" | electra-tokenize --docs --vocab vocab.txt -o v.els
    electra-corrupt --method uniform --epochs 40 a.els > a.replaced.els
    electra-corrupt --method uniform v.els > v.replaced.els
}

# steps DIR: how many the newest checkpoint has done
steps() {
    local link
    link=$(readlink "$1/latest") && echo "${link#checkpoint-}" || echo 0
}

# check OBJECTIVE OPTION…
check() {
    local objective=$1 train valid moment status
    shift
    train=a.els valid=v.els
    [ "$objective" != rtd ] || train=a.replaced.els valid=v.replaced.els
    run_one() {
        electra-train pretrain --config tiny.json --vocab vocab.txt --objective "$objective" \
            --steps 1200 --log-every 7 --checkpoint-every 11 --valid $valid --valid-every 50 \
            --metric loss -o "$1" "${@:2}" $train > /dev/null
    }
    local SECONDS=0 begin end
    begin=$(date +%s%N)
    run_one whole "$@"
    end=$(date +%s%N)
    # stops fall anywhere in the first nine tenths of the time that the whole run took
    for i in $(seq $STOPS); do
        moment=$(awk -v ns=$((end - begin)) -v seed=$RANDOM 'BEGIN {
            srand(seed); printf "%.3f", 0.02 + rand() * 0.09 * ns / 1e9 }')
        status=0
        timeout --foreground -s TERM "$moment" bash -c 'exec "$@"' - electra-train pretrain \
            --config tiny.json --vocab vocab.txt --objective "$objective" --steps 1200 \
            --log-every 7 --checkpoint-every 11 --valid $valid --valid-every 50 --metric loss \
            -o parts --resume -j $((i % 3 + 1)) "$@" $train > /dev/null || status=$?
        [ $status -eq 124 ] # it was stopped: 1200 steps last longer
        echo "$objective: stop $i after $moment s at step $(steps parts)"
    done
    run_one parts --resume "$@"
    diff -r whole/latest/ parts/latest/
    diff <(sed -E 's/,"(tokens_per_second|seconds)":[^,}]*//g' whole/metrics.jsonl) \
        <(sed -E 's/,"(tokens_per_second|seconds)":[^,}]*//g' parts/metrics.jsonl)
    [ "$(readlink whole/latest)" = "$(readlink parts/latest)" ]
    [ -e parts/done ]
}

@test "electra" {
    check electra
}

@test "rtd" {
    check rtd
}

@test "mlm" {
    check mlm
}

@test "electra-15" {
    check electra-15
}

@test "replace-mlm" {
    check replace-mlm
}

@test "all-tokens-mlm" {
    check all-tokens-mlm
}

@test "electra with one network" {
    check electra --set untied_generator=false
}
