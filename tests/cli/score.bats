# electra-score: results, their formats, and everything that can be wrong with models and streams.

load helper
load streams

# A trained network of the nano shape, whose products are as large as real ones.
setup_file() {
    load helper
    cd "$BATS_FILE_TMPDIR" || return 1
    electra-vocab --size 500 "$CORPUS" > vocab.txt
    electra-tokenize --docs --max-length 64 --vocab vocab.txt "$CORPUS" > docs.els
    electra-train pretrain -q --config nano --vocab vocab.txt --steps 2 --batch 4 -o nano docs.els \
        > /dev/null
}

# The tiny network that transformers made, and a stream for it.
small() {
    cp -r "$ROOT/tests/golden/directory/discriminator" model
    chmod -R u+w model
    printf '%s\n' 'the cat sat on the mat.' 'unaffable dogs' '' 'é!' > text
    electra-tokenize -m model --max-length 32 text > text.els
}

# from_json LINE…: a stream of these records for the tiny network, after `small`.
from_json() {
    { electra-view --header text.els | head -n 1; printf '%s\n' "$@"; } | electra-view --from jsonl
}

says() {
    # shellcheck disable=SC2154 # set by run
    [[ $stderr == *"$1"* ]] || { echo "not '$1' but: $stderr"; return 1; }
}

# near FILE EXPECTED: the same columns, numbers within 1e-5 (kernels of other machines round
# otherwise).
near() {
    paste -d '\n' "$1" "$2" | awk -F '\t' '
        NR % 2 { n = split($0, found, "\t"); next }
        {
            if (NF != n) { print "columns of line", NR / 2; bad = 1 }
            for (i = 1; i <= NF; i++) {
                difference = found[i] - $i
                if (found[i] != $i && !(found[i] + 0 && difference * difference < 1e-10)) {
                    print "line", NR / 2, "has", found[i], "not", $i; bad = 1
                }
            }
        }
        END { exit bad || NR % 2 }'
}

# data_start FILE: where a safetensors file's header ends.
data_start() {
    echo $((8 + $(od -An -tu8 -N8 "$1")))
}

