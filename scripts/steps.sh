# shellcheck shell=bash
# A long command as a row of numbered, timed steps that an interrupt ends at once and cleanly.

STEP=0
STEPS=0
STEP_TITLE=
STEP_GROUP=

# steps COUNT CLEANUP: how many will come, and the function that tidies up however this script ends.
steps() {
    STEPS=$1
    STEPS_CLEANUP=$2
    trap 'steps_end $?' EXIT
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 143' TERM
}

# step TITLE COMMAND...: ends the script with the command's exit code if it fails.
step() {
    local start=$SECONDS code=0
    STEP_TITLE=$1
    shift
    STEP=$((STEP + 1))
    say ""
    say "==> [$STEP/$STEPS] $STEP_TITLE"
    # A process group of its own: the shell waits without being deaf to signals, and an interrupt ends cargo together with all
    # that cargo started.
    set -m
    "$@" </dev/null &
    STEP_GROUP=$!
    set +m
    wait "$STEP_GROUP" || code=$?
    STEP_GROUP=
    ((code == 0)) || exit "$code"
    say "    $STEP_TITLE: ok, $(elapsed $((SECONDS - start)))"
    STEP_TITLE=
}

steps_end() {
    local code=$1
    trap '' HUP INT TERM
    trap - EXIT
    if [[ -n $STEP_GROUP ]]; then
        kill -TERM -- "-$STEP_GROUP" 2>/dev/null || true
        wait "$STEP_GROUP" 2>/dev/null || true
    fi
    "$STEPS_CLEANUP" "$code" || true
    if ((code != 0)); then
        say ""
        say "FAILED (exit code $code) in step $STEP of $STEPS${STEP_TITLE:+: $STEP_TITLE}, after $(elapsed "$SECONDS")"
    fi
    exit "$code"
}
