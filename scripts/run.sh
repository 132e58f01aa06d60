# shellcheck shell=bash
# Running an example: ./dev run and ./dev demo.

examples() {
    local main
    for main in "$ROOT"/examples/*/main.rs; do
        if [[ -e $main ]]; then
            basename "$(dirname "$main")"
        fi
    done
}

# Replaces this process by the example, so that SIGINT and SIGTERM reach it.
run_example() {
    local name=${1:-}
    if [[ -z $name || ! -e $ROOT/examples/$name/main.rs ]]; then
        say "usage: ./dev run EXAMPLE [OPTIONS]"
        say "examples:"
        examples | sed 's/^/  /' >&2
        [[ -z $name ]] || die "there is no example '$name'" 2
        exit 2
    fi
    shift
    build_environment
    say "Building example $name (release mode)"
    build_programs release "$name"
    release_target
    exec "$(programs_of release)/$name" "$@"
}

demo() {
    (($# <= 1)) || die "usage: ./dev demo [FILE]" 2
    if (($# == 0)); then
        run_example word-count --demo
    fi
    [[ -f $1 && -r $1 ]] || die "cannot read the text file '$1'" 2
    run_example word-count --demo --text "$1"
}
