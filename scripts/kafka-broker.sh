# shellcheck shell=bash
# A real Kafka broker: up, down, kill, status. Each checkout has brokers of its own, told apart by $KAFKA_INSTANCE, each
# with its own folder, data and ports, which stay the same from start to start.

KAFKA_INSTANCE=${KAFKA_INSTANCE:-default}
readonly KAFKA_BROKERS=$CACHE/kafka # CHECKOUT/INSTANCE below it
readonly KAFKA_START_SECONDS=120
readonly KAFKA_STOP_SECONDS=10

# A folder per instance: ports (a line each: clients', controller's, and three more of a secure broker), pid, server.properties, data, data.id once data is
# formatted, server.log, console.log; cluster, where the broker is one of several (kafka-cluster.sh). Its lock lies beside it and is never deleted, so that all meet at the same one.
kafka_dir() {
    [[ $KAFKA_INSTANCE =~ ^[A-Za-z0-9_-]+$ ]] ||
        die "KAFKA_INSTANCE '$KAFKA_INSTANCE': only letters, digits, '-' and '_' are possible" 2
    printf '%s\n' "$KAFKA_BROKERS/$CHECKOUT_ID/$KAFKA_INSTANCE"
}

kafka_up() {
    local dir secure=
    case "$#:${1:-}" in
        0:) ;;
        1:--secure) secure=yes ;;
        2:--brokers) cluster_up "$2" && return ;;
        *) die "usage: ./dev kafka up [--secure | --brokers COUNT]" 2 ;;
    esac
    need_kafka
    dir=$(kafka_dir)
    mkdir -p "${dir%/*}"
    (
        flock 8
        mkdir -p "$dir"
        [[ -z $secure ]] || make_secure "$dir"
        start_broker "$dir"
    ) 8>>"$dir.lock"
    printf 'bootstrap.servers=%s\n' "$(broker_address "$dir")"
    ! is_secure "$dir" || cat "$dir/secure/listeners"
}

kafka_down() {
    local dir purge=
    case "$#:${1:-}" in
        0:) ;;
        1:--purge) purge=yes ;;
        *) die "usage: ./dev kafka down [--purge]" 2 ;;
    esac
    cluster_down "$@"
    dir=$(kafka_dir)
    [[ -d $dir ]] || return 0
    (
        flock 8
        stop_broker "$dir"
        [[ -z $purge ]] || rm -rf "$dir"
    ) 8>>"$dir.lock"
}

