#!/usr/bin/env bats
# electra-model convert: other programs' checkpoints. What each format gives, number by number, and
# what is refused is in tests/unit/test_convert.c; here is what a user sees.

load helper

GOLDEN=$ROOT/tests/golden/convert

@test "a converted model tokenizes and scores, as transformers' own directory does" {
    for source in pytorch_model.bin legacy.bin flax_model.msgpack sharded; do
        electra-model convert -o new "$GOLDEN/discriminator/$source" 2>stderr
        [ ! -s stderr ]
        printf 'the cat\n\nunaffable dogs\n' | electra-tokenize -m new |
            electra-score -m new --tokens >scores
        printf 'the cat\n\nunaffable dogs\n' | electra-tokenize -m "$GOLDEN/discriminator" |
            electra-score -m "$GOLDEN/discriminator" --tokens >expected
        cmp scores expected
        rm -r new
    done
}

@test "a bundle's two networks are where programs look for them" {
    status_is 1 electra-model convert -o both "$GOLDEN/tensorflow"
    [[ $stderr == *"single TensorFlow bundle (.index)" ]] # there are two
    electra-model convert -v -o both "$GOLDEN/tensorflow/electra" 2>stderr
    [ "$(ls both)" = $'discriminator\ngenerator' ]
    grep -q "^electra-model: ElectraForPreTraining of TensorFlow: 2 layers of 8, 1 heads$" stderr
    grep -q "lower-cased, going by the vocabulary" stderr
    echo 'the cat' | electra-tokenize -m both | electra-score -m both >scores
    [ "$(wc -l <scores)" = 1 ]
    electra-model convert --network generator -o one "$GOLDEN/tensorflow/electra"
    cmp one/model.safetensors both/generator/model.safetensors
}

@test "a bundle's heads are 64 wide unless a configuration says otherwise" {
    electra-model convert --network discriminator -o a "$GOLDEN/tensorflow/electra"
    electra-model info a | grep -q '^num_attention_heads	1$'
    electra-model convert --network discriminator --config "$GOLDEN/discriminator/config.json" \
        -o b "$GOLDEN/tensorflow/electra"
    diff <(electra-model info b | grep -v '^model\|^hash\|^history') \
        <(electra-model info "$GOLDEN/discriminator" | grep -v '^model\|^hash')
    status_is 2 electra-model convert --config "$GOLDEN/discriminator/config.json" -o c \
        "$GOLDEN/tensorflow/electra"
    [[ $stderr == *"cannot be that of two networks"* ]]
    [ ! -e c ]
}

@test "fine-tuned bundles have their head; what it is about, a configuration says" {
    status_is 1 electra-model convert -o new "$GOLDEN/tensorflow/tagger"
    [[ $stderr == *"there is a classifier, but no 'architectures' in a configuration to say"* ]]
    electra-model convert --config "$GOLDEN/tagger/config.json" -o new "$GOLDEN/tensorflow/tagger"
    cmp new/model.safetensors "$GOLDEN/tagger/model.safetensors"
    electra-model info new | grep -q '^id2label.1	B-X$'
    electra-model convert -q --encoder -o encoder "$GOLDEN/tensorflow/tagger"
    sed 's/"2": "I-X"/"2": "I-X", "3": "E-X"/' "$GOLDEN/tagger/config.json" >config.json
    status_is 1 electra-model convert --config config.json -o other "$GOLDEN/tensorflow/tagger"
    [[ $stderr == *"config.json: names 4 classes, the network has 3" ]]
    # Start, end given start, and answerability; nothing has to say what this is.
    electra-model convert -o answerer "$GOLDEN/tensorflow/squad"
    electra-model info --tensors answerer >info
    grep -q '^architecture	GoogleElectraForQuestionAnswering$' info
    [ "$(grep -c '^tensor	\(start\|end\|answerable\)\.' info)" = 10 ]
    grep -q '^tensor	end.dense.weight	F32	512,4	true$' info
}

