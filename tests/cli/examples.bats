# The examples of the manual, each in an empty directory with corpus.txt.

load helper

# Writes each block of commands under EXAMPLES into a file of its own: example-1, example-2, …
extract() {
    awk '
        /^\.Sh/ { inside = /EXAMPLES/ }
        /^\.Ed/ { writing = 0 }
        inside && writing {
            gsub(/\\e/, "\\"); gsub(/\\&/, ""); gsub(/\\\(aq/, "\047"); gsub(/\\-/, "-")
            print > ("example-" n)
        }
        inside && /^\.Bd -literal/ { n++; writing = 1 }' "$1"
}

# The examples of a page run, and there is at least one.
examples() {
    local page=$ROOT/man/$1 example n=0
    [ -e "$page" ] || skip "no man/$1"
    extract "$page"
    for example in example-*; do
        [ -e "$example" ] || { echo "man/$1 has no examples" && return 1; }
        n=$((n + 1))
        mkdir "$n"
        cp "$CORPUS" "$n/corpus.txt"
        (cd "$n" && bash -euo pipefail "../$example") >"$n.log" 2>&1 || {
            echo "example $n of man/$1 fails:"
            cat "$example"
            tail -n 20 "$n.log"
            return 1
        }
    done
}

@test "electra-vocab(1)" { examples electra-vocab.1; }
@test "electra-tokenize(1)" { examples electra-tokenize.1; }
@test "electra-shuffle(1)" { examples electra-shuffle.1; }
@test "electra-corrupt(1)" { examples electra-corrupt.1; }
@test "electra-train(1)" { examples electra-train.1; }
@test "electra-score(1)" { examples electra-score.1; }
@test "electra-eval(1)" { examples electra-eval.1; }
@test "electra-view(1)" { examples electra-view.1; }
@test "electra-stream(5)" { examples electra-stream.5; }
@test "electra-model(1)" { examples electra-model.1; }
@test "electra-model(5)" { examples electra-model.5; }
@test "electra(7)" { examples electra.7; }

@test "no page is left out" {
    local page
    for page in "$ROOT"/man/*; do
        grep -q "examples $(basename "$page");" "$BATS_TEST_FILENAME"
    done
}
