#!/usr/bin/env bats
# electra-corrupt

load helper
load streams

# tokens FILE: packed examples of the corpus, and vocab.txt.
tokens() {
    electra-vocab -q --size 1000 "$CORPUS" > vocab.txt
    electra-tokenize --docs --vocab vocab.txt -o "$1" "$CORPUS"
}

# long_tokens FILE: some 20 blocks.
long_tokens() {
    electra-vocab -q --size 1000 "$CORPUS" > vocab.txt
    for i in {1..30}; do sed "s/\$/ $i/" "$CORPUS"; done |
        electra-tokenize --lines --vocab vocab.txt -o "$1"
}

# columns FILE: ids, masked and original of each record, numbers apart by commas, columns by tabs.
columns() {
    electra-view "$1" |
        sed -E 's/.*"ids":\[([0-9,]*)\].*"masked":\[([0-9,]*)\].*"original":\[([0-9,]*)\].*/\1\t\2\t\3/'
}

@test "as many tokens are masked as the paper says, never specials" {
    tokens a.els
    electra-corrupt a.els > b.els
    electra-view --check b.els
    columns b.els | awk -F '\t' '
        function even(x,  f) { f = int(x); return x - f > .5 || (x - f == .5 && f % 2) ? f + 1 : f }
        {
            n = split($1, ids, ","); k = split($2, masked, ","); o = split($3, original, ",")
            want = even(n * 0.15); if (want > 19) want = 19; if (want < 1) want = 1
            if (k != want || o != k) { print "record " NR ": " k " of " n " masked"; exit 1 }
            if (n == 128) full++
            for (i = 1; i <= k; i++) {
                if (original[i] <= 4 && original[i] != 1) { print "special masked"; exit 1 }
                if (i > 1 && masked[i] <= masked[i - 1]) { print "not ascending"; exit 1 }
                shown = ids[masked[i] + 1]
                if (shown != 4 && shown != original[i]) { print "neither mask nor own"; exit 1 }
            }
        }
        END { if (!full) { print "no full example"; exit 1 } }'
}

@test "the original ids can be put back" {
    tokens a.els
    electra-corrupt a.els > b.els
    electra-view a.els | sed -E 's/.*"ids":\[([0-9,]*)\].*/\1/' > ids
    columns b.els | awk -F '\t' '{
        n = split($1, ids, ","); k = split($2, masked, ","); split($3, original, ",")
        for (i = 1; i <= k; i++) ids[masked[i] + 1] = original[i]
        line = ids[1]; for (i = 2; i <= n; i++) line = line "," ids[i]
        print line }' > restored
    cmp ids restored
}

@test "85 of 100 masked tokens show [MASK]" {
    tokens a.els
    electra-corrupt --epochs 10 a.els > b.els
    columns b.els | awk -F '\t' '
        { split($1, ids, ","); k = split($2, masked, ",")
          for (i = 1; i <= k; i++) { n++; shown += ids[masked[i] + 1] == 4 } }
        END { print n, shown / n; exit !(n > 15000 && shown / n > .84 && shown / n < .86) }'
}

@test "other keys, ids and order stay" {
    make_stream 700 a.els
    electra-corrupt a.els > b.els
    cmp <(electra-view a.els | sed 's/"ids":[^]]*\],//') \
        <(electra-view b.els | sed 's/"ids":[^]]*\],//; s/,"masked":.*/}/')
}

@test "the header says what was done" {
    tokens a.els
    electra-corrupt --first-epoch 3 -s 7 --mask-prob 0.25 a.els > b.els
    electra-view --header b.els | head -n 1 > header
    grep -q '"kind":"corrupted"' header
    grep -q '"epoch":3' header
    grep -q '"method":"mask"' header
    grep -q '"mask_prob":0.25' header
    grep -qF '"program":"electra-corrupt"' header
    grep -qF '"args":["--mask-prob=0.25","--first-epoch=3","--seed=7"]' header
    electra-corrupt --no-history a.els > c.els
    [[ $(electra-view --header c.els | head -n 1) == *'"history":[]'* ]]
}

@test "threads do not change a byte" {
    long_tokens a.els
    electra-corrupt a.els > one.els
    for j in 2 3 7 0; do
        electra-corrupt -j $j a.els | cmp - one.els
    done
    electra-corrupt -j 2 < a.els | cmp - one.els
    electra-corrupt --epochs 2 a.els > two.els
    electra-corrupt --epochs 2 -j 3 a.els | cmp - two.els
}