@test "a network that a bundle does not hold is not made" {
    status_is 1 electra-model convert --network discriminator -o new "$GOLDEN/tensorflow/single"
    [[ $stderr == *"/tensorflow/single: there is no discriminator's head in it" ]]
    [ ! -e new ]
}

@test "the history says what was converted" {
    local version hash
    version=$(electra-model --version | sed -n '1s/.* //p')
    electra-model convert --encoder -o new "$GOLDEN/discriminator/legacy.bin"
    electra-model info new >info
    hash=$(grep ^history info | cut -d , -f 3)
    [ "${#hash}" = 32 ]
    [ "$(grep ^history info)" = "history	electra-model	$version	convert,PyTorch,$hash,--encoder" ]
    cp "$GOLDEN/discriminator/legacy.bin" elsewhere.bin
    electra-model convert --encoder --config "$GOLDEN/discriminator/config.json" \
        --vocab "$GOLDEN/discriminator/vocab.txt" -o again elsewhere.bin
    cmp new/config.json again/config.json
}

@test "--no-history leaves it out" {
    electra-model convert --no-history -o new "$GOLDEN/discriminator"
    [ -e new/model.safetensors ]
    run ! grep -q history new/config.json
}

@test "labels go with a classifier" {
    electra-model convert -o new "$GOLDEN/tagger"
    electra-model info new >info
    grep -q '^architecture	ElectraForTokenClassification$' info
    [ "$(grep '^id2label' info)" = $'id2label.0\tO\nid2label.1\tB-X\nid2label.2\tI-X' ]
    grep -q '^num_labels	3$' info
    electra-model convert -o again "$GOLDEN/classifier"
    electra-model info again | grep -q '^problem_type	multi_label_classification$'
}

