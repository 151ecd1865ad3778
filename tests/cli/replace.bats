#!/usr/bin/env bats
# electra-corrupt: whole words, and what other methods than mask put at the chosen places.

load helper
load streams

setup_file() {
    load helper
    cd "$BATS_FILE_TMPDIR" || return 1
    electra-vocab --size 500 "$CORPUS" > vocab.txt
    electra-tokenize --docs --words --max-length 64 --vocab vocab.txt -o a.els "$CORPUS"
    electra-train pretrain -q --config nano --vocab vocab.txt --steps 2 --batch 4 -o nano a.els \
        > /dev/null
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    cp -r "$BATS_FILE_TMPDIR"/{vocab.txt,a.els,nano} .
}

says() {
    # shellcheck disable=SC2154 # set by run
    [[ $stderr == *"$1"* ]] || { echo "not '$1' but: $stderr"; return 1; }
}

# methods: a line for each method but mask, with the options that it needs.
methods() {
    printf '%s\n' '--method uniform' '--method unigram --unigrams a.els' \
        '--method generator -m nano'
}

# columns FILE: ids, masked, original and replaced of each record, apart by tabs.
columns() {
    electra-view "$1" | sed -E \
        's/.*"ids":\[([0-9,]*)\].*"masked":\[([0-9,]*)\],"original":\[([0-9,]*)\],"replaced":\[([0-9,]*)\].*/\1\t\2\t\3\t\4/'
}

@test "positions and originals are those of masks; replaced says what differs" {
    electra-corrupt a.els | electra-view | sed -E 's/.*("masked":.*)\}/\1/' > masks
    methods | while read -r options; do
        # shellcheck disable=SC2086 # several words
        electra-corrupt $options -o b.els a.els
        electra-view --check b.els
        electra-view b.els | sed -E 's/.*("masked":.*),"replaced":.*/\1/' | cmp - masks
        columns b.els | awk -F '\t' '
            {
                n = split($1, ids, ","); k = split($2, masked, ","); split($3, original, ",")
                if (split($4, replaced, ",") != n) { print "record " NR ": not one each"; exit 1 }
                for (i = 1; i <= k; i++) {
                    at = masked[i] + 1
                    if (replaced[at] != (ids[at] != original[i])) { print "record " NR; exit 1 }
                    made += replaced[at]; all++
                    replaced[at] = 0; ids[at] = original[i]
                }
                for (i = 1; i <= n; i++) if (replaced[i] != 0) exit 1
                line = ids[1]; for (i = 2; i <= n; i++) line = line "," ids[i]
                print line > "restored"
            }
            END { exit !(made > .9 * all && made <= all) }'
        electra-view a.els | sed -E 's/.*"ids":\[([0-9,]*)\].*/\1/' | cmp - restored
    done
}

@test "the header names the method; the history what shapes it, by hash" {
    electra-corrupt --method unigram --unigrams a.els --never-original --whole-word a.els |
        electra-view --header | head -n 1 > header
    grep -F '"kind":"corrupted"' header | grep -F '"method":"unigram"' | grep -F '"mask_prob":0.15'
    grep -E '"args":\["--method=unigram","--whole-word","--unigrams=[0-9a-f]{32}","--never-original","--seed=1"\]' header
    electra-corrupt --method generator -m nano --temperature 0.5 a.els | electra-view --header |
        head -n 1 > header
    grep -F '"method":"generator"' header
    grep -E '"--method=generator","--model=[0-9a-f]{32}","--temperature=0.5","--seed=1"\]' header
    # The same generator by another name is the same.
    electra-corrupt --method generator -m nano a.els > one.els
    cp -rL nano/generator elsewhere
    electra-corrupt --method generator -m elsewhere a.els | cmp - one.els
}

