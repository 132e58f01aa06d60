# shellcheck shell=bash
# A cluster of several brokers, each of which is also a controller.
#
# The brokers of the cluster NAME are the instances NAME-1, NAME-2, ...: each can be killed, stopped, started and asked like any
# other, by its own name. Its folder has one more file, "cluster": node id, all controllers, cluster id.

is_clustered() { [[ -s $1/cluster ]]; }

# cluster_up COUNT: starts those that are down, on the data they have.
cluster_up() {
    local count=$1 name=$KAFKA_INSTANCE dir member servers=''
    [[ $count =~ ^[3-9]$ ]] || die "--brokers $count: 3 to 9 are possible" 2
    need_kafka
    dir=$(kafka_dir)
    mkdir -p "${dir%/*}"
    (
        flock 9
        make_cluster "$dir" "$count"
        # Together: none of them answers before most controllers are there.
        local starts=() start
        for member in $(cluster_members "$dir"); do
            (KAFKA_INSTANCE=$member kafka_up >/dev/null) &
            starts+=($!)
        done
        for start in "${starts[@]}"; do
            wait "$start" || exit
        done
    ) 9>>"$dir.lock" || die "the cluster $name has not started, see above"
    for member in $(cluster_members "$dir"); do
        servers+=,$(broker_address "${dir%/*}/$member")
    done
    printf 'bootstrap.servers=%s\n' "${servers#,}"
}

# cluster_down [--purge]: nothing, where there is no such cluster.
cluster_down() {
    local member
    for member in $(cluster_members "$(kafka_dir)"); do
        (KAFKA_INSTANCE=$member kafka_down "$@")
    done
}

# The names of a cluster's brokers.
cluster_members() {
    local dir
    for dir in "$1"-[1-9]; do
        ! is_clustered "$dir" || basename "$dir"
    done
}

# make_cluster DIR COUNT: the folders, with ports that stay the same and the files "cluster". Those of the first broker come last: with
# them the cluster is complete.
make_cluster() {
    local dir=$1 count=$2 node ports voters='' id
    if is_clustered "$dir-1"; then
        [[ $(cluster_members "$dir" | wc -l) == "$count" ]] || die "the cluster $KAFKA_INSTANCE has another size: ./dev kafka down --purge"
        return
    fi
    id=$(new_cluster_id)
    for ((node = 1; node <= count; node++)); do
        mkdir -p "$dir-$node"
        rm -f "$dir-$node/cluster"
        KAFKA_INSTANCE=$KAFKA_INSTANCE-$node choose_ports "$dir-$node"
        mapfile -t ports <"$dir-$node/ports"
        voters+=,$node@127.0.0.1:${ports[1]}
    done
    for ((node = count; node >= 1; node--)); do
        printf '%s %s %s\n' "$node" "${voters#,}" "$id" >"$dir-$node/cluster"
    done
}

# Added to what every broker has; the later of two lines counts.
write_cluster_config() {
    cat >>"$1/server.properties" <<'PROPERTIES'

default.replication.factor=3
min.insync.replicas=2
offsets.topic.replication.factor=3
transaction.state.log.replication.factor=3
transaction.state.log.min.isr=2
share.coordinator.state.topic.replication.factor=3
share.coordinator.state.topic.min.isr=2
# Tests wait for what follows a crash.
broker.session.timeout.ms=5000
broker.heartbeat.interval.ms=500
replica.lag.time.max.ms=5000
# Leaders move back to where they were as soon as that is possible.
leader.imbalance.check.interval.seconds=2
leader.imbalance.per.broker.percentage=0
PROPERTIES
}