@test "what is not used is named, what is missing is named and makes it fail" {
    local source=$GOLDEN/bert-encoder/bert.safetensors
    electra-model convert -o new "$source" 2>stderr
    [ "$(cat stderr)" = "electra-model: $source: tensor 'pooler.dense.bias' is not used
electra-model: $source: tensor 'pooler.dense.weight' is not used" ]
    electra-model convert -q -o quiet "$source" 2>stderr
    [ ! -s stderr ]
    # A classifier's configuration beside an encoder.
    status_is 1 electra-model convert --config "$GOLDEN/classifier/config.json" -o none \
        "$GOLDEN/encoder"
    [ -z "$output" ]
    for tensor in dense.weight dense.bias out_proj.weight out_proj.bias; do
        grep -qx "electra-model: $GOLDEN/encoder: tensor 'classifier.$tensor' is missing" \
            <<<"$stderr"
    done
    [ "${stderr_lines[4]}" = "electra-model: $GOLDEN/encoder: only the head is missing; --encoder leaves it" ]
    [ "${#stderr_lines[@]}" = 5 ]
    [ -z "$(find . -name 'none*')" ]
    # The same without the head.
    electra-model convert --encoder --config "$GOLDEN/classifier/config.json" -o none \
        "$GOLDEN/encoder"
}

@test "shapes that differ from the configuration are named" {
    sed 's/"intermediate_size": 10/"intermediate_size": 11/' "$GOLDEN/discriminator/config.json" \
        >config.json
    for source in model.safetensors pytorch_model.bin; do
        status_is 1 electra-model convert --config config.json -o new \
            "$GOLDEN/discriminator/$source"
        [[ $stderr == *"$source: tensor 'electra.encoder.layer.0.intermediate.dense.weight' is [10, 8], but [11, 8] by the configuration" ]]
    done
    # Flax has it the other way round.
    status_is 1 electra-model convert --config config.json -o new \
        "$GOLDEN/discriminator/flax_model.msgpack"
    [[ $stderr == *"/intermediate/dense/kernel' is [8, 10], but [8, 11] by the configuration" ]]
    [ ! -e new ]
}

@test "a configuration that no network can have is a fault of its file" {
    sed 's/"num_attention_heads": [0-9]*/"num_attention_heads": 3/' \
        "$GOLDEN/discriminator/config.json" >config.json
    for source in discriminator "tensorflow/electra --network discriminator"; do
        # shellcheck disable=SC2086 # with its options
        status_is 1 electra-model convert --config config.json -o new "$GOLDEN"/$source
        [ "${#stderr_lines[@]}" = 1 ]
        [[ $stderr == *"config.json: "*"heads"* ]]
    done
}

@test "a vector that is called a kernel is no weight" {
    cp "$GOLDEN/discriminator/"{config.json,vocab.txt} .
    LC_ALL=C sed 's/\xa5scale/\xa6kernel/g' "$GOLDEN/discriminator/flax_model.msgpack" \
        >flax_model.msgpack
    status_is 1 electra-model convert -o new .
    [ "${stderr_lines[0]}" = "electra-model: .: tensor 'electra.embeddings.LayerNorm.weight' is missing" ]
    [ ! -e new ]
}

@test "a tensor that is there twice is refused" {
    cp "$GOLDEN/discriminator/"{config.json,vocab.txt} .
    LC_ALL=C sed 's/\xa5scale/\xa4bias/g' "$GOLDEN/discriminator/flax_model.msgpack" \
        >flax_model.msgpack
    status_is 1 electra-model convert -o new .
    [ "$stderr" = "electra-model: ./flax_model.msgpack: tensor 'params/electra/embeddings/LayerNorm/bias' is there twice" ]
    [ ! -e new ]
}

@test "a BERT classifier classifies as in transformers, and can be trained further" {
    electra-model convert -o new "$GOLDEN/bert-classifier/bert.safetensors" 2>stderr
    [ ! -s stderr ]
    electra-model info new >info
    grep -q '^architecture	BertElectraForSequenceClassification$' info
    grep -q '^id2label.1	so so$' info
    cut -f 1 "$GOLDEN/bert-classifier/scores.tsv" | electra-tokenize -m new |
        electra-score -m new >scores
    paste scores "$GOLDEN/bert-classifier/scores.tsv" |
        awk -F '\t' '$2 != $5 || ($3 - $6) ^ 2 > 3e-12 { exit 1 } END { exit NR != 4 }'
    electra-tokenize -m new --tsv --text 1 --label 2 -o gold.els "$GOLDEN/bert-classifier/scores.tsv"
    electra-train classify --init new -o more --steps 1 --batch 4 gold.els >metrics 2>stderr
    run ! grep -q 'at random' stderr
    electra-model info more | grep -q '^architecture	BertElectraForSequenceClassification$'
}

@test "a BERT classifier for other labels keeps its pooler" {
    electra-model convert -o new "$GOLDEN/bert-classifier/bert.safetensors"
    sed 's/good/fine/' "$GOLDEN/bert-classifier/scores.tsv" |
        electra-tokenize -m new --tsv --text 1 --label 2 -o gold.els
    electra-train classify --init new -o more --steps 1 --batch 4 --lr 1e-12 gold.els >metrics 2>stderr
    [ "$(cat stderr)" = "electra-train: new: its head is for other labels: a new one is drawn at random, but for the pooler" ]
    tensor() { electra-model info --tensors --stats "$1" | grep "^tensor	$2"; }
    diff <(tensor new pooler) <(tensor more pooler)
    run ! diff <(tensor new classifier.weight) <(tensor more classifier.weight)
}

@test "classes without a counterpart are refused, but for their encoder" {
    sed 's/BertModel/BertForMultipleChoice/' "$GOLDEN/bert-encoder/config.json" >config.json
    status_is 1 electra-model convert --config config.json -o new \
        "$GOLDEN/bert-encoder/bert.safetensors"
    [[ $stderr == *"'BertForMultipleChoice', whose head has no counterpart here"* ]]
    electra-model convert -q --encoder --config config.json -o new \
        "$GOLDEN/bert-encoder/bert.safetensors"
    electra-model info new | grep -q '^architecture	ElectraModel$'
    sed 's/"gelu"/"relu"/' "$GOLDEN/bert-mlm/config.json" >config.json
    status_is 1 electra-model convert --config config.json -o other \
        "$GOLDEN/bert-mlm/bert.safetensors"
    [[ $stderr == *"'hidden_act' is not 'gelu'"* ]]
    sed 's/"bert"/"roberta"/' "$GOLDEN/bert-mlm/config.json" >config.json
    status_is 1 electra-model convert --config config.json -o other \
        "$GOLDEN/bert-mlm/bert.safetensors"
    [[ $stderr == *"config.json: 'model_type' is 'roberta'"* ]]
    sed 's/"is_decoder": false/"is_decoder": true/' "$GOLDEN/bert-mlm/config.json" >config.json
    grep -q '"is_decoder": true' config.json
    status_is 1 electra-model convert --config config.json -o other \
        "$GOLDEN/bert-mlm/bert.safetensors"
    [[ $stderr == *"'is_decoder' is true: it is no encoder"* ]]
}

@test "without the names of classes, heads are known by their tensors" {
    for kind in discriminator generator classifier answerer encoder; do
        sed '/"architectures"/,/\]/d' "$GOLDEN/$kind/config.json" >config.json
        run ! grep -q architectures config.json
        electra-model convert --config config.json -o new "$GOLDEN/$kind"
        [ "$(electra-model info new | grep ^architecture)" = \
            "$(electra-model info "$GOLDEN/$kind" | grep ^architecture)" ]
        rm -r new
    done
    sed '/"architectures"/,/\]/d' "$GOLDEN/tagger/config.json" >config.json
    status_is 1 electra-model convert --config config.json -o new "$GOLDEN/tagger"
    [[ $stderr == *"there is a classifier, but no 'architectures' in a configuration to say whether of texts or of tokens" ]]
}

@test "a bundle's capital letters say whether texts are lower-cased, where nothing else does" {
    status_is 0 electra-model convert --network discriminator -o lower "$GOLDEN/tensorflow/electra"
    [ "$stderr" = "electra-model: texts are lower-cased, going by the vocabulary: no tokenizer_config.json says so" ]
    grep -q '"do_lower_case": true' lower/tokenizer_config.json
    sed 's/^the$/The/' "$GOLDEN/discriminator/vocab.txt" >cased.txt
    status_is 0 electra-model convert --network discriminator --vocab cased.txt -o cased \
        "$GOLDEN/tensorflow/electra"
    [[ $stderr == *"texts are not lower-cased, going by the vocabulary"* ]]
    grep -q '"do_lower_case": false' cased/tokenizer_config.json
    cmp cased/vocab.txt cased.txt
    # transformers lower-cases the texts of a directory that does not speak of it; so do we
    status_is 0 electra-model convert --vocab cased.txt -o same "$GOLDEN/discriminator"
    [ -z "$stderr" ]
    grep -q '"do_lower_case": true' same/tokenizer_config.json
    cp -r "$GOLDEN/discriminator" source
    echo '{"do_lower_case": true, "strip_accents": false}' >source/tokenizer_config.json
    electra-model convert --vocab cased.txt -o said source
    grep -q '"do_lower_case": true' said/tokenizer_config.json
    grep -q '"strip_accents": false' said/tokenizer_config.json
}

@test "rules for text are kept, those of --vocab before others, or refused by name" {
    cp -r "$GOLDEN/discriminator" source
    echo '{"do_lower_case": false, "compat": "google", "pattern": "a+"}' >source/tokenizer_config.json
    electra-model convert -o new source
    grep -q '"compat": "google"' new/tokenizer_config.json
    grep -q '"pattern": "a+"' new/tokenizer_config.json
    echo '{"tokenize_chinese_chars": false}' >source/tokenizer_config.json
    electra-model convert -o joined source
    grep -q '"tokenize_chinese_chars": false' joined/tokenizer_config.json
    rm source/tokenizer_config.json
    jq -Rn '{normalizer: {type: "BertNormalizer", lowercase: false, strip_accents: true},
        model: {type: "WordPiece", unk_token: "[UNK]", continuing_subword_prefix: "##",
            max_input_chars_per_word: 100, vocab: [inputs] | with_entries({key: .value, value: .key})}}' \
        source/vocab.txt >rules.json
    electra-model convert --vocab rules.json -o said source 2>stderr
    [ ! -s stderr ]
    grep -q '"do_lower_case": false' said/tokenizer_config.json
    grep -q '"strip_accents": true' said/tokenizer_config.json
    cmp said/vocab.txt source/vocab.txt
    for rule in '.normalizer.clean_text = false' '.model.max_input_chars_per_word = 50'; do
        jq "$rule" rules.json >other.json
        status_is 1 electra-model convert --vocab other.json -o none source
        [[ $stderr == "electra-model: other.json: "*" is not supported"* ]]
        [ ! -e none ]
    done
}

