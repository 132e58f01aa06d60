# shellcheck shell=bash
# ./dev java-reference: the case files of streams-dsl/tests, answered by Kafka Streams itself (tests/java).

readonly CASE_FOLDERS=(
    streams-dsl/tests/time/cases streams-dsl/tests/reference/cases streams-dsl/tests/changelog/cases
    streams-dsl/tests/joins/cases streams-dsl/tests/stream_join/cases streams-dsl/tests/foreign_key/cases
    streams-dsl/tests/cogroup/cases streams-dsl/tests/transform_values/cases
)

java_reference() {
    local write=no names=() work code=0
    while (($# > 0)); do
        case $1 in
            --write) write=yes ;;
            -*) die "usage: ./dev java-reference [--write] [CASE]..." 2 ;;
            *) names+=("$1") ;;
        esac
        shift
    done
    build_java_programs tests/java
    work=$(mktemp -d)
    # shellcheck disable=SC2064 # the folder's name as it is now
    trap "rm -rf '$work'" EXIT
    choose_cases "$work" "${names[@]}"
    answer_cases "$work"
    if [[ $write == yes ]]; then
        write_answers "$work"
    else
        compare_answers "$work" || code=$?
    fi
    return "$code"
}

# choose_cases WORK NAMES...: copies the cases of these names, or all, to the folders WORK/asked/...
choose_cases() {
    local work=$1 folder name found
    shift
    for folder in "${CASE_FOLDERS[@]}"; do
        mkdir -p "$work/asked/$folder" "$work/answered/$folder" "$work/state"
        (($# > 0)) || cp "$ROOT/$folder"/*.case "$work/asked/$folder"
    done
    for name in "$@"; do
        found=no
        for folder in "${CASE_FOLDERS[@]}"; do
            if [[ -e $ROOT/$folder/${name%.case}.case ]]; then
                cp "$ROOT/$folder/${name%.case}.case" "$work/asked/$folder"
                found=yes
            fi
        done
        [[ $found == yes ]] || die "no case '$name' in ${CASE_FOLDERS[*]}" 2
    done
}

answer_cases() {
    local work=$1 folder folders=()
    for folder in "${CASE_FOLDERS[@]}"; do
        folders+=("$work/asked/$folder" "$work/answered/$folder")
    done
    "$(java_command)" -cp "$(java_classpath tests/java)" reference.Main "$work/state" "${folders[@]}"
}

# A file that stays the same is not touched.
write_answers() {
    local work=$1 file changed=0
    while IFS= read -r file; do
        if ! cmp -s "$work/answered/$file" "$ROOT/$file"; then
            cp "$work/answered/$file" "$ROOT/$file"
            say "written: $file"
            changed=$((changed + 1))
        fi
    done < <(cd "$work/answered" && find . -name '*.case' -printf '%P\n' | sort)
    say "$changed case files changed"
}

compare_answers() {
    local work=$1 file different=0 all=0
    while IFS= read -r file; do
        all=$((all + 1))
        diff -u --label "$file" --label "Kafka Streams $KAFKA_VERSION" "$ROOT/$file" "$work/answered/$file" || different=$((different + 1))
    done < <(cd "$work/answered" && find . -name '*.case' -printf '%P\n' | sort)
    if ((different > 0)); then
        say "error: Kafka Streams $KAFKA_VERSION answers otherwise in $different of $all case files, see above; --write puts its answers into them"
        return 1
    fi
    say "Kafka Streams $KAFKA_VERSION answers as written in all $all case files"
}
