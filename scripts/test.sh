# shellcheck shell=bash
# ./dev test: everything that must hold before a change is good, in one go.

# The name of the broker with TLS and SASL, beside the one called "test".
readonly SECURE_INSTANCE=test-secure
# The workspace as tested: with the tests that need a real broker. The same features in every step, so that each reuses the last one's work.
readonly TESTED=(--workspace --features kafka-client/real-kafka)

run_tests() {
    (($# == 0)) || die "usage: ./dev test" 2
    local server
    build_environment
    need_lint_tools
    # Exported: what a test asks of ./dev kafka concerns this broker, unless the test names one of its own.
    export KAFKA_INSTANCE="test"
    RUNNING_BEFORE=$(running_instances)
    steps 9 end_tests

    step "formatting (cargo fmt)" in_root cargo fmt --all --check
    step "lints (clippy)" cargo_build debug clippy "${TESTED[@]}" --all-targets -- -D warnings
    RUSTDOCFLAGS="-D warnings" step "documentation (cargo doc)" cargo_build debug doc "${TESTED[@]}" --no-deps
    step "examples" build_examples
    step "Kafka Streams' programs, in Java" build_java_programs benches/java
    step "Kafka clients in Python" install_python_clients
    step "a real Kafka for the tests" start_test_broker
    server=$(broker_address "$(kafka_dir)")
    step "a Kafka with TLS and SASL" start_secure_broker
    KAFKA_SECURE=$(KAFKA_INSTANCE=$SECURE_INSTANCE kafka_dir)/secure/listeners
    export KAFKA_SECURE

    # Tests start the examples as processes of their own, and start and stop brokers of their own by this script.
    EXAMPLE_BIN_DIR=$(programs_of debug)
    export KAFKA_BOOTSTRAP_SERVERS=$server KAFKA_DEV=$ROOT/dev EXAMPLE_BIN_DIR
    BENCH_JAVA=$(java_command)
    BENCH_JAVA_CLASSPATH=$(java_classpath benches/java)
    KAFKA_PYTHON=$(python_clients)/bin/python
    export BENCH_JAVA BENCH_JAVA_CLASSPATH KAFKA_PYTHON
    # Property tests try the same cases at every run; other ones, and more, with another seed and PROPTEST_CASES.
    export PROPTEST_RNG_SEED=${PROPTEST_RNG_SEED:-20261121}
    step "all tests, README's included (cargo test, Kafka at $server)" cargo_build debug test "${TESTED[@]}"
    step "end to end once more, through librdkafka" end_to_end_through_librdkafka
}

# The suites that start examples as processes of their own, with the client that is not the default.
end_to_end_through_librdkafka() {
    local suite suites=()
    for suite in word_count scaling restart page_views examples; do suites+=(--test "kafka_$suite"); done
    TEST_CLIENT_IMPLEMENTATION=librdkafka cargo_build debug test "${TESTED[@]}" "${suites[@]}"
}

in_root() { (cd "$ROOT" && "$@"); }

build_examples() {
    local programs
    mapfile -t programs < <(examples)
    # As the tests are built: what checks itself (overflow) does so, and nothing is compiled twice.
    build_programs debug "${programs[@]}"
}

# Starts from nothing, unless somebody has it running: then it is left as it is, and left running.
start_test_broker() {
    broker_pid "$(kafka_dir)" >/dev/null || kafka_down --purge
    kafka_up >/dev/null
}

# As the other, and beside it. What it prints is what the tests of security read.
start_secure_broker() {
    KAFKA_INSTANCE=$SECURE_INSTANCE
    broker_pid "$(kafka_dir)" >/dev/null || kafka_down --purge
    kafka_up --secure >/dev/null
}

# Stops every broker that was not there before: ours, and what an interrupted test has left.
end_tests() {
    local code=$1 instance
    for instance in $(running_instances); do
        if ! grep -qxF "$instance" <<<"$RUNNING_BEFORE"; then
            KAFKA_INSTANCE=$instance
            stop_test_broker "$code"
        fi
    done
    if ((code == 0)); then
        say ""
        say "PASSED: formatting, lints, documentation, examples and all tests, in $(elapsed "$SECONDS")"
    fi
}

# After a failure its data and log stay, for whoever looks for the cause.
stop_test_broker() {
    if (($1 == 0)); then
        (kafka_down --purge)
    else
        (kafka_down)
        say "Kafka's log of this run: $(kafka_dir)/server.log"
    fi
}