@test "tokens that would be read in another way are refused by name" {
    local tiny='{model: {type: "WordPiece", vocab: [inputs] | with_entries({key: .value, value: .key})}}'
    cp -r "$GOLDEN/discriminator" source
    echo '{"[MASK]": 4, "<e1>": 55}' >source/added_tokens.json
    status_is 1 electra-model convert -o none source
    [[ $stderr == "electra-model: source/added_tokens.json: added token '<e1>' is not supported"* ]]
    rm source/added_tokens.json
    echo '{"cls_token": "<s>"}' >source/special_tokens_map.json
    status_is 1 electra-model convert -o none source
    [[ $stderr == "electra-model: source/special_tokens_map.json: cls_token '<s>' is not supported"* ]]
    rm source/special_tokens_map.json
    # what AutoTokenizer writes where nobody has said how long texts may be
    echo '{"model_max_length": 1000000000000000019884624838656}' >source/tokenizer_config.json
    jq -Rn "$tiny" source/vocab.txt >source/tokenizer.json
    electra-model convert -o new source
    echo 'the cat' | electra-tokenize -m source -o tokens.els
    electra-score -m new tokens.els >scores
    # transformers reads the one, we the other
    sed -i 's/"the":/"THE":/' source/tokenizer.json
    status_is 1 electra-model convert -o none source
    [[ $stderr == *"source/tokenizer.json: has other tokens than the vocab.txt beside it; --vocab chooses" ]]
    electra-model convert --vocab source/vocab.txt -o chosen source
    cmp chosen/vocab.txt source/vocab.txt
    [ ! -e none ]
}

