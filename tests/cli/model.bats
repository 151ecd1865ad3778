#!/usr/bin/env bats
# electra-model: what directories hold, and means of them.

load helper

# One small run with checkpoints 2, 4 and 6 for all tests; each copies what it damages.
setup_file() {
    cd "$BATS_FILE_TMPDIR" || return 1
    electra-vocab --size 300 "$CORPUS" >vocab.txt
    electra-tokenize --docs --max-length 16 --vocab vocab.txt "$CORPUS" >corpus.els
    head -n 20 "$CORPUS" | electra-tokenize --docs --max-length 16 --vocab vocab.txt >heldout.els
    electra-train pretrain --config nano --set num_hidden_layers=1 --vocab vocab.txt --steps 6 \
        --batch 2 --checkpoint-every 2 --valid heldout.els --valid-every 2 --metric disc_auc \
        -j 1 -o run corpus.els >/dev/null
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    RUN=$BATS_FILE_TMPDIR/run
}

# value KEY FILE: what stands behind a key.
value() {
    awk -F '\t' -v key="$1" '$1 == key { print $2 }' "$2"
}

version() {
    electra-model --version | sed -n '1s/.* //p'
}

@test "info of a network: a key and a value on each line" {
    electra-model info "$RUN/discriminator" >info
    [ "$(head -n 1 info)" = "model	$RUN/discriminator" ]
    [ -z "$(awk -F '\t' 'NF != 2' info)" ]
    [ -z "$(cut -f 1 info | sort | uniq -d)" ]
    [ "$(value architecture info)" = ElectraForPreTraining ]
    [ "$(value hidden_size info)" = 128 ]
    [ "$(value layer_norm_eps info)" = 1e-12 ]
    [ "$(value file.bytes info)" = "$(wc -c <"$RUN/discriminator/model.safetensors")" ]
    [ "$(value file.dtypes info)" = F32 ]
    [ -z "$(value file.unused info)" ]
    [ "$(value vocabulary.size info)" = "$(wc -l <"$RUN/discriminator/vocab.txt")" ]
    [ "$(value tokenizer.cased info)" = false ]
    # The hash and the vocabulary are those that streams name.
    head -n 1 "$CORPUS" | electra-tokenize -m "$RUN" |
        electra-score -m "$RUN" --format stream | electra-view --header --records 1 >stream
    grep -q "\"model\":\"$(value hash info)\"" stream
    grep -q "\"xxh3\":\"$(value vocabulary.xxh3 info)\"" stream
}

@test "info counts the parameters, of the whole and of its parts" {
    # V 300, E 64, H 128, F 512, 512 positions, 2 types, 1 layer
    electra-model info "$RUN/discriminator" >info
    [ "$(value vocab_size info)" = 300 ]
    [ "$(value parameters.embeddings info)" = $((300 * 64 + 512 * 64 + 2 * 64 + 2 * 64)) ]
    [ "$(value parameters.projection info)" = $((64 * 128 + 128)) ]
    [ "$(value parameters.layers info)" = \
        $((4 * (128 * 128 + 128) + 2 * 128 * 512 + 512 + 128 + 4 * 128)) ]
    [ "$(value parameters.head info)" = $((128 * 128 + 128 + 128 + 1)) ]
    [ "$(value parameters.total info)" = \
        "$(awk -F '[.\t]' '$1 == "parameters" && $2 != "total" { n += $3 } END { print n }' info)" ]
    electra-model info --tensors "$RUN/discriminator" | awk -F '\t' '
        $1 == "tensor" { split($4, n, ","); sum += n[1] * (n[2] ? n[2] : 1) }
        END { print sum }' >sum
    [ "$(cat sum)" = "$(value parameters.total info)" ]
}

@test "info of a run says how far it is, and shows both networks" {
    electra-model info "$RUN" >info
    [ "$(head -n 1 info)" = "run	$RUN" ]
    [ "$(value "done" info)" = true ]
    [ "$(value step info)" = 6 ]
    [ "$(value damaged info)" = 0 ]
    [ "$(value published info)" = "$(readlink "$RUN/discriminator" | cut -d / -f 1)" ]
    [ "$(value published info)" = "checkpoint-$(value best.step info)" ]
    [ "$(value progress.n_texts info)" = 12 ]
    [ "$(value settings.train_batch_size info)" = 2 ]
    [ -z "$(value settings.hidden_size info)" ]
    [ "$(value discriminator.hidden_size info)" = 128 ]
    [ "$(value generator.architecture info)" = ElectraForMaskedLM ]
    [ "$(value generator.hidden_size info)" = 64 ]
    electra-model info "$RUN/checkpoint-4" >checkpoint
    [ "$(head -n 1 checkpoint)" = "checkpoint	$RUN/checkpoint-4" ]
    [ "$(value generator.model checkpoint)" = "$RUN/checkpoint-4/generator" ]
}

