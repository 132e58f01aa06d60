# shellcheck shell=bash
# The Kafka clients in Python that tests/tests/kafka_python.rs needs: tests/python/requirements.txt, installed once per state of that file.

readonly PYTHON_REQUIREMENTS=$ROOT/tests/python/requirements.txt

# A virtual environment in the cache. Python's version is part of its name: one made for another does not serve.
python_clients() {
    local state
    state=$({ python3 -c 'import sys; print(sys.executable, sys.version)'; cat "$PYTHON_REQUIREMENTS"; } | sha256sum | cut -c1-12)
    printf '%s\n' "$CACHE/python/$state"
}

install_python_clients() {
    need_packages "${PYTHON_PACKAGES[@]}"
    local dir
    dir=$(python_clients)
    mkdir -p "${dir%/*}"
    (
        flock 8
        # The file is written last: an installation that was interrupted never counts.
        [[ -e $dir/complete ]] || make_python_clients "$dir"
    ) 8>>"${dir%/*}.lock"
}

make_python_clients() {
    rm -rf "$1"
    say "Installing Kafka clients for Python: $(grep -v '^#' "$PYTHON_REQUIREMENTS" | tr '\n' ' ')"
    {
        python3 -m venv "$1" &&
            "$1/bin/python" -m pip install --quiet --disable-pip-version-check --only-binary :all: -r "$PYTHON_REQUIREMENTS"
    } >&2 || die "the Python clients of $PYTHON_REQUIREMENTS could not be installed, see above"
    touch "$1/complete"
}