@test "a vocabulary that is missing or too large" {
    cp -r "$GOLDEN/discriminator" source
    echo more >>source/vocab.txt
    status_is 1 electra-model convert -o new source
    [[ $stderr == *"source: the vocabulary has 56 tokens, the network is made for 55" ]]
    rm source/vocab.txt
    status_is 1 electra-model convert -o new source
    [ "$stderr" = "electra-model: source: has neither vocab.txt nor tokenizer.json" ]
    rm source/config.json
    status_is 1 electra-model convert --vocab "$GOLDEN/discriminator/vocab.txt" -o new source
    [ "$stderr" = "electra-model: source/config.json: No such file or directory" ]
    [ ! -e new ]
}

@test "numbers that are not finite are kept, with a warning" {
    cp -r "$GOLDEN/encoder" source
    printf '\377\377\377\177' | dd of=source/model.safetensors bs=1 conv=notrunc status=none \
        seek=$(($(wc -c <source/model.safetensors) - 4))
    electra-model convert -o new source 2>stderr
    [ "$(cat stderr)" = "electra-model: source: tensor 'encoder.layer.0.output.dense.weight' holds a number that is not finite" ]
    status_is 1 electra-model info new
    [[ $stderr == *"holds a number that is not finite"* ]]
}

@test "a program in a pickle is not run" {
    printf '\200\002cposix\nsystem\nX\014\000\000\000touch hostileq\000\205R.' >pytorch_model.bin
    cp "$GOLDEN/discriminator/"{config.json,vocab.txt} .
    status_is 1 electra-model convert -o new .
    [[ $stderr == *"pytorch_model.bin: in the first of its pickles: pickle, byte 2: asks for 'posix.system': only tensors are read, and nothing is ever called" ]]
    [ ! -e hostile ]
    [ ! -e new ]
}