@test "threads, order and shards change no draw; seed and epoch do" {
    # A tiny generator, and several blocks.
    rm -r nano && cp -r "$ROOT/tests/golden/directory/generator" nano
    for i in {1..6}; do sed "s/^./$i &/" "$CORPUS"; done | tr '0-9' 'a-j' |
        electra-tokenize -q -m nano --max-length 32 -o b.els
    mv b.els a.els
    methods | while read -r options; do
        # shellcheck disable=SC2086 # several words
        corrupt() { electra-corrupt $options "$@"; }
        corrupt a.els > one.els
        corrupt -j 3 a.els | cmp - one.els
        electra-view one.els | sort > draws
        electra-shuffle a.els | corrupt | electra-view | sort | cmp - draws
        [ "$(electra-view --shard 2/2 a.els | corrupt | electra-view | sort |
            comm -23 - draws | wc -l)" -eq 0 ]
        for other in '-s 2' '--first-epoch 1'; do
            # shellcheck disable=SC2086 # two words
            status_is 1 cmp -s <(corrupt $other a.els | electra-view | sort) draws
        done
        corrupt --no-history --epochs 2 a.els > two.els
        cat <(corrupt --no-history a.els) <(corrupt --no-history --first-epoch 1 a.els) |
            cmp - two.els
    done
}

@test "uniform never draws specials; unigrams draw as the stream has them" {
    electra-corrupt --method uniform --epochs 20 -o b.els a.els
    columns b.els | awk -F '\t' '
        {
            split($1, ids, ","); k = split($2, masked, ",")
            for (i = 1; i <= k; i++) { n++; count[ids[masked[i] + 1]]++ }
        }
        END {
            for (id = 0; id < 5; id++) if (count[id]) { print "special"; exit 1 }
            for (id = 5; id < 500; id++) x += (count[id] - n / 495) ^ 2 / (n / 495)
            print n, x
            exit !(x < 606) # 494 degrees of freedom, p = 0.0003
        }'
    electra-corrupt --method unigram --unigrams a.els --epochs 20 -o b.els a.els
    columns b.els | awk -F '\t' '
        {
            n_ids = split($1, ids, ","); k = split($2, masked, ","); split($3, original, ",")
            for (i = 1; i <= k; i++) {
                n++; drawn[ids[masked[i] + 1]]++; ids[masked[i] + 1] = original[i]
            }
            for (i = 1; i <= n_ids; i++) if (ids[i] > 4) { all++; here[ids[i]]++ }
        }
        END {
            for (id in drawn) if (!here[id]) { print id " is not in the stream"; exit 1 }
            for (id in here) {
                expected = n * here[id] / all
                if (expected < 5) continue
                x += (drawn[id] - expected) ^ 2 / expected; cells++
            }
            print n, cells, x
            exit !(cells > 300 && x < cells + 3.5 * sqrt(2 * cells))
        }'
}

@test "--never-original replaces every chosen token" {
    methods | while read -r options; do
        # shellcheck disable=SC2086 # several words
        electra-corrupt $options --never-original -o b.els a.els
        columns b.els | awk -F '\t' '
            { k = split($2, masked, ","); n = split($4, replaced, ",")
              for (i = 1; i <= n; i++) made += replaced[i]
              all += k }
            END { exit !(made == all && all > 100) }'
    done
}

@test "a cold generator draws what is likeliest, a hot one anything" {
    cp -r "$ROOT/tests/golden/directory/generator" model
    for i in {1..60}; do echo "the cat sat on the mat. the dog runs, $((i % 7)) un"; done |
        tr '0-9' 'a-j' | electra-tokenize -m model --max-length 32 -o text.els
    electra-corrupt -o masks.els text.els
    electra-score -m model --format jsonl masks.els |
        grep -oE '"token":"[^"]*"|"token":"""' > likeliest
    electra-corrupt --method generator -m model --temperature 0.001 text.els |
        electra-view -m model > drawn
    sed -E 's/.*"masked":\[([0-9,]*)\].*"tokens":\[(.*)\]\}/\1\t\2/' drawn | awk -F '\t' '
        { k = split($1, masked, ","); gsub(/","/, "\"\t\"", $2); split($2, tokens, "\t")
          for (i = 1; i <= k; i++) print "\"token\":" tokens[masked[i] + 1] }' | diff likeliest -
    electra-corrupt --method generator -m model --temperature 1000 --epochs 20 -o hot.els text.els
    [ "$(columns hot.els | awk -F '\t' '{ split($1, ids, ","); k = split($2, masked, ",")
        for (i = 1; i <= k; i++) print ids[masked[i] + 1] }' | sort -u | wc -l)" -eq 55 ]
}

