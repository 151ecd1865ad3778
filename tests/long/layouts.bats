# Labelled data sets as Hugging Face tokenizers and transformers cut them into records.

load ../cli/helper

@test "no record of any labelled set differs from the references" {
    need_shared glue_pairs
    "${PYTHON:-python3}" -c 'import tokenizers, transformers
from transformers.data.processors import squad
assert tokenizers.__version__ == "0.22.2"' 2> /dev/null ||
        skip "no Python with tokenizers 0.22.2 and transformers 4"
    "${PYTHON:-python3}" "$ROOT/tests/golden/layouts/make_layouts.py" check "$BIN" "$SHARED/data"
}