@test "directories that need a conversion say so" {
    mkdir bert
    cp "$GOLDEN/bert-encoder/"{config.json,vocab.txt} bert
    cp "$GOLDEN/bert-encoder/bert.safetensors" bert/model.safetensors
    status_is 1 electra-score -m bert </dev/null
    [[ $stderr == *"'model_type' is 'bert'; only 'electra' is supported; electra-model convert makes one of BERT's" ]]
    cp -r "$GOLDEN/discriminator" torch
    rm torch/model.safetensors
    status_is 1 electra-score -m torch </dev/null
    [[ $stderr == *"torch/model.safetensors: is not there; electra-model convert reads pytorch_model.bin" ]]
}

@test "a source may come through a pipe" {
    for file in model.safetensors legacy.bin flax_model.msgpack; do
        electra-model convert --config "$GOLDEN/discriminator/config.json" \
            --vocab "$GOLDEN/discriminator/vocab.txt" -o new \
            <(gzip -c "$GOLDEN/discriminator/$file" | gzip -dc)
        cmp new/model.safetensors "$GOLDEN/discriminator/model.safetensors"
        rm -r new
    done
}

@test "sources that are none" {
    status_is 1 electra-model convert -o new absent
    [ "$stderr" = "electra-model: absent: No such file or directory" ]
    mkdir empty
    status_is 1 electra-model convert -o new empty
    [[ $stderr == "electra-model: empty: has no model.safetensors, pytorch_model.bin, flax_model.msgpack or single TensorFlow bundle (.index)" ]]
    status_is 1 electra-model convert -o new "$CORPUS"
    [[ $stderr == *"corpus.txt: is no checkpoint of PyTorch, Flax or TensorFlow, and no safetensors file" ]]
    head -c 9000 "$GOLDEN/discriminator/pytorch_model.bin" >cut.bin
    status_is 1 electra-model convert -o new cut.bin
    [[ $stderr == *"cut.bin: is a zip archive that stops before its directory" ]]
}

@test "the directory appears whole or not at all" {
    (
        ulimit -f 4 # blocks of 1024 bytes: the weights take more
        trap '' XFSZ
        status_is 1 electra-model convert -o new "$GOLDEN/discriminator"
        [[ $stderr == *"File too large" ]]
    )
    [ -z "$(find . -name '*new*')" ]
    mkdir there
    status_is 2 electra-model convert -o there "$GOLDEN/discriminator"
    [[ ${stderr_lines[0]} == "electra-model: convert: there: is there already" ]]
}

@test "usage" {
    status_is 2 electra-model convert "$GOLDEN/discriminator"
    [[ ${stderr_lines[0]} == "electra-model: convert: -o DIR is missing" ]]
    status_is 2 electra-model convert -o new
    [[ ${stderr_lines[0]} == "electra-model: convert: one SOURCE at a time" ]]
    status_is 2 electra-model convert --stats -o new "$GOLDEN/discriminator"
    [[ ${stderr_lines[0]} == "electra-model: convert: --stats is for info" ]]
    status_is 2 electra-model info --encoder "$GOLDEN/discriminator"
    [[ ${stderr_lines[0]} == "electra-model: info: --encoder is for convert" ]]
    status_is 2 electra-model convert --network generator -o new "$GOLDEN/discriminator"
    [[ ${stderr_lines[0]} == *"only TensorFlow's bundles hold two networks"* ]]
    [ ! -e new ]
}