@test "seed, epoch and ids name the masks, nothing else" {
    long_tokens a.els
    electra-corrupt a.els | electra-view | sort > masks
    electra-shuffle a.els | electra-corrupt | electra-view | sort | cmp - masks
    for k in 1 2 3; do electra-view --shard $k/3 a.els | electra-corrupt > $k.els; done
    electra-view --merge 3.els 1.els 2.els > merged.els
    electra-view merged.els | sort | cmp - masks
    for other in '-s 2' '--first-epoch 1' '--mask-prob 0.2'; do
        # shellcheck disable=SC2086 # two words
        electra-corrupt $other a.els | electra-view | sort > others
        run cmp -s others masks
        [ "$status" -eq 1 ]
    done
}

@test "operands are joined as cat would" {
    tokens a.els
    head -n 100 "$CORPUS" | electra-tokenize --docs --vocab vocab.txt > b.els
    electra-corrupt a.els b.els > ab.els
    electra-view --check ab.els
    cat a.els b.els | electra-corrupt | cmp - ab.els
    electra-corrupt a.els - < b.els | cmp - ab.els
    cat <(electra-corrupt a.els) <(electra-corrupt b.els) | cmp - ab.els
}

@test "epochs follow one another, each masked afresh" {
    tokens a.els
    electra-corrupt --no-history --epochs 3 a.els > three.els
    electra-view --check three.els
    for k in 0 1 2; do electra-corrupt --no-history --first-epoch $k a.els > $k.els; done
    cat 0.els 1.els 2.els | cmp - three.els
    electra-corrupt --no-history --epochs 2 --first-epoch 1 a.els > later.els
    cat 1.els 2.els | cmp - later.els
    run cmp -s <(electra-view 0.els) <(electra-view 1.els)
    [ "$status" -eq 1 ]
}

@test "a pipe with several epochs is spooled without a trace" {
    tokens a.els
    electra-corrupt --epochs 2 a.els > two.els
    mkdir tmp
    cat a.els | TMPDIR=$PWD/tmp electra-corrupt --epochs 2 | cmp - two.els
    TMPDIR=$PWD/tmp electra-corrupt --epochs 2 <(cat a.els) | cmp - two.els
    [ -z "$(ls tmp)" ]
    TMPDIR=/nowhere status_is 1 electra-corrupt --epochs 2 <(cat a.els)
    [[ $stderr == *"/nowhere"*"TMPDIR"* ]]
    TMPDIR=/nowhere electra-corrupt --epochs 2 a.els | cmp - two.els
}

@test "a text of special tokens alone passes without masks" {
    make_vocab
    printf '%s\n' '{"id":1,"ids":[2,3]}' '{"id":2,"ids":[2,5,3]}' |
        electra-view --from jsonl --vocab vocab.txt | electra-corrupt | electra-view > out
    grep -qF '"id":1,"ids":[2,3],"masked":[],"original":[]' out
    grep -qE '"id":2,.*"masked":\[1\],"original":\[5\]' out
}

@test "a stream without records stays one" {
    make_stream 0 a.els
    electra-corrupt a.els > b.els
    electra-view --check b.els
    [ -z "$(electra-view b.els)" ]
}

@test "--flush passes on each block at once" {
    make_stream 600 a.els # a full block and a little one
    mkfifo in
    electra-corrupt --flush < in > out &
    local pid=$!
    exec 4> in
    head -c 270000 a.els >&4 # the first block is whole
    for i in {1..100}; do
        [ "$(size out)" -lt 100000 ] || break
        sleep 0.05
    done
    [ "$(size out)" -gt 100000 ]
    tail -c +270001 a.els >&4
    exec 4>&-
    wait "$pid"
    electra-corrupt a.els | cmp - out
}

@test "nothing is said on success; -v tells what was done" {
    tokens a.els
    status_is 0 electra-corrupt -o b.els a.els
    [ -z "$output$stderr" ]
    status_is 0 electra-corrupt -v -o b.els a.els
    [[ $stderr =~ ^electra-corrupt:\ [0-9]+\ records,\ [0-9]+\ tokens,\ .*\ s,\ .*\ MB$ ]]
    [ "$(echo "$stderr" | sed -E 's/.*: ([0-9]+) records.*/\1/')" -eq "$(electra-view a.els | wc -l)" ]
}

# ---- bad input ----

# refused SAYS COMMAND…: exit 1, one line on standard error that says so, and no end written.
refused() {
    local says=$1
    shift
    "$@" > refused.els 2> message && return 1
    [ "$?" -eq 1 ] || return 1
    [[ $(< message) == "electra-corrupt: "*"$says"* ]] || { cat message; return 1; }
    [ "$(wc -l < message)" -eq 1 ]
    status_is 1 electra-view --check refused.els
}

