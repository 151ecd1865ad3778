#!/usr/bin/env bats
# shellcheck disable=SC2154 # run sets stderr
# Text at size: random texts by the million, gigabytes to shuffle.

load ../cli/helper

@test "three million random texts are cut as the definition says" {
    make -C "$ROOT" -s build/release/unit/test_reference
    cd "$ROOT" && ELECTRA_TEXTS=1000000 build/release/unit/test_reference
}

# peak MB: of a command with -v, from its summary
peak() { sed -n 's/.* \([0-9]*\)[.0-9]* MB$/\1/p'; }

@test "two gigabytes are shuffled in 100 MB, to the same bytes as in 1 GB" {
    for i in $(seq 40); do cat "$CORPUS"; done > text
    electra-vocab -q --size 2000 "$CORPUS" > vocab.txt
    electra-tokenize -q --vocab vocab.txt -o part.els text
    copies=$((2000000000 / $(wc -c < part.els)))
    parts() { for _ in $(seq $copies); do cat part.els; done; }
    parts | electra-shuffle -v --memory 1G 2> large | md5sum > one
    parts | electra-shuffle -v --memory 100M 2> small | md5sum > two
    cmp one two
    [ "$(peak < large)" -lt 1100 ]
    [ "$(peak < small)" -lt 120 ]
}

@test "memory does not grow with the text" {
    electra-vocab -q --size 2000 "$CORPUS" > vocab.txt
    for i in $(seq 2000); do cat "$CORPUS"; done > large
    electra-tokenize -v --vocab vocab.txt "$CORPUS" 2>&1 > /dev/null | peak > one
    electra-tokenize -v --vocab vocab.txt large 2>&1 > /dev/null | peak > two
    [ "$(cat two)" -le $(($(cat one) + 6)) ]
}

@test "a pattern meets every line of a corpus and matches what it should" {
    need_shared corpus/wordnet_glosses/wordnet_glosses.txt.zst
    command -v zstd > /dev/null || skip "no zstd"
    zstd -dc "$SHARED/data/corpus/wordnet_glosses/wordnet_glosses.txt.zst" > text
    electra-vocab -q --size 8000 text > vocab.txt
    electra-tokenize -q --no-history --compat google --vocab vocab.txt text > rules.els
    # BERT's rules as a pattern: the tokens are the same, and only the header tells them apart
    electra-tokenize -q --no-history --compat google --vocab vocab.txt \
        --pattern '[!-/:-@\[-`{-~\p{P}]|[^ !-/:-@\[-`{-~\p{P}]+' text > pattern.els
    electra-view rules.els > rules
    electra-view pattern.els | cmp - rules
}
