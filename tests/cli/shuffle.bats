#!/usr/bin/env bats
# shellcheck disable=SC2154 # run sets stderr
# electra-shuffle

load helper
load streams

@test "the records are the same, in another order" {
    make_stream 2000 a.els
    electra-shuffle a.els > b.els
    electra-view --check b.els
    electra-view a.els > a
    electra-view b.els > b
    run cmp -s a b
    [ "$status" -eq 1 ]
    cmp <(sort a) <(sort b)
}

@test "the seed decides the order, the memory does not" {
    make_stream 6000 a.els # about 3 MB
    electra-shuffle a.els > one.els
    electra-shuffle -s 1 a.els | cmp - one.els
    electra-shuffle --memory 1M a.els | cmp - one.els
    electra-shuffle --memory 2M < a.els | cmp - one.els
    run bash -c 'electra-shuffle --seed 2 a.els | cmp -s - one.els'
    [ "$status" -eq 1 ]
}

@test "several operands and segments become one segment" {
    make_stream 30 a.els
    make_stream 20 b.els
    electra-shuffle a.els b.els > c.els
    [ "$(electra-view --header c.els | grep -c '^{"header"')" -eq 1 ]
    [ "$(electra-view c.els | wc -l)" -eq 50 ]
    cat a.els b.els | electra-shuffle | cmp - c.els
    [[ $(electra-view --header c.els | head -n 1) == *'"program":"electra-shuffle"'*'"args":["--seed=1"]'* ]]
}

@test "a shard is shuffled into a stream of its own" {
    make_stream 2000 a.els
    electra-view --shard 2/2 a.els | electra-shuffle > b.els
    electra-view --check b.els
    [[ $(electra-view --header b.els | head -n 1) != *'"shard"'* ]]
}

@test "a stream without records stays one" {
    make_stream 0 a.els
    electra-shuffle a.els > b.els
    electra-view --check b.els
    [ -z "$(electra-view b.els)" ]
}

@test "spilled files are unlinked, and a TMPDIR that cannot be used is named" {
    make_stream 6000 a.els
    mkdir tmp
    TMPDIR=$PWD/tmp electra-shuffle --memory 1M a.els > b.els
    [ -z "$(ls tmp)" ]
    TMPDIR=/nowhere status_is 1 electra-shuffle --memory 1M a.els
    [[ $stderr == "electra-shuffle: /nowhere: "* ]]
    [ -z "$output" ]
    TMPDIR=/nowhere electra-shuffle a.els | cmp - b.els # nothing is spilled
}

@test "sizes are read strictly" {
    make_stream 3 a.els
    for size in 0 1k 1023k x 1T -1 1.5M ''; do
        status_is 2 electra-shuffle --memory "$size" a.els
        [ -z "$output" ]
    done
    status_is 0 electra-shuffle --memory 1G a.els -o b.els
}

@test "memory stays bounded" {
    make_stream 60000 a.els # about 30 MB
    peak() { megabytes electra-shuffle --memory "$1" -o b.els a.els; }
    [ $(($(peak 4M) + 15)) -lt "$(peak 256M)" ]
}