@test "whole words are chosen whole" {
    electra-corrupt --whole-word --mask-prob 0.25 -o b.els a.els
    electra-view b.els | sed -E 's/.*"words":\[([0-9a-z,]*)\].*"masked":\[([0-9,]*)\].*/\1\t\2/' |
        awk -F '\t' '
            {
                n = split($1, words, ","); k = split($2, masked, ",")
                for (i = 1; i <= n; i++) chosen[i] = 0
                for (i = 1; i <= k; i++) chosen[masked[i] + 1] = 1
                for (i = 2; i <= n; i++)
                    if (words[i] != "null" && words[i] == words[i - 1]) {
                        if (chosen[i] != chosen[i - 1]) { print "record " NR; exit 1 }
                        pieces += chosen[i]
                    }
            }
            END { exit !(pieces > 50) }'
    electra-corrupt --whole-word -j 3 --mask-prob 0.25 a.els | cmp - b.els
    # Lines have words with their text.
    head -n 3 "$CORPUS" | electra-tokenize --vocab vocab.txt | electra-corrupt --whole-word |
        electra-view --check
}

@test "what electra-view writes as text and reads again is the same stream" {
    methods | while read -r options; do
        # shellcheck disable=SC2086 # several words
        electra-corrupt $options -o b.els a.els
        electra-view --header b.els > twin
        electra-view --from jsonl twin | electra-view --header | cmp - twin
    done
}

@test "electra-score tells replacements by a discriminator, with what is right as gold" {
    head -n 20 "$CORPUS" | electra-tokenize -m nano --no-text | electra-corrupt --method uniform -o b.els
    electra-score -m nano --format jsonl b.els > rows
    electra-view b.els | sed -E 's/.*"replaced":(\[[0-9,]*\]).*/\1/' > replaced
    sed -E 's/.*"gold":(\[[0-9,]*\]).*/\1/' rows | cmp - replaced
    electra-score -m nano --format stream b.els > scores.els
    electra-view --check scores.els
    electra-view scores.els | sed -E 's/.*"replaced":(\[[0-9,]*\]).*/\1/' | cmp - replaced
    # The scores are those of the same tokens anywhere else.
    electra-score -m nano b.els > rows
    electra-view --header b.els | sed '1s/"kind":"corrupted"/"kind":"tokens"/; 1s/,"epoch":.*/}}/
        s/,"masked":.*/}/' | electra-view --from jsonl | electra-score -m nano | cmp - rows
    status_is 1 electra-score -m nano --task fill b.els
    says "b.els: a corrupted stream with replacements; task fill reads [MASK]s"
    status_is 1 electra-score -m nano --task pll b.els
    says "b.els: a corrupted stream; a tokens stream is needed"
}

# ---- what is wrong ----

@test "a generator or unigrams of another vocabulary" {
    head -n 40 "$CORPUS" | electra-vocab --size 300 > other.txt
    electra-tokenize --vocab other.txt --max-length 64 -o other.els "$CORPUS"
    status_is 1 electra-corrupt --method unigram --unigrams other.els -o out.els a.els
    says "a.els has a vocabulary of 500 tokens"
    says "other.els another of 300"
    status_is 1 electra-corrupt --method generator -m nano -o out.els other.els
    says "other.els has a vocabulary of 300 tokens"
    says "nano/generator another of 500"
    status_is 1 electra-corrupt --method uniform -o out.els a.els other.els
    says "other.els"
    [ ! -e out.els ]
}

