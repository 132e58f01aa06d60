# shellcheck shell=bash
# Kafka's command-line tools, under the names of its own scripts.

# Name and class; "-" in third place: knows no --bootstrap-server, "last": takes it only after its sub-command.
readonly KAFKA_TOOLS="
kafka-acls                      org.apache.kafka.tools.AclCommand
kafka-broker-api-versions       org.apache.kafka.tools.BrokerApiVersionsCommand
kafka-client-metrics            org.apache.kafka.tools.ClientMetricsCommand
kafka-cluster                   org.apache.kafka.tools.ClusterTool last
kafka-configs                   kafka.admin.ConfigCommand
kafka-console-consumer          org.apache.kafka.tools.consumer.ConsoleConsumer
kafka-console-producer          org.apache.kafka.tools.ConsoleProducer
kafka-console-share-consumer    org.apache.kafka.tools.consumer.ConsoleShareConsumer
kafka-consumer-groups           org.apache.kafka.tools.consumer.group.ConsumerGroupCommand
kafka-consumer-perf-test        org.apache.kafka.tools.ConsumerPerformance
kafka-delegation-tokens         org.apache.kafka.tools.DelegationTokenCommand
kafka-delete-records            org.apache.kafka.tools.DeleteRecordsCommand
kafka-dump-log                  org.apache.kafka.tools.DumpLogSegments -
kafka-e2e-latency               org.apache.kafka.tools.EndToEndLatency
kafka-features                  org.apache.kafka.tools.FeatureCommand
kafka-get-offsets               org.apache.kafka.tools.GetOffsetShell
kafka-groups                    org.apache.kafka.tools.GroupsCommand
kafka-jmx                       org.apache.kafka.tools.JmxTool -
kafka-leader-election           org.apache.kafka.tools.LeaderElectionCommand
kafka-log-dirs                  org.apache.kafka.tools.LogDirsCommand
kafka-metadata-quorum           org.apache.kafka.tools.MetadataQuorumCommand
kafka-producer-perf-test        org.apache.kafka.tools.ProducerPerformance
kafka-reassign-partitions       org.apache.kafka.tools.reassign.ReassignPartitionsCommand
kafka-share-consumer-perf-test  org.apache.kafka.tools.ShareConsumerPerformance
kafka-share-groups              org.apache.kafka.tools.consumer.group.ShareGroupCommand
kafka-storage                   kafka.tools.StorageTool -
kafka-streams-application-reset org.apache.kafka.tools.StreamsResetter
kafka-streams-groups            org.apache.kafka.tools.streams.StreamsGroupCommand
kafka-topics                    org.apache.kafka.tools.TopicCommand
kafka-transactions              org.apache.kafka.tools.TransactionsCommand
kafka-verifiable-consumer       org.apache.kafka.tools.VerifiableConsumer
kafka-verifiable-producer       org.apache.kafka.tools.VerifiableProducer
"

# kafka_tool NAME ARGS...: replaces this process by the tool, so that signals and stdin reach it.
kafka_tool() {
    local name class server
    name=$(tool_name "${1:-}")
    read -r _ class server < <(grep -E "^$name " <<<"$KAFKA_TOOLS") || tool_usage "${1:-}"
    shift
    need_kafka
    if [[ $server != - ]] && ! names_server "$@"; then
        local dir
        dir=$(kafka_dir)
        broker_answers "$dir" || die "Kafka ($KAFKA_INSTANCE) is not up: ./dev kafka up"
        if [[ $server == last ]]; then
            set -- "$@" --bootstrap-server "$(broker_address "$dir")"
        else
            set -- --bootstrap-server "$(broker_address "$dir")" "$@"
        fi
    fi
    exec_quiet_java "$class" "$@"
}

# The name as above for topics, kafka-topics and kafka-topics.sh.
tool_name() {
    local name=${1%.sh}
    [[ $name =~ ^[a-z0-9-]+$ ]] || name=none
    printf 'kafka-%s\n' "${name#kafka-}"
}

tool_usage() {
    say "usage: ./dev kafka tool NAME ARGS..."
    say "names:"
    awk 'NF { print "  " $1 }' <<<"$KAFKA_TOOLS" >&2
    [[ -z $1 ]] || die "there is no tool '$1'" 2
    exit 2
}

# Whether the arguments name a server, or only ask for help.
names_server() {
    local argument
    for argument in "$@"; do
        case $argument in
            --bootstrap-server | --bootstrap-server=* | --bootstrap-controller | --bootstrap-controller=* | --help | --version) return 0 ;;
        esac
    done
    return 1
}

# A tool runs for a second or two: the quick compiler alone and the small collector spare most of the JVM's start.
readonly QUICK_JAVA=(-Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Dlog4j2.configurationFile="$ROOT/scripts/kafka/log4j2-tools.xml")

quiet_java() { kafka_java "${QUICK_JAVA[@]}" "$@"; }

exec_quiet_java() {
    local options=("${QUICK_JAVA[@]}")
    # Load generators are about speed: they get the whole JVM.
    if [[ $1 == *Performance ]]; then
        options=("-Dlog4j2.configurationFile=$ROOT/scripts/kafka/log4j2-tools.xml")
    fi
    exec "$(java_command)" -cp "$KAFKA_JARS/*" "${options[@]}" "$@"
}