@test "info of several models: a blank line between them, a JSON object a line" {
    electra-model info "$RUN/discriminator" "$RUN" >both
    { electra-model info "$RUN/discriminator" && echo && electra-model info "$RUN"; } | cmp - both
    electra-model info --format json "$RUN/discriminator" "$RUN" >json
    [ "$(wc -l <json)" = 2 ]
    [[ $(head -n 1 json) == "{\"model\":\"$RUN/discriminator\",\"architecture\":\"Electra"*"}" ]]
    [[ $(tail -n 1 json) == "{\"run\":\"$RUN\",\"done\":true,"*'"generator":{'*"}}" ]]
    electra-model info --format json -o file "$RUN/discriminator" "$RUN"
    cmp file json
}

@test "info --tensors and --stats" {
    electra-model info --tensors "$RUN/generator" >tensors
    [ "$(grep -c '^tensor	' tensors)" = "$(value file.tensors tensors)" ]
    grep -q '^tensor	electra.embeddings.word_embeddings.weight	F32	300,64	true$' tensors
    electra-model info --stats "$RUN/generator" >stats
    cmp <(cut -f 1-5 stats) tensors
    [ -z "$(awk -F '\t' '$1 == "tensor" && !(NF == 9 && $6 <= $8 && $8 <= $7 && $9 >= 0)' stats)" ]
    # Adam has moved the LayerNorms from 1, by no more than six steps of warm-up.
    awk -F '\t' '$2 ~ /LayerNorm.weight$/ { print ($8 < 1.001 && $8 > 0.999) }' stats | uniq >near
    [ "$(cat near)" = 1 ]
}

@test "tensors that the network does not have are said to be unused" {
    cp -r "$RUN/discriminator/." bare
    sed -i 's/ElectraForPreTraining/ElectraModel/' bare/config.json
    electra-model info --stats bare >info
    [ "$(value architecture info)" = ElectraModel ]
    [ "$(value parameters.head info)" = 0 ]
    [[ $(value file.unused info) == discriminator_predictions.*,discriminator_predictions.* ]]
    [ "$(grep -c '^tensor	discriminator_predictions.*	false$' info)" = 4 ]
}

@test "names of classes, and bytes that would break a line" {
    dir=$'a\tb\\c\n'
    cp -r "$RUN/discriminator/." "$dir"
    sed -i '1a "id2label": {"0": "no", "1": "a\\tb"},' "$dir/config.json"
    electra-model info "$dir" >info
    [ "$(head -n 1 info)" = 'model	a\tb\\c\n' ]
    [ "$(value id2label.0 info)" = no ]
    [ "$(value id2label.1 info)" = 'a\tb' ]
    sed -i 's/"id2label": {.*}/"id2label": {"0": 1, "1": 5}/' "$dir/config.json"
    [ "$(electra-model info "$dir" | grep '^id2label')" = $'id2label.0\t1\nid2label.1\t5' ]
    mv "$dir" $'\377'
    [ "$(electra-model info --format json $'\377' | cut -b 1-15)" = '{"model":"'$'\357\277\275''",' ]
    sed -i 's/"id2label": {.*}/"id2label": [1]/' $'\377/config.json'
    status_is 1 electra-model info $'\377'
    [[ $stderr == *"config.json: 'id2label' does not name each class by a word" ]]
}

@test "damage is named, and the others are shown" {
    cp -r "$RUN/discriminator/." cut
    truncate -s -1 cut/model.safetensors
    status_is 1 electra-model info cut "$RUN/discriminator" absent "$CORPUS"
    [ "$output" = "$(electra-model info "$RUN/discriminator")" ]
    [ "${#stderr_lines[@]}" = 3 ]
    [[ ${stderr_lines[0]} == "electra-model: cut/model.safetensors: "* ]]
    [ "${stderr_lines[1]}" = "electra-model: absent: No such file or directory" ]
    [ "${stderr_lines[2]}" = "electra-model: $CORPUS: is no model directory" ]
    status_is 1 electra-model info -o file cut "$RUN/discriminator"
    [ ! -e file ]
    mkdir empty
    status_is 1 electra-model info empty
    [[ $stderr == "electra-model: empty: is no model directory: "* ]]
    cp -r "$RUN/discriminator/." words
    echo another >>words/vocab.txt
    status_is 1 electra-model info words
    [[ $stderr == *"words: its vocabulary has 301 tokens, its configuration says 300" ]]
}