# patch FILE OFFSET BYTES: overwrites bytes, given as \xHH.
patch() {
    printf '%b' "$3" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

# ---- results ----

@test "rtd: id, mean, largest, word and its bytes" {
    small
    electra-score -m model text.els > rows
    # Computed by transformers from the same weights (tests/golden/make_directory.py).
    printf '%s\t%s\t%s\t%s\t%s\t%s\n' 1 0.366975 0.518896 mat 19 22 \
        2 0.417718 0.604167 unaffable 0 9 3 0 0 '' 0 0 4 0.365317 0.429718 '!' 2 3 > expected
    near rows expected
}

@test "--names names the columns, once" {
    small
    cat text.els text.els | electra-score -m model --names > rows
    [ "$(head -n 1 rows)" = "$(printf 'id\tscore\tmax\tword\tstart\tend')" ]
    [ "$(wc -l < rows)" -eq 9 ]
    [ "$(electra-score -m model --names --tokens text.els | head -n 1)" = \
        "$(printf 'id\ttoken\tstart\tend\tp')" ]
    [ "$(electra-score -m model --names --task embed text.els | head -n 1 | cut -f 1,2,25)" = \
        "$(printf 'id\tv1\tv24')" ]
}

@test "--tokens: a row for each token, a blank line after each text" {
    small
    electra-score -m model --tokens text.els > rows
    [ "$(grep -c '^$' rows)" -eq 4 ]
    [ "$(wc -l < rows)" -eq $((9 + 7 + 2 + 4 + 4)) ]
    sed -n 3p rows > third
    near third <(printf '1\tcat\t4\t7\t0.360984\n')
    [ "$(grep '^2' rows | cut -f 2 | tr '\n' ' ')" = '[CLS] un ##aff ##able dog ##s [SEP] ' ]
    # The score is the mean of what is not special.
    awk -F '\t' '$1 == 1 && $2 !~ /^\[/ { sum += $5; n++ } END { printf "%.4f\n", sum / n }' rows |
        grep -x 0.3670
}

@test "JSON Lines say everything" {
    small
    electra-score -m model --format jsonl text.els > rows
    [ "$(wc -l < rows)" -eq 4 ]
    sed 's/"p":0\.[0-9]*/"p":P/g' rows > shapes
    [ "$(sed -n 3p shapes)" = '{"id":3,"score":0.0,"max":0.0,"word":"","start":0,"end":0,"tokens":[{"token":"[CLS]","word":null,"start":0,"end":0,"p":P},{"token":"[SEP]","word":null,"start":0,"end":0,"p":P}]}' ]
    sed -n 2p shapes | grep -F '{"token":"##aff","word":0,"start":2,"end":5,"p":P}'
    grep -oE '"p":0\.[0-9]+' rows | sed 's/.*://' > p
    electra-score -m model --tokens text.els | sed '/^$/d' | cut -f 5 > expected
    near p expected
}

@test "JSON Lines keep the id's type and the label as gold" {
    small
    from_json '{"id":"a\tb","ids":[2,7,3],"label":"x"}' '{"id":-4,"ids":[2,7,3],"label":[0,1]}' |
        electra-score -m model --format jsonl > rows
    grep -F '{"id":"a\tb","gold":"x","score":' rows
    grep -F '{"id":-4,"gold":[0,1],"score":' rows
}

@test "TSV escapes tabs, newlines and backslashes" {
    small
    from_json '{"id":"a\tb\nc\\d","ids":[2,7,3]}' | electra-score -m model > rows
    [ "$(cut -f 1 rows)" = 'a\tb\nc\\d' ]
}

@test "embed: the first token's vector, the mean, unit length" {
    small
    electra-score -m model --task embed text.els > rows
    [ "$(awk -F '\t' 'NF == 25' rows | wc -l)" -eq 4 ]
    head -n 1 rows | cut -f 1-4 > first
    near first <(printf '1\t0.734804\t-0.560126\t1.74626\n')
    electra-score -m model --task embed --pool mean text.els > mean.tsv
    status_is 1 cmp -s rows mean.tsv
    electra-score -m model --task embed --normalize text.els |
        awk -F '\t' '{ s = 0; for (i = 2; i <= NF; i++) s += $i * $i; if (s < .9999 || s > 1.0001) exit 1 }'
    electra-score -m model --task embed --format f32 text.els > rows.f32
    [ "$(size rows.f32)" -eq $((4 * 24 * 4)) ]
    od -An -v -w96 -tf4 rows.f32 | awk '{ printf "%.6g\n", $2 }' > second
    cut -f 3 rows | diff - second
    electra-score -m model --task embed --format jsonl text.els | head -n 1 |
        grep -F '{"id":1,"embedding":[0.7348'
}

@test "every network can embed; only a discriminator does rtd, only a generator fill and pll" {
    small
    sed -i 's/ElectraForPreTraining/ElectraModel/' model/config.json
    electra-score -m model text.els | awk -F '\t' 'NF != 25 { exit 1 }'
    status_is 1 electra-score -m model --task rtd text.els
    says "holds ElectraModel, but ElectraForPreTraining is needed"
    status_is 1 electra-score -m "$ROOT/tests/golden/directory/generator" --task rtd text.els
    says "holds ElectraForMaskedLM, but ElectraForPreTraining is needed"
    for task in fill pll; do
        status_is 1 electra-score -m model --task $task text.els
        says "holds ElectraModel, but ElectraForMaskedLM is needed"
    done
    electra-score -m "$ROOT/tests/golden/directory/generator" --task embed text.els |
        awk -F '\t' 'NF != 13 { exit 1 }'
}

@test "stream: the records with the results added, block for block" {
    small
    cat text.els text.els | electra-score -m model --format stream > scores.els
    electra-view --check scores.els
    electra-view --header scores.els > twin
    grep -F '"kind":"scores"' twin | grep -F '"task":"rtd"' | grep -F '"program":"electra-score"'
    grep '"id":1,' twin | grep -F '"text":"the cat sat on the mat."' | grep -F '"word":"mat"'
    [ "$(grep -c '"max":' twin)" -eq 8 ]
    electra-score -m model --format stream text.els > one.els
    cat one.els one.els | cmp - scores.els
    status_is 1 electra-score -m model scores.els
    says "scores.els: a scores stream; a tokens stream is needed"
}

@test "without text the word is joined from its tokens" {
    small
    electra-tokenize -m model --max-length 32 --no-text text | electra-score -m model > rows
    [ "$(cut -f 4-6 rows | sed -n 2p)" = "$(printf 'unaffable\t0\t0')" ]
    electra-score -m model text.els | cut -f 1-3 > expected
    cut -f 1-3 rows | diff expected -
}

@test "the word of a second text is cut from that" {
    small
    # "cat" is a token of the pair, where the whole of it is one word of two tokens.
    from_json '{"id":1,"ids":[2,45,3,51,53,3],"types":[0,0,0,1,1,1],"text":"cat","pair":"unable","offsets":[[0,0],[0,3],[0,0],[0,2],[2,6],[0,0]],"words":[null,0,null,0,0,null]}' |
        electra-score -m model > rows
    [ "$(cut -f 4-6 rows)" = "$(printf 'unable\t0\t6')" ]
}

# ---- the same bytes ----

@test "threads change no byte" {
    local nano=$BATS_FILE_TMPDIR/nano format
    head -n 100 "$CORPUS" | electra-tokenize -m "$nano" --max-length 128 > text.els
    for format in tsv jsonl stream; do
        electra-score -j 1 -m "$nano" --format $format text.els > one
        electra-score -j 2 -m "$nano" --format $format text.els > two
        electra-score -j 7 -m "$nano" --format $format text.els > seven
        cmp one two
        cmp one seven
    done
    electra-score -j 1 -m "$nano" --task embed --format f32 text.els > one
    electra-score -j 3 -m "$nano" --task embed --format f32 text.els > three
    cmp one three
}

@test "a text's score does not depend on its neighbours" {
    local nano=$BATS_FILE_TMPDIR/nano i
    head -n 150 "$CORPUS" > text
    electra-tokenize -m "$nano" --max-length 128 text > all.els
    electra-score -m "$nano" --task embed --pool mean --format f32 all.els > all.f32
    electra-score -m "$nano" --format jsonl all.els > all.json
    for i in 1 2 7 30 31 77 113 150; do
        sed -n "${i}p" text | electra-tokenize -m "$nano" --max-length 128 > alone.els
        electra-score -m "$nano" --task embed --pool mean --format f32 alone.els > alone.f32
        dd if=all.f32 bs=512 skip=$((i - 1)) count=1 status=none | cmp - alone.f32
        sed -n "${i}p" all.json | sed 's/"id":[0-9]*,/"id":1,/' > expected
        electra-score -m "$nano" --format jsonl alone.els | diff expected -
    done
    electra-shuffle all.els | electra-score -m "$nano" --format jsonl |
        sort -t : -k 2n > shuffled.json
    sort -t : -k 2n all.json | diff - shuffled.json
}

@test "shards score what the whole does" {
    small
    for _ in 1 2 3 4 5 6 7; do cat text.els; done > seven.els
    electra-score -m model seven.els | sort > whole
    for k in 1 2 3; do electra-score -m model --shard $k/3 seven.els; done | sort | diff whole -
    status_is 2 electra-score -m model --shard 4/3 seven.els
    says "--shard"
}

@test "operands, standard input and a joined stream are one input" {
    small
    electra-score -m model text.els text.els > operands
    cat text.els text.els | electra-score -m model > joined
    electra-score -m model - text.els < text.els > mixed
    cmp operands joined
    cmp operands mixed
    electra-score -m model -o file text.els text.els
    cmp operands file
    electra-score --model=model < text.els | head -n 4 | diff - <(head -n 4 operands)
}

@test "a directory of electra-train is a model" {
    head -n 20 "$CORPUS" | electra-tokenize -m "$BATS_FILE_TMPDIR/nano" --max-length 64 > text.els
    electra-score -m "$BATS_FILE_TMPDIR/nano" text.els > train
    electra-score -m "$BATS_FILE_TMPDIR/nano/discriminator" text.els | cmp - train
}

@test "a stream without records has no rows" {
    small
    electra-tokenize -m model --max-length 32 /dev/null > empty.els
    [ -z "$(electra-score -m model empty.els)" ]
    electra-score -m model --format stream empty.els | electra-view --check
}

@test "memory is flat" {
    small
    local few many
    for _ in {1..50}; do cat text.els; done > few.els
    for _ in {1..40}; do cat few.els; done > many.els
    few=$(megabytes electra-score -j 1 -m model few.els)
    many=$(megabytes electra-score -j 1 -m model many.els)
    [ "$few" -gt 0 ]
    [ "$many" -lt $((few + 4)) ]
}

# ---- models that are none ----

@test "no model, no such model, no model directory" {
    small
    status_is 2 electra-score text.els
    says "no model"
    status_is 1 electra-score -m nowhere text.els
    says "nowhere: No such file or directory"
    status_is 1 electra-score -m text text.els
    says "text: is no model directory"
    mkdir empty
    status_is 1 electra-score -m empty text.els
    says "neither config.json nor discriminator/config.json"
    rm model/model.safetensors
    status_is 1 electra-score -m model text.els
    says "model/model.safetensors: No such file or directory"
}

@test "a model without a vocabulary, with another, with one that is too long" {
    small
    mv model/vocab.txt vocab.txt
    status_is 1 electra-score -m model text.els
    says "vocab"
    sed 's/^mat$/rat/' vocab.txt > model/vocab.txt
    status_is 1 electra-score -m model text.els
    says "text.els"
    says "model"
    { cat vocab.txt; echo more; } > model/vocab.txt
    status_is 1 electra-score -m model text.els
    says "its vocabulary has 56 tokens, its configuration says 55"
}

@test "a configuration that disagrees with the tensors is named" {
    small
    sed -i 's/"intermediate_size": 48/"intermediate_size": 49/' model/config.json
    status_is 1 electra-score -m model text.els
    says "intermediate.dense.weight' is [48, 24], but [49, 24] by the configuration"
    sed -i 's/"intermediate_size": 49/"intermediate_size": 48/
        s/"num_hidden_layers": 2/"num_hidden_layers": 3/' model/config.json
    status_is 1 electra-score -m model text.els
    says "'electra.encoder.layer.2.attention.self.query.weight' is missing"
    sed -i 's/"num_attention_heads": 3/"num_attention_heads": 5/' model/config.json
    status_is 1 electra-score -m model text.els
    says "'hidden_size' 24 is no multiple of 'num_attention_heads' 5"
    echo '{' > model/config.json
    status_is 1 electra-score -m model text.els
    says "model/config.json: line"
}

@test "weights that are not finite are named" {
    small
    patch model/model.safetensors $(($(size model/model.safetensors) - 4)) '\x00\x00\xc0\x7f'
    status_is 1 electra-score -m model text.els
    says "model/model.safetensors: tensor 'electra.encoder.layer.1.output.dense.weight' holds a number that is not finite"
}

@test "no cut of the weights is accepted" {
    small
    local size
    size=$(size model/model.safetensors)
    cp model/model.safetensors whole
    for n in 0 1 7 8 9 100 2000 4000 5000 $((size / 2)) $((size - 100)) $((size - 1)); do
        head -c "$n" whole > model/model.safetensors
        status_is 1 electra-score -m model text.els
        says "model/model.safetensors: "
        [ -z "$output" ]
    done
    { cat whole; echo; } > model/model.safetensors
    status_is 1 electra-score -m model text.els
    says "1 bytes behind the last tensor"
}

# ---- streams that do not fit ----

@test "every cut of a stream fails" {
    small
    local n size
    size=$(size text.els)
    for ((n = 0; n < size; n += n < 40 || n > size - 40 ? 1 : 13)); do
        head -c "$n" text.els > cut.els
        status_is 1 electra-score -m model cut.els
        says "cut.els: "
    done
}

@test "flipped bytes fail" {
    small
    local n
    for ((n = 0; n < $(size text.els); n += 17)); do
        cp text.els flipped.els
        flip flipped.els "$n"
        status_is 1 electra-score -m model flipped.els
    done
}

@test "empty input, text, another kind, another vocabulary" {
    small
    status_is 1 electra-score -m model /dev/null
    says "no stream header"
    status_is 1 electra-score -m model text
    says "text"
    electra-corrupt text.els > corrupted.els
    status_is 1 electra-score -m model corrupted.els
    says "corrupted.els: a corrupted stream with [MASK]s; task rtd reads replacements"
    status_is 1 electra-score -m model --task embed corrupted.els
    says "corrupted.els: a corrupted stream; a tokens stream is needed"
    electra-tokenize -m "$BATS_FILE_TMPDIR/nano" text > other.els
    status_is 1 electra-score -m model other.els
    says "other.els"
    says "model"
    status_is 1 electra-score -m model nowhere.els
    says "nowhere.els: No such file or directory"
    status_is 1 electra-score -m model .
    says ".: Is a directory"
}

@test "an unreadable file" {
    small
    chmod 000 text.els
    [ ! -r text.els ] || skip "everything is readable to this user"
    status_is 1 electra-score -m model text.els
    says "text.els: Permission denied"
}

@test "texts longer than the model's positions" {
    small
    electra-tokenize --vocab model/vocab.txt --max-length 33 text > long.els
    status_is 1 electra-score -m model long.els
    says "long.els has texts of up to 33 tokens, but model has 32 positions"
}

@test "a stream tokenized by other rules" {
    small
    electra-tokenize --vocab model/vocab.txt --cased --max-length 32 text > cased.els
    status_is 1 electra-score -m model cased.els
    says "cased.els was tokenized cased, but model is uncased"
    echo '{"do_lower_case": true, "strip_accents": false}' > model/tokenizer_config.json
    status_is 1 electra-score -m model text.els
    says "text.els was tokenized with accents stripped, but model has them kept"
}

# ---- records that cannot be scored ----

bad_records() {
    from_json '{"id":1,"ids":[2,7,3]}' '{"id":"b","ids":[]}' \
        '{"id":3,"ids":[2,7,3],"types":[0,0]}' '{"id":4,"ids":[2,7,3],"types":[0,9,0]}' \
        '{"id":5,"ids":[2,7,3],"text":"b","offsets":[[0,0],[0,2],[0,0]]}' \
        '{"id":6,"ids":[2,7,3],"text":"b","offsets":[[0,0],[1,0],[0,0]]}' \
        '{"id":7,"ids":[2,7,3],"words":[null,0]}' \
        "{\"id\":8,\"ids\":[2$(printf ',7%.0s' {1..31}),3]}" '{"id":9,"ids":[2,8,3]}'
}

@test "a record that cannot be scored ends the run, named" {
    small
    bad_records > bad.els
    status_is 1 electra-score -m model bad.els
    says "bad.els: record 2: key 'ids' is empty"
    status_is 1 electra-score -m model -o out bad.els
    [ ! -e out ]
}

@test "--keep-going keeps the rows of rejected records" {
    small
    bad_records > bad.els
    status_is 3 electra-score -m model --keep-going bad.els
    says "bad.els: record 3: key 'types' has 2 numbers for 3 tokens"
    says "record 4: key 'types' has type 9 where the model has 2"
    says "record 5: key 'offsets' of token 1 is outside the text"
    says "record 8: 33 tokens, but the model has 32 positions"
    says "7 records rejected"
    [ "${#lines[@]}" -eq 9 ]
    [ "${lines[1]}" = "$(printf 'b\t!error')" ]
    [[ ${lines[8]} == 9$'\t'0.* ]]
    from_json '{"id":9,"ids":[2,8,3]}' | electra-score -m model > alone
    [ "${lines[8]}" = "$(cat alone)" ]
}

@test "what electra-tokenize rejected is no text to score" {
    small
    from_json '{"id":1,"ids":[2,8,3]}' '{"id":2,"ids":[2,3],"error":"invalid UTF-8 at byte 5"}' > r.els
    status_is 1 electra-score -m model r.els
    says "r.els: record 2: rejected before: invalid UTF-8 at byte 5"
    status_is 3 electra-score -m model --keep-going r.els
    [ "${lines[1]}" = "$(printf '2\t!error')" ]
}

@test "--keep-going in the other formats" {
    small
    bad_records > bad.els
    status_is 3 electra-score -q -m model --keep-going --format jsonl bad.els
    [ -z "$stderr" ]
    [ "${lines[1]}" = "{\"id\":\"b\",\"error\":\"bad.els: record 2: key 'ids' is empty\"}" ]
    status_is 3 electra-score -q -m model --keep-going --tokens bad.els
    status_is 3 electra-score -q -m model --keep-going --format stream -o out.els bad.els
    electra-view out.els | grep -F '"id":"b"' | grep -F "\"error\":\"bad.els: record 2"
    [ "$(electra-view out.els | wc -l)" -eq 9 ]
    status_is 3 electra-score -q -m model --keep-going --task embed --format f32 -o out.f32 bad.els
    [ "$(size out.f32)" -eq $((9 * 24 * 4)) ]
    [ "$(od -An -v -w96 -tf4 out.f32 | grep -c nan)" -eq 7 ]
}

@test "results that are not finite are an error that names the record" {
    small
    # discriminator_predictions.dense_prediction.weight becomes the largest float 24 times.
    patch model/model.safetensors $(($(data_start model/model.safetensors) + 2404)) \
        "$(printf '\\xff\\xff\\x7f\\x7f%.0s' {1..24})"
    status_is 1 electra-score -m model text.els
    says "text.els: record 1: the model's output is not finite"
}

# ---- outputs ----

@test "a full disk, a closed pipe, an output that cannot be written" {
    small
    status_is 1 bash -c 'electra-score -m model text.els > /dev/full'
    says "No space left on device"
    status_is 1 electra-score -m model -o nowhere/rows text.els
    says "nowhere/rows"
    for _ in {1..4000}; do cat text.els; done > long.els
    status_is 141 bash -c 'set -o pipefail; electra-score -m model long.els | head -n 1 > /dev/null'
    [ -z "$stderr" ]
}

@test "-o appears whole or not at all" {
    small
    echo before > rows
    head -c $(($(size text.els) - 5)) text.els > cut.els
    status_is 1 electra-score -m model -o rows cut.els
    [ "$(cat rows)" = before ]
    [ "$(find . -name 'rows*')" = ./rows ]
    electra-score -m model -o rows text.els
    [ "$(wc -l < rows)" -eq 4 ]
}

@test "options that do not go together" {
    small
    status_is 2 electra-score -m model --format f32 text.els
    says "--format f32 is for task embed"
    status_is 2 electra-score -m model --task embed --tokens text.els
    says "--tokens is for tasks rtd and classify"
    status_is 2 electra-score -m model --normalize text.els
    says "--normalize is for task embed"
    status_is 2 electra-score -m model --pool mean text.els
    says "--pool is for task embed"
    status_is 2 electra-score -m model --top-k 2 text.els
    says "--top-k is for task fill"
    status_is 2 electra-score -m model --names --format jsonl text.els
    says "--names is for --format tsv"
    for option in '--n-best 3' '--max-answer 5' '--null-threshold 1' --always-answer; do
        # shellcheck disable=SC2086 # an option and its value
        status_is 2 electra-score -m model $option text.els
        says "${option%% *} is for task qa"
    done
    status_is 2 electra-score -m model --task classify --tokens --format stream text.els
    says "--tokens of task classify is for --format tsv and jsonl"
    status_is 2 electra-score -m model --task fill --top-k 0 text.els
    status_is 2 electra-score -m model --task fill --tokens text.els
    status_is 2 electra-score -m model --task pll --format f32 text.els
    status_is 2 electra-score -m model --task no text.els
    says "'no' is none of rtd|embed"
    status_is 2 electra-score -m model -j x text.els
}

@test "results come while the input is still open" {
    small
    mkfifo pipe out
    electra-score -m model pipe > out &
    local pid=$!
    exec 8< out 7> pipe
    # A whole segment but for its end: its block is scored and shown before more comes.
    head -c $(($(size text.els) - 10)) text.els >&7
    read -r -t 20 -u 8 line
    [[ $line == 1$'\t'0.36697* ]]
    exec 7>&- 8<&-
    wait "$pid" || true
}
