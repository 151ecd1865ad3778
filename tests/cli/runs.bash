# What tests of training share: a network and texts to start from, and what a run left behind,
# compared and read.

# A shape to fine-tune in a fraction of a second.
tiny_shape() {
    cat << 'JSON'
{"hidden_size": 16, "embedding_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2,
 "intermediate_size": 32, "max_position_embeddings": 64}
JSON
}

# Texts and their labels, which one word tells.
three_classes() {
    local i
    for i in {1..12}; do
        printf 'a good %s day\tpos\n' "$i"
        printf 'a bad %s day\tneg\n' "$i"
        printf 'it is %s now\tnone\n' "$i"
    done
}

# steady FILE: metrics without what a clock says.
steady() {
    sed -E 's/,"(tokens_per_second|seconds)":[^,}]*//g' "$1"
}

# equal_runs A B: the same checkpoint at the end, byte for byte, and the same metrics.
equal_runs() {
    [ "$(readlink "$1/latest")" = "$(readlink "$2/latest")" ]
    diff -r "$1/latest/" "$2/latest/"
    diff <(steady "$1/metrics.jsonl") <(steady "$2/metrics.jsonl")
    [ -e "$1/done" ] && [ -e "$2/done" ]
}

# value KEY LINE
value() {
    [[ $2 == *"\"$1\":"* ]] && sed -E "s/.*\"$1\":([^,}]*).*/\1/" <<< "$2"
}

# holds CONDITION VALUE…: is it true of these numbers, called a, b, c?
holds() {
    awk -v a="${2-}" -v b="${3-}" -v c="${4-}" "BEGIN { exit !($1) }"
}