@test "a run with a damaged newest checkpoint is shown as it would be resumed" {
    cp -r "$RUN" run
    truncate -s -1 run/checkpoint-6/state/state.json
    status_is 1 electra-model info run
    [[ $stderr == "electra-model: run/checkpoint-6/state/state.json: damaged, "* ]]
    [[ $output == *$'\n'"step	4"$'\n'"damaged	1"$'\n'* ]]
    truncate -s -1 run/checkpoint-{2,4}/state/state.json
    status_is 1 electra-model info run
    [ -z "$output" ]
    [[ $stderr == "electra-model: run: no checkpoint is whole: run/checkpoint-2/"* ]]
}

@test "average: a model that tokenizes and scores, with the files of the first" {
    electra-model average -o averaged "$RUN"/checkpoint-*
    [ "$(ls averaged)" = "$(ls "$RUN/discriminator")" ]
    for file in tokenizer_config.json vocab.txt; do
        cmp averaged/$file "$RUN/discriminator/$file"
    done
    # The configuration has one thing more to tell.
    electra-model info averaged >info
    [ "$(grep ^history info | tail -n 1)" = "history	electra-model	$(version)	average" ]
    diff <(grep -v '^model\|^hash\|^history\|^file' info) \
        <(electra-model info "$RUN/discriminator" | grep -v '^model\|^hash\|^history\|^file')
    run ! cmp -s averaged/model.safetensors "$RUN/discriminator/model.safetensors"
    head -n 3 "$CORPUS" | electra-tokenize -m averaged | electra-score -m averaged >scores
    [ "$(wc -l <scores)" = 3 ]
    electra-model average -o again --no-history averaged "$RUN/discriminator"
    run ! grep -q '"history"' again/config.json
    rm -r again
    electra-model average -o again "$RUN"/checkpoint-*
    cmp averaged/model.safetensors again/model.safetensors
    # The mean of each tensor's mean is the mean's.
    for dir in "$RUN"/checkpoint-{2,4,6}/discriminator averaged; do
        electra-model info --stats "$dir" | awk -F '\t' '$1 == "tensor" { print $8 }'
    done | awk -v n="$(electra-model info averaged | awk '$1 == "file.tensors" { print $2 }')" '
        { row = (NR - 1) % n; model = int((NR - 1) / n) }
        model < 3 { sum[row] += $1 / 3 }
        model == 3 && ($1 - sum[row]) ^ 2 > 1e-9 { print row, $1, sum[row]; bad = 1 }
        END { exit bad || NR != 4 * n }'
}

@test "average of generators" {
    electra-model average -o averaged/ "$RUN/generator" "$RUN"
    cmp averaged/model.safetensors "$RUN/generator/model.safetensors"
    electra-model info averaged | grep -q '^architecture	ElectraForMaskedLM$'
}

@test "average refuses what does not belong together, and leaves nothing" {
    status_is 1 electra-model average -o new "$RUN/generator" "$RUN/discriminator"
    [[ $stderr == *"discriminator holds ElectraForPreTraining, but "*"/generator ElectraForMaskedLM" ]]
    cp -r "$RUN/discriminator/." other
    sed -i '$s/.*/another/' other/vocab.txt
    status_is 1 electra-model average -o new "$RUN" other
    [[ $stderr == *"other has a vocabulary of 300 tokens ("*"/discriminator another of 300 ("* ]]
    status_is 1 electra-model average -o new "$RUN" absent
    [[ $stderr == "electra-model: absent: No such file or directory" ]]
    status_is 1 electra-model average -o no/new "$RUN" "$RUN"
    [[ $stderr == "electra-model: no/new: cannot be created: No such file or directory" ]]
    [ -z "$(find . -name 'n[eo]*')" ]
}

@test "average replaces nothing" {
    mkdir there
    status_is 2 electra-model average -o there "$RUN" "$RUN"
    [[ ${stderr_lines[0]} == "electra-model: average: there: is there already" ]]
    rmdir there
}

@test "usage" {
    status_is 2 electra-model
    [[ ${stderr_lines[0]} == "electra-model: what to do is missing: info, convert or average" ]]
    for command in quantize nonsense; do
        status_is 2 electra-model $command "$RUN"
        [[ ${stderr_lines[0]} == "electra-model: unknown command '$command': there are info, convert and average" ]]
    done
    status_is 2 electra-model info
    status_is 2 electra-model info --format xml "$RUN"
    status_is 2 electra-model average "$RUN" "$RUN"
    [[ ${stderr_lines[0]} == "electra-model: average: -o DIR is missing" ]]
    status_is 2 electra-model average -o new "$RUN"
    [[ ${stderr_lines[0]} == *"at least two models" ]]
    status_is 2 electra-model average --stats -o new "$RUN" "$RUN"
    [[ ${stderr_lines[0]} == "electra-model: average: --stats is for info" ]]
    [ ! -e new ]
}