kafka_kill() {
    (($# == 0)) || die "usage: ./dev kafka kill" 2
    local dir pid
    dir=$(kafka_dir)
    pid=$(broker_pid "$dir") || die "Kafka ($KAFKA_INSTANCE) is not running"
    kill -KILL "$pid"
    wait_gone "$dir" "$KAFKA_STOP_SECONDS" || die "process $pid of Kafka does not end"
    rm -f "$dir/pid"
    say "Kafka ($KAFKA_INSTANCE) killed, process $pid"
}

kafka_status() {
    (($# == 0)) || die "usage: ./dev kafka status" 2
    local dir pid=- state=down
    dir=$(kafka_dir)
    if pid=$(broker_pid "$dir"); then
        state=starting
        ! broker_answers "$dir" || state=up
    fi
    printf 'instance           %s\n' "$KAFKA_INSTANCE"
    printf 'state              %s\n' "$state"
    printf 'bootstrap.servers  %s\n' "$(broker_address "$dir")"
    printf 'pid                %s\n' "${pid:--}"
    printf 'data               %s\n' "$dir/data"
    printf 'log                %s\n' "$dir/server.log"
    [[ $state == up ]]
}

# 127.0.0.1:PORT, or "-" before the first start.
broker_address() {
    local port
    if port=$(head -n 1 "$1/ports" 2>/dev/null); then
        printf '127.0.0.1:%s\n' "$port"
    else
        printf -- '-\n'
    fi
}

# The broker's process, if it lives: a stale pid file may name somebody else's process, or one that nobody has reaped.
broker_pid() {
    local pid
    pid=$(cat "$1/pid" 2>/dev/null) || return 1
    [[ $pid =~ ^[0-9]+$ ]] || return 1
    tr '\0' '\n' 2>/dev/null <"/proc/$pid/cmdline" | grep -qxF "$1/server.properties" || return 1
    printf '%s\n' "$pid"
}

start_broker() {
    local dir=$1 start=$SECONDS
    if broker_pid "$dir" >/dev/null; then
        wait_for_answer "$dir"
        return
    fi
    rm -f "$dir/pid"
    choose_ports "$dir"
    write_broker_config "$dir"
    format_data "$dir"
    launch_broker "$dir"
    wait_for_answer "$dir"
    say "Kafka $KAFKA_VERSION ($KAFKA_INSTANCE) is up after $(elapsed $((SECONDS - start)))"
}

# Keeps the ports of the last start unless another program has taken one since.
choose_ports() {
    local dir=$1 taken count=2
    if [[ -s $dir/ports ]]; then
        taken=$(taken_port "$dir") || return 0
        ! is_clustered "$dir" ||
            die "Kafka ($KAFKA_INSTANCE): another program listens on port $taken, which the cluster knows: ./dev kafka down --purge"
        say "Kafka ($KAFKA_INSTANCE): another program listens on port $taken; choosing new ones"
    fi
    ! is_secure "$dir" || count=5
    (
        flock 7
        : >"$dir/ports.part"
        while ((count-- > 0)); do
            free_port "$dir" >>"$dir/ports.part"
        done
        mv "$dir/ports.part" "$dir/ports"
    ) 7>>"$KAFKA_BROKERS/ports.lock"
}

# taken_port DIR: one of its ports on which a program listens; false if there is none. A broker that was killed a moment ago has lost its
# memory, and so its name, before its sockets: it is given time.
taken_port() {
    local ports port end=$((SECONDS + KAFKA_STOP_SECONDS))
    mapfile -t ports <"$1/ports"
    for port in "${ports[@]}"; do
        while is_listening "$port"; do
            if ((SECONDS >= end)); then
                printf '%s\n' "$port"
                return
            fi
            sleep 0.1
        done
    done
    return 1
}

# A port on which nobody listens and that no other broker of any checkout has reserved. Below the range from which Linux takes
# the ports of outgoing connections, so that it stays free while the broker is down.
free_port() {
    local port attempt
    for attempt in {1..200}; do
        port=$((20000 + RANDOM % 10000))
        if ! is_listening "$port" && ! cat "$KAFKA_BROKERS"/*/*/ports "$1/ports.part" 2>/dev/null | grep -qx "$port"; then
            printf '%s\n' "$port"
            return
        fi
    done
    die "no free port between 20000 and 29999 found in $attempt attempts"
}

is_listening() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

write_broker_config() {
    local ports listeners='' protocols='' node=1 voters
    mapfile -t ports <"$1/ports"
    if is_secure "$1"; then
        listeners=,$(secure_listeners "${ports[@]:2}")
        protocols=,$SECURE_PROTOCOLS
    fi
    voters=1@127.0.0.1:${ports[1]}
    ! is_clustered "$1" || read -r node voters _ <"$1/cluster"
    cat >"$1/server.properties" <<PROPERTIES
process.roles=broker,controller
node.id=$node
controller.quorum.voters=$voters
listeners=PLAINTEXT://127.0.0.1:${ports[0]},CONTROLLER://127.0.0.1:${ports[1]}$listeners
advertised.listeners=PLAINTEXT://127.0.0.1:${ports[0]}${listeners//127.0.0.1/localhost}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT$protocols
inter.broker.listener.name=PLAINTEXT
log.dirs=$1/data

# One node: one replica of everything, and few partitions where 50 only make the start slower.
offsets.topic.replication.factor=1
offsets.topic.num.partitions=10
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=10
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=10

# Tests use timestamps of long ago: nothing may be deleted for its age.
log.retention.ms=-1
# A misspelt topic is an error, not a new topic.
auto.create.topics.enable=false
delete.topic.enable=true
# The first member of a group shall not wait for others.
group.initial.rebalance.delay.ms=0
# Tests that wait for compaction would wait 15 s for each look of the cleaner.
log.cleaner.backoff.ms=1000
PROPERTIES
    ! is_secure "$1" || write_secure_config "$1" "${ports[@]:2}"
    ! is_clustered "$1" || write_cluster_config "$1"
}

# 16 random bytes in URL-safe base64; Kafka refuses one that starts with '-'.
new_cluster_id() { printf 'K%s\n' "$(head -c 16 /dev/urandom | base64 | tr '+/' '-_' | cut -c2-22)"; }

# data.id is written last: data without it is a format that was interrupted.
format_data() {
    local dir=$1 id users=()
    if [[ -s $dir/data.id ]]; then
        return
    fi
    rm -rf "$dir/data"
    mkdir -p "$dir/data"
    id=$(new_cluster_id)
    ! is_clustered "$dir" || read -r _ _ id <"$dir/cluster"
    ! is_secure "$dir" || mapfile -t users < <(secure_users)
    quiet_java kafka.tools.StorageTool format -t "$id" -c "$dir/server.properties" "${users[@]}" >"$dir/console.log" 2>&1 ||
        { tail -n 20 "$dir/console.log" >&2 && die "Kafka's data folder $dir/data could not be formatted, see above"; }
    printf '%s\n' "$id" >"$dir/data.id"
}

launch_broker() {
    local dir=$1 heap=1g
    ! is_clustered "$dir" || heap=384m
    rm -f "$dir/server.log"
    (
        # In the broker's own folder, so that it keeps no folder of the caller's busy.
        cd "$dir" || exit
        close_inherited
        exec setsid "$(java_command)" -Xmx$heap -XX:+ExitOnOutOfMemoryError -cp "$KAFKA_JARS/*" \
            -Dlog4j2.configurationFile="$ROOT/scripts/kafka/log4j2-broker.xml" -Dkafka.log.file="$dir/server.log" \
            kafka.Kafka "$dir/server.properties" >"$dir/console.log" 2>&1 </dev/null
    ) &
    printf '%s\n' $! >"$dir/pid"
}

wait_for_answer() {
    local dir=$1 start=$SECONDS
    # The first moment of a launched process: bash, not yet java.
    sleep 0.2
    until broker_answers "$dir"; do
        broker_pid "$dir" >/dev/null || broker_failed "$dir" "ended while starting"
        if ((SECONDS - start >= KAFKA_START_SECONDS)); then
            broker_failed "$dir" "runs, but has not answered for $KAFKA_START_SECONDS s"
        fi
        sleep 0.1
    done
}

broker_failed() {
    tail -n 20 "$1/console.log" "$1/server.log" >&2 2>/dev/null || true
    die "Kafka ($KAFKA_INSTANCE) $2; above is the end of its logs in $1. If its data is at fault: ./dev kafka down --purge"
}

# True when the broker answers a Metadata request and names itself as alive: from then on it takes every other request. Spoken by
# hand, because a Java tool takes seconds to start. Request: length 14, Metadata (3) version 1, correlation id 1, no client id, no
# topics. Answer: length, correlation id, number of brokers, four bytes each.
broker_answers() {
    local port answer
    port=$(head -n 1 "$1/ports" 2>/dev/null) || return 1
    # shellcheck disable=SC2016 # expanded by the inner shell, which exists for the sake of the time limit
    answer=$(timeout 5 bash -c '
        exec 3<>"/dev/tcp/127.0.0.1/$1" || exit
        printf "\0\0\0\16\0\3\0\1\0\0\0\1\377\377\0\0\0\0" >&3
        head -c 12 <&3 | od -An -v -tx1 | tr -d " \n"' _ "$port" 2>/dev/null) || return 1
    [[ ${#answer} == 24 && ${answer:8:8} == 00000001 && ${answer:16:8} != 00000000 ]]
}

stop_broker() {
    local dir=$1 pid
    if ! pid=$(broker_pid "$dir"); then
        rm -f "$dir/pid"
        return 0
    fi
    kill -TERM "$pid"
    if ! wait_gone "$dir" "$KAFKA_STOP_SECONDS"; then
        say "Kafka ($KAFKA_INSTANCE) has not ended in $KAFKA_STOP_SECONDS s: killing it"
        kill -KILL "$pid" 2>/dev/null || true
        wait_gone "$dir" "$KAFKA_STOP_SECONDS" || die "process $pid of Kafka does not end"
    fi
    rm -f "$dir/pid"
    say "Kafka ($KAFKA_INSTANCE) is down"
}

# wait_gone DIR SECONDS: false if the broker still lives after that time.
wait_gone() {
    local end=$((SECONDS + $2))
    while broker_pid "$1" >/dev/null; do
        ((SECONDS < end)) || return 1
        sleep 0.1
    done
}

# The names of this checkout's running brokers.
running_instances() {
    local dir
    for dir in "$KAFKA_BROKERS/$CHECKOUT_ID"/*/; do
        if broker_pid "${dir%/}" >/dev/null; then
            basename "$dir"
        fi
    done
}
