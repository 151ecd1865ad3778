# Shell scripts, by shellcheck.

setup() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    command -v shellcheck >/dev/null || skip "no shellcheck"
}

@test "scripts" {
    shellcheck .ci/run scripts/* tests/run tests/bench/{common,finetune,run,tokenizer} pipelines/plot \
        pipelines/demo/progress pipelines/demo/report pipelines/pretrain/documents
}

@test "tests of commands" {
    # SC2154: status, output and stderr are set by run. SC2034: a counter of rounds is not read.
    # SC2120: functions that take options are called without any as well.
    shellcheck -s bats -e SC2154,SC2034,SC2120 -S warning tests/cli/* tests/lint/*.bats
}
