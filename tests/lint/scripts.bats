# Shell scripts, by shellcheck.

setup() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    command -v shellcheck >/dev/null || skip "no shellcheck"
}

@test "scripts" {
    shellcheck .ci/run scripts/* tests/run pipelines/demo/progress pipelines/demo/report
}

@test "tests of commands" {
    # SC2154: status, output and stderr are set by run.
    shellcheck -s bats -e SC2154 -S warning tests/cli/* tests/lint/*.bats
}
