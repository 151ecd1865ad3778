#!/usr/bin/env bats
# shellcheck disable=SC2016,SC2154 # bash -c expands; run sets stderr
# electra-vocab

load helper

@test "a vocabulary has exactly the size asked for, and the specials first" {
    electra-vocab --size 700 "$CORPUS" > vocab.txt
    [ "$(wc -l < vocab.txt)" -eq 700 ]
    [ "$(head -n 5 vocab.txt | tr '\n' ' ')" = "[PAD] [UNK] [CLS] [SEP] [MASK] " ]
    [ "$(sort -u vocab.txt | wc -l)" -eq 700 ]
}

@test "neither threads nor the order of lines nor the way in change a byte" {
    electra-vocab --size 600 "$CORPUS" > one
    electra-vocab --size 600 -j 2 "$CORPUS" | cmp - one
    electra-vocab --size 600 -j 5 < "$CORPUS" | cmp - one
    electra-vocab --size 600 <(sort "$CORPUS") | cmp - one
    electra-vocab --size 600 -o two - < "$CORPUS"
    cmp one two
    split -n l/3 "$CORPUS" part
    electra-vocab --size 600 part* | cmp - one
}

@test "every word of the corpus can be spelled" {
    electra-vocab --size 500 "$CORPUS" > vocab.txt
    run --separate-stderr bash -c 'electra-tokenize -v --vocab vocab.txt "$CORPUS" > /dev/null'
    [ "$status" -eq 0 ]
    [[ $stderr == *"0.000 % unknown tokens"* ]]
}

@test "the learned splits are as short as the reference's" {
    need_shared corpus/wordnet_glosses/wordnet_glosses.txt.zst
    command -v zstd > /dev/null || skip "no zstd"
    zstd -dc "$SHARED/data/corpus/wordnet_glosses/wordnet_glosses.txt.zst" > text
    electra-vocab --size 8000 text > vocab.txt
    run --separate-stderr bash -c 'electra-tokenize -v --no-text --vocab vocab.txt text > /dev/null'
    # Hugging Face's trainer with the same settings: 2,936,114 tokens; within 0.5 %.
    tokens=$(sed -n 's/.*records, \([0-9]*\) tokens.*/\1/p' <<< "$stderr")
    [ "$tokens" -gt 2921433 ] && [ "$tokens" -lt 2950795 ]
}

@test "case, frequency, alphabet and reserve are options" {
    printf 'Ab Ab Ab ab xy xy q\n' > text
    electra-vocab --cased text | tail -n +6 | tr '\n' ' ' > cased
    [ "$(cat cased)" = "A a b q x y ##b ##y Ab xy " ]
    electra-vocab --min-frequency 3 text | tail -n +6 | tr '\n' ' ' > frequent
    [ "$(cat frequent)" = "a b q x y ##b ##y ab " ]
    electra-vocab --limit-alphabet 2 text | tail -n +6 | tr '\n' ' ' > small
    [ "$(cat small)" = "a b ##b ab " ]
    electra-vocab --reserve 2 text | sed -n '6,8p' | tr '\n' ' ' > reserved
    [ "$(cat reserved)" = "[unused0] [unused1] a " ]
}

@test "a corpus that gives less than the size is said so" {
    printf 'ab ab\n' > text
    status_is 0 electra-vocab --size 100 text
    [ "${#lines[@]}" -eq 9 ]
    [[ $stderr == "electra-vocab: only 9 tokens could be learned of the 100 asked for"* ]]
    status_is 0 electra-vocab -q --size 100 text
    [ -z "$stderr" ]
}

