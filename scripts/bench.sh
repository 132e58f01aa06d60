# shellcheck shell=bash
# ./dev bench: prepares a broker and the Java programs, then hands over to the harness in benches/. `micro` and `restore-store` need neither.

bench() {
    local server
    case ${1:-} in
        micro)
            shift
            bench_micro "$@"
            return
            ;;
        restore-store)
            bench_restore_store
            return
            ;;
        --help)
            sed -n '/USAGE: &str/,/";$/p' "$ROOT/benches/src/options.rs" | sed -e '1d' -e 's/";$//'
            return
            ;;
    esac
    build_environment
    export KAFKA_INSTANCE="bench"
    RUNNING_BEFORE=$(running_instances)
    steps 4 end_bench

    step "a real Kafka for the benchmarks" kafka_up
    server=$(broker_address "$(kafka_dir)")
    step "Kafka Streams' side, in Java" build_java_programs benches/java
    step "harness and the measured examples (release mode)" build_harness
    # A run takes minutes to hours, during which others may build.
    release_target

    KAFKA_BOOTSTRAP_SERVERS=$server KAFKA_DEV=$ROOT/dev EXAMPLE_BIN_DIR=$(programs_of release) \
        BENCH_JAVA=$(java_command) BENCH_JAVA_CLASSPATH=$(java_classpath benches/java) \
        step "benchmark" "$(programs_of release)/bench" "$@"
}

# Instructions per record, counted by valgrind: see benches/benches/micro/main.rs.
bench_micro() {
    need_packages valgrind:valgrind
    run_cargo bench --quiet -p benches --bench micro -- "$@"
}

# Rows written per second: see benches/benches/restore_store.rs.
bench_restore_store() {
    run_cargo bench --quiet -p benches --bench restore_store
}

build_harness() {
    build_programs release bench restoring word-count filter page-views
}

end_bench() {
    if ! grep -qxF "$KAFKA_INSTANCE" <<<"$RUNNING_BEFORE"; then
        (kafka_down --purge)
    fi
}
