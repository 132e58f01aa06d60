# shellcheck shell=bash
# cargo with this project's environment, and the outputs it shares between checkouts.

# The values are the same in every clone: RocksDB, compiled once, then serves all of them.
build_environment() {
    need_build_tools
    export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$CACHE/target}
    export CC="ccache cc" CXX="ccache c++" CCACHE_DIR=$CACHE/ccache
    mkdir -p "$CARGO_TARGET_DIR" "$CCACHE_DIR"
    claim_target
}

# Cargo gives a crate the same place in a shared target folder whichever checkout it comes from, and tells by modification times
# alone whether it is up to date: it would run another checkout's code as ours. So the folder belongs to one checkout at a
# time. Commands of that checkout hold its lock shared; another one waits until none is left, makes cargo forget the
# workspace's crates (dependencies stay), and takes the folder over. The lock lasts until this process or `release_target` ends it.
claim_target() {
    local owner=$CARGO_TARGET_DIR.checkout
    exec {TARGET_LOCK}>>"$CARGO_TARGET_DIR.lock"
    while true; do
        lock_target -s
        if [[ $(cat "$owner" 2>/dev/null) == "$ROOT" ]]; then
            return
        fi
        flock -u "$TARGET_LOCK"
        lock_target -x
        if [[ $(cat "$owner" 2>/dev/null) != "$ROOT" ]]; then
            forget_workspace_crates
            printf '%s\n' "$ROOT" >"$owner"
        fi
        # flock cannot turn one kind of lock into the other in one step: look again under the shared one.
        flock -u "$TARGET_LOCK"
    done
}

release_target() { exec {TARGET_LOCK}>&-; }

lock_target() {
    if ! flock -n "$1" "$TARGET_LOCK"; then
        say "Waiting: $(cat "$CARGO_TARGET_DIR.checkout" 2>/dev/null) builds in $CARGO_TARGET_DIR"
        flock "$1" "$TARGET_LOCK"
    fi
}

forget_workspace_crates() {
    local manifest name profile
    for manifest in "$ROOT"/*/Cargo.toml; do
        name=$(sed -n 's/^name *= *"\(.*\)".*/\1/p' "$manifest" | head -n 1)
        rm -rf "$CARGO_TARGET_DIR"/*/.fingerprint/"${name:?no name in $manifest}"-*
    done
    # What the other checkout's crates left behind is of no use to this one: 10 GiB a checkout.
    for profile in debug release; do
        if [[ -d $CARGO_TARGET_DIR/$profile/deps ]]; then
            rm -rf "${CARGO_TARGET_DIR:?}/$profile/incremental"
            (cd "$ROOT" && cargo clean --quiet --locked --workspace --profile "${profile/debug/dev}")
        fi
    done
}

# cargo_build PROFILE ARGS...: cargo at the workspace's root; PROFILE is debug or release, to tell whether RocksDB is there.
cargo_build() {
    local profile=$1
    shift
    if ! compgen -G "$CARGO_TARGET_DIR/$profile/build/librocksdb-sys-*/out/librocksdb.a" >/dev/null; then
        say "The first build compiles RocksDB, once for all clones on this machine: about 10 minutes on 2 cores, 1 if the compiler cache has it"
    fi
    (cd "$ROOT" && with_progress 30 report_rocksdb cargo "$@")
}

# cargo is silent while a build script runs: count the objects that RocksDB's has made.
report_rocksdb() {
    local passed=$1 out objects sources
    for out in "$CARGO_TARGET_DIR"/*/build/librocksdb-sys-*/out; do
        if [[ -d $out && ! -e $out/librocksdb.a ]]; then
            objects=$(find "$out" -name '*.o' 2>/dev/null | wc -l)
            sources=$(cat "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*/librocksdb-sys-*/rocksdb_lib_sources.txt 2>/dev/null | wc -l)
            if ((objects > 0 && objects <= sources)); then
                say "    compiling RocksDB: $objects of about $sources files, $(elapsed "$passed")"
            fi
        fi
    done
}

# programs_of PROFILE: a folder of this checkout alone: a program that runs for hours neither keeps the target folder nor changes when somebody
# builds.
programs_of() { echo "$CACHE/programs/$CHECKOUT_ID/$1"; }

# build_programs PROFILE NAME...: builds programs of the examples and benches, debug or release, and puts them where programs_of says.
build_programs() {
    local profile=$1 directory program source arguments=()
    shift
    directory=$(programs_of "$profile")
    for program in "$@"; do arguments+=(--bin "$program"); done
    if [[ $profile == release ]]; then arguments+=(--release); fi
    cargo_build "$profile" build "${arguments[@]}"
    mkdir -p "$directory"
    for program in "$@"; do
        source=$CARGO_TARGET_DIR/$profile/$program
        if ! cmp -s "$source" "$directory/$program"; then
            cp "$source" "$directory/.$program.$$"
            mv -f "$directory/.$program.$$" "$directory/$program"
        fi
    done
}

run_cargo() {
    build_environment
    # Any folder of the workspace is as good a place as its root; elsewhere cargo would find no manifest.
    [[ $PWD/ == "$ROOT"/* ]] || cd "$ROOT" || exit
    exec cargo "$@"
}
