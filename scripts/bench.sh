# shellcheck shell=bash
# ./dev bench: prepares a broker and the Java programs, then hands over to the harness in benches/.

bench() {
    local server
    build_environment
    export KAFKA_INSTANCE="bench"
    RUNNING_BEFORE=$(running_instances)
    steps 4 end_bench

    step "a real Kafka for the benchmarks" kafka_up
    server=$(broker_address "$(kafka_dir)")
    step "Kafka Streams' side, in Java" build_java_bench
    step "harness and examples (release mode)" build_harness
    # A run takes minutes to hours, during which others may build.
    release_target

    KAFKA_BOOTSTRAP_SERVERS=$server KAFKA_DEV=$ROOT/dev EXAMPLE_BIN_DIR=$PROGRAM_DIR \
        BENCH_JAVA=$(java_command) BENCH_JAVA_CLASSPATH=$(java_bench_classpath) \
        step "benchmark" "$PROGRAM_DIR/bench" "$@"
}

build_harness() {
    mapfile -t PROGRAMS < <(examples)
    PROGRAMS+=(bench)
    build_programs -p examples -p benches --bins
}

# A folder per state of the sources: classes of an older state are never run.
java_bench_dir() {
    local state
    state=$(cd "$ROOT/benches/java" && find . -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum | cut -c1-12)
    printf '%s\n' "$CACHE/bench-java/$state"
}

java_bench_classpath() {
    local dir
    dir=$(java_bench_dir)
    printf '%s\n' "$dir/classes:$dir/lib/*"
}

build_java_bench() {
    local dir
    dir=$(java_bench_dir)
    need_java
    mkdir -p "${dir%/*}"
    (
        flock 8
        [[ -d $dir ]] || compile_java_bench "$dir"
    ) 8>>"${dir%/*}.lock"
}

# Renamed when complete: a build that was interrupted never counts.
compile_java_bench() {
    local dir=$1
    rm -rf "$dir.part"
    mkdir -p "$dir.part"
    run_maven "$ROOT/benches/java/pom.xml" -Dbench.output="$dir.part" compile dependency:copy-dependencies ||
        die "the Java programs of benches/java could not be built, see above"
    mv "$dir.part" "$dir"
}

end_bench() {
    if ! grep -qxF "$KAFKA_INSTANCE" <<<"$RUNNING_BEFORE"; then
        (kafka_down --purge)
    fi
}
