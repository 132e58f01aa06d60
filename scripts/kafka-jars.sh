# shellcheck shell=bash
# Apache Kafka's jars: fetched once by maven into the cache, shared by all checkouts.

KAFKA_VERSION=$(sed -n 's:.*<kafka.version>\(.*\)</kafka.version>.*:\1:p' "$ROOT/scripts/kafka/pom.xml")
readonly KAFKA_VERSION
# A changed pom.xml is another folder, so that no checkout runs on another one's mixture of jars.
KAFKA_JARS=$CACHE/kafka-$KAFKA_VERSION-$(sha256sum "$ROOT/scripts/kafka/pom.xml" | cut -c1-8)
readonly KAFKA_JARS

# kafka_java OPTIONS... CLASS ARGS...: java with Kafka's jars.
kafka_java() { "$(java_command)" -cp "$KAFKA_JARS/*" "$@"; }

need_kafka() {
    need_java
    if [[ ! -d $KAFKA_JARS ]]; then
        mkdir -p "$CACHE"
        (
            flock 8
            [[ -d $KAFKA_JARS ]] || fetch_jars
        ) 8>>"$CACHE/kafka-jars.lock"
    fi
}

# Into a folder that is renamed when all is there: half a download never counts.
fetch_jars() {
    local start=$SECONDS part=$KAFKA_JARS.part
    say "Fetching Apache Kafka $KAFKA_VERSION from the Java package repository: about 95 jars, 126 MB, once for all clones"
    rm -rf "$part"
    mkdir -p "$part"
    run_maven "$ROOT/scripts/kafka/pom.xml" -DoutputDirectory="$part" dependency:copy-dependencies ||
        die "Kafka's jars could not be fetched, see above. Is the network there? Start again: what was fetched is kept"
    mv "$part" "$KAFKA_JARS"
    say "Fetched in $(elapsed $((SECONDS - start))) into $KAFKA_JARS"
}

# run_maven POM ARGS...: of maven's output, prints the errors when it fails.
run_maven() {
    local code=0
    MAVEN_LOG=$(mktemp "$CACHE/maven.XXXXXX")
    with_progress 10 report_maven logged_maven "$@" || code=$?
    ((code == 0)) || grep -F '[ERROR]' "$MAVEN_LOG" | head -n 5 >&2 || true
    rm -f "$MAVEN_LOG"
    return "$code"
}

logged_maven() {
    local pom=$1
    shift
    mvn -B -Dstyle.color=never -f "$pom" "$@" >"$MAVEN_LOG" 2>&1 </dev/null
}

report_maven() {
    say "    maven: $(elapsed "$1"), $(grep -c 'Downloaded from' "$MAVEN_LOG" || true) files fetched"
}
