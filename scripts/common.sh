# shellcheck shell=bash
# Folders shared by every part of ./dev, and how it talks.

readonly CACHE=${KAFKA_STREAMS_RS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/kafka-streams-rs}
# One name per checkout: what belongs to a checkout (its brokers, its programs) lies in a folder of that name.
CHECKOUT_ID=$(printf '%s' "$ROOT" | sha256sum | cut -c1-12)
readonly CHECKOUT_ID

# Progress and errors go to stderr: stdout belongs to what a command answers.
say() { printf '%s\n' "$*" >&2; }

# die MESSAGE [EXIT_CODE]
die() {
    say "error: $1"
    exit "${2:-1}"
}

have() { command -v "$1" >/dev/null 2>&1; }

# elapsed SECONDS: "42 s", "3 min 5 s"
elapsed() {
    if (($1 < 60)); then
        printf '%d s' "$1"
    else
        printf '%d min %d s' $(($1 / 60)) $(($1 % 60))
    fi
}

# with_progress SECONDS REPORT COMMAND...: runs the command and, every so many seconds until it ends, the function REPORT with
# the seconds passed.
with_progress() {
    local every=$1 report=$2 reporter code=0
    shift 2
    report_regularly "$every" "$report" &
    reporter=$!
    "$@" || code=$?
    kill "$reporter" 2>/dev/null || true
    wait "$reporter" 2>/dev/null || true
    return "$code"
}

# Ends by itself when the script that started it is gone.
report_regularly() {
    local every=$1 report=$2 start=$SECONDS next
    close_inherited
    next=$((start + every))
    # Short naps: a process that outlives its parent by a long one would keep a pipe to the terminal open.
    while kill -0 $$ 2>/dev/null; do
        sleep 1
        if ((SECONDS >= next)); then
            "$report" $((SECONDS - start))
            next=$((SECONDS + every))
        fi
    done
}

# close_inherited: closes every descriptor but the standard three, so that a process left in the background holds no lock and
# no pipe of whoever called this script.
close_inherited() {
    local path descriptor
    for path in /proc/"$BASHPID"/fd/*; do
        descriptor=${path##*/}
        if [[ $descriptor =~ ^[0-9]+$ ]] && ((descriptor > 2)); then
            eval "exec $descriptor>&-"
        fi
    done
}