@test "no generator, another network, one for shorter texts, one that is damaged" {
    status_is 1 electra-corrupt --method generator -m nowhere a.els
    says "nowhere: No such file or directory"
    status_is 1 electra-corrupt --method generator -m nano/discriminator a.els
    says "holds ElectraForPreTraining, but ElectraForMaskedLM is needed"
    status_is 1 electra-corrupt --method generator -m vocab.txt a.els
    says "vocab.txt: is no model directory"
    cp -r "$ROOT/tests/golden/directory/generator" model
    chmod -R u+w model
    echo a | electra-tokenize --vocab model/vocab.txt --max-length 40 > long.els
    status_is 1 electra-corrupt --method generator -m model long.els
    says "long.els has texts of up to 40 tokens, but model has 32 positions"
    truncate -s 9000 model/model.safetensors
    status_is 1 electra-corrupt --method generator -m model a.els
    says "model/model.safetensors: "
    [ -z "$output" ]
}

@test "unigrams that are no stream of tokens, or have none to draw" {
    status_is 1 electra-corrupt --method unigram --unigrams nowhere.els a.els
    says "nowhere.els: No such file or directory"
    electra-corrupt -o masks.els a.els
    status_is 1 electra-corrupt --method unigram --unigrams masks.els a.els
    says "masks.els: a stream of kind 'corrupted', where tokens are to be counted"
    head -c 3000 a.els > cut.els
    status_is 1 electra-corrupt --method unigram --unigrams cut.els a.els
    says "cut.els: "
    says "truncated"
    status_is 1 electra-corrupt --method unigram --unigrams "$CORPUS" a.els
    : > empty
    electra-tokenize --vocab vocab.txt -o none.els empty
    status_is 1 electra-corrupt --method unigram --unigrams none.els a.els
    says "none.els: no token to draw"
    echo '!' | electra-tokenize --vocab vocab.txt -o one.els
    electra-corrupt --method unigram --unigrams one.els one.els | electra-view --check
    status_is 1 electra-corrupt --method unigram --unigrams one.els --never-original one.els
    says "one.els: no token but the original to draw"
}

@test "--whole-word without words" {
    electra-tokenize --docs --vocab vocab.txt -o plain.els "$CORPUS"
    status_is 1 electra-corrupt --whole-word plain.els
    says "plain.els: record 1: no key 'words', which says where whole words are (electra-tokenize --words)"
    electra-view --header a.els | sed '2s/"words":\[null,/"words":[/' | electra-view --from jsonl > b.els
    status_is 1 electra-corrupt --whole-word b.els
    says "b.els: record 1: key 'words'"
}

@test "types that a generator does not know, or that are not one each" {
    electra-view --header a.els | head -n 1 > header
    { cat header && echo '{"id":1,"ids":[2,9,3],"types":[0,7,0]}'; } | electra-view --from jsonl > b.els
    status_is 1 electra-corrupt --method generator -m nano b.els
    says "b.els: "
    says "type 7"
    { cat header && echo '{"id":1,"ids":[2,9,3],"types":[0,0]}'; } | electra-view --from jsonl > b.els
    status_is 1 electra-corrupt b.els
    says "b.els: record 1: key 'types' has 2 numbers for 3 tokens"
}

@test "options that do not go together, or cannot be" {
    while read -r message && read -r -a options; do
        status_is 2 electra-corrupt "${options[@]}" a.els
        says "$message"
        [ -z "$output" ]
    done << 'END'
--method unigram needs --unigrams STREAM
--method unigram
--method generator needs -m MODEL
--method generator
--unigrams is for --method unigram
--method uniform --unigrams a.els
-m is for --method generator
--method uniform -m nano
--temperature is for --method generator
--method uniform --temperature 2
--never-original is for methods that draw replacements
--never-original
--unigrams cannot be standard input
--method unigram --unigrams -
--temperature
--method generator -m nano --temperature 0
--temperature
--method generator -m nano --temperature -1
--temperature
--method generator -m nano --temperature nan
--method
--method random
END
}

@test "a generator draws for texts that were tokenized as it wants them" {
    electra-tokenize --docs --cased --max-length 64 --vocab vocab.txt -o cased.els "$CORPUS"
    status_is 1 electra-corrupt --method generator -m nano -o x.els cased.els
    says "electra-corrupt: cased.els was tokenized cased, but nano/generator is uncased"
    [ ! -e x.els ]
}