@test "bad input is one line and the right status" {
    status_is 1 electra-vocab /dev/null
    [ "$stderr" = "electra-vocab: no words to learn from (did the previous command fail?)" ]
    status_is 1 electra-vocab absent
    [[ $stderr == "electra-vocab: absent: No such file"* ]]
    status_is 1 electra-vocab .
    [[ $stderr == "electra-vocab: .: Is a directory" ]]
    status_is 1 electra-vocab --size 20 "$CORPUS"
    [[ $stderr == *"has no room for the alphabet"* ]]
    gzip -c "$CORPUS" > text.gz
    status_is 1 electra-vocab text.gz
    [ "$stderr" = "electra-vocab: text.gz: compressed by gzip, not text; pipe it through gzip -dc" ]
    status_is 2 electra-vocab --size 0 "$CORPUS"
    status_is 2 electra-vocab --size 12x "$CORPUS"
    status_is 2 electra-vocab --unknown
}

@test "hostile bytes are counted, not choked on" {
    head -c 300000 /dev/urandom > noise
    status_is 0 bash -c 'electra-vocab noise > vocab.txt'
    [[ $stderr == *"invalid UTF-8 sequences were taken for U+FFFD"* ]]
    electra-tokenize --vocab vocab.txt "$CORPUS" > /dev/null
    printf 'a\0b\r\na\0b\r\n' > nul
    status_is 0 electra-vocab -q nul
    [ "${lines[8]}" = ab ]
}

@test "the output is whole or not there" {
    [ -e /dev/full ] || skip "no /dev/full"
    status_is 1 bash -c 'electra-vocab --size 500 "$CORPUS" > /dev/full'
    [[ $stderr == *"No space left"* ]]
    echo before > vocab.txt
    status_is 1 electra-vocab -o vocab.txt "$CORPUS" absent
    [ "$(cat vocab.txt)" = before ]
    run ls -d vocab.txt*
    [ "$output" = vocab.txt ]
}

@test "special tokens stand where they are asked to" {
    electra-vocab --size 800 --special-ids 0,100,101,102,103 "$CORPUS" > vocab.txt
    [ "$(wc -l < vocab.txt)" -eq 800 ]
    [ "$(sed -n '1p;101,104p' vocab.txt | tr '\n' ' ')" = '[PAD] [UNK] [CLS] [SEP] [MASK] ' ]
    [ "$(sed -n '2p;100p' vocab.txt | tr '\n' ' ')" = '[unused0] [unused98] ' ]
    electra-vocab --size 800 --special-ids 4,3,2,1,0 --reserve 2 "$CORPUS" | head -n 7 | tr '\n' ' ' > front
    [ "$(cat front)" = '[MASK] [SEP] [CLS] [UNK] [PAD] [unused0] [unused1] ' ]
    [ "$(electra-vocab --size 800 --reserve 95 "$CORPUS" | sed -n 100p)" = '[unused94]' ]
    for ids in 0,1,2,3 0,1,2,3,4,5 0,1,2,3,x 0,1,2,3,-4 '' 0,1,2,3,1048576; do
        status_is 2 electra-vocab --special-ids "$ids" "$CORPUS"
    done
    for ids in 0,1,2,3,3 3,1,2,3,4 1,2,3,3,3; do
        status_is 2 electra-vocab --special-ids $ids "$CORPUS"
        [[ $stderr == *"--special-ids $ids: two special tokens cannot have the same id 3"* ]]
    done
    status_is 2 electra-vocab --special-ids 0,0,0,0,0 "$CORPUS"
}

@test "the summary says how well the vocabulary fits" {
    printf 'ab ab ab ab cd é\n' > text
    run --separate-stderr electra-vocab -v --size 14 --limit-alphabet 3 text
    [[ $stderr == *"3 distinct words"* ]]
    # cd and é are unknown, of 6 words; 8 of 11 letters are covered; every word is one token
    [[ $stderr == *"72.727 % of the characters covered, 33.333 % unknown words, 1.000 tokens per word"* ]]
}

@test "too many distinct words end it, whatever the threads" {
    seq 1000 > text
    for j in 1 3; do
        status_is 1 electra-vocab --max-words 999 -j $j -o vocab.txt text
        [ "$stderr" = "electra-vocab: more than 999 distinct words: is this text? Give less of it, or --max-words" ]
        [ ! -e vocab.txt ]
        electra-vocab --max-words 1000 -j $j -q text > vocab
    done
}