@test "what is no tokens stream is refused" {
    tokens a.els
    electra-corrupt a.els > b.els
    refused "b.els: a stream of kind 'corrupted', where tokens are wanted" electra-corrupt b.els
    refused "$CORPUS: text, not a stream" electra-corrupt "$CORPUS"
    refused 'standard input: empty' electra-corrupt < /dev/null
    refused 'compressed by gzip' electra-corrupt <(gzip -c a.els)
    refused 'no-such.els: No such file or directory' electra-corrupt no-such.els
    refused 'Is a directory' electra-corrupt .
    refused "b.els" electra-corrupt a.els b.els
    refused "b.els" electra-corrupt --epochs 2 a.els b.els
    refused 'standard input: ' electra-corrupt <&-
}

@test "streams of different vocabularies are not joined" {
    tokens a.els
    electra-vocab -q --size 500 "$CORPUS" > other.txt
    electra-tokenize --docs --vocab other.txt "$CORPUS" > b.els
    for epochs in 1 2; do
        refused 'a.els' electra-corrupt --epochs $epochs a.els b.els
        [[ $(< message) == *"b.els"* ]]
    done
}

@test "records that cannot be are refused by number" {
    make_vocab
    for ids in '"x":1' '"ids":"text"' '"ids":[2,5,3],"masked":[1]' '"ids":[2,5,3],"replaced":[0]'; do
        printf '%s\n' '{"id":1,"ids":[2,5,3]}' "{\"id\":2,$ids}" |
            electra-view --from jsonl --vocab vocab.txt > a.els || continue
        refused 'a.els: record 2: ' electra-corrupt a.els
    done
}

@test "a stream that was cut anywhere is refused" {
    make_stream 2 a.els
    for ((at = 0; at < $(size a.els); at += 7)); do
        head -c $at a.els > cut.els
        refused 'cut.els: ' electra-corrupt cut.els
        refused 'standard input: ' electra-corrupt < cut.els
    done
}

@test "a stream with any byte changed is refused" {
    make_stream 2 a.els
    for ((at = 0; at < $(size a.els); at += 7)); do
        cp a.els bad.els
        flip bad.els $at
        refused 'bad.els: ' electra-corrupt bad.els
    done
}

@test "when the input fails, nothing appears under the output's name" {
    tokens a.els
    head -c 5000 a.els > cut.els
    echo old > kept
    status_is 1 electra-corrupt -o kept cut.els
    [ "$(cat kept)" = old ]
    status_is 1 electra-corrupt -o new cut.els
    [ ! -e new ]
    status_is 1 electra-corrupt --epochs 2 -o new cut.els
    [ -z "$(find . -name 'new*')" ]
    [ -z "$(find . -name 'kept.*')" ]
}

@test "places where nothing can be written are named" {
    tokens a.els
    status_is 1 electra-corrupt -o vocab.txt/b.els a.els
    [[ $stderr == "electra-corrupt: vocab.txt/b.els: "*"Not a directory" ]]
    status_is 1 electra-corrupt -o . a.els
    [[ $stderr == "electra-corrupt: .: Is a directory" ]]
    status_is 1 electra-corrupt -o /dev/full a.els
    [[ $stderr == "electra-corrupt: /dev/full: No space left on device" ]]
    status_is 1 bash -c 'electra-corrupt a.els > /dev/full'
    [[ $stderr == "electra-corrupt: standard output: No space left on device" ]]
    status_is 1 bash -c 'electra-corrupt a.els >&-'
    [[ $stderr == "electra-corrupt: standard output: Bad file descriptor" ]]
}

@test "a reader that closes the pipe ends it by SIGPIPE, silently" {
    long_tokens a.els
    run --separate-stderr bash -c 'electra-corrupt a.els | head -c 1 > /dev/null; exit ${PIPESTATUS[0]}'
    [ "$status" -eq 141 ]
    [ -z "$stderr" ]
    run --separate-stderr bash -c 'trap "" PIPE; electra-corrupt a.els | head -c 1 > /dev/null; exit ${PIPESTATUS[0]}'
    [ "$status" -eq 141 ]
    [ -z "$stderr" ]
}

@test "options that cannot be are usage errors" {
    tokens a.els
    for option in '--mask-prob=0' '--mask-prob=1' '--mask-prob=x' '--mask-prob=nan' '--mask-prob=' \
        '--epochs=0' '--epochs=-1' '--first-epoch=x' '--method=random' '-jx' '-j-1' '-s-1' '-s1.5' \
        '--no-such' '-x'; do
        status_is 2 electra-corrupt "$option" a.els
        [ -z "$output" ]
        [[ $stderr == "electra-corrupt: "*$'\n'"Try 'electra-corrupt --help' for more information." ]]
    done
}
