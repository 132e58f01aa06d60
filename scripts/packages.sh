# shellcheck shell=bash
# What the machine needs besides Rust's toolchain: found, or installed from Debian's packages.

# Package and how its presence is seen: a command, or "-" for a package without one.
readonly BUILD_PACKAGES=(
    gcc:gcc g++:g++ make:make pkg-config:pkg-config ccache:ccache
    libclang-dev:- # bindgen reads RocksDB's headers with it
    zlib1g-dev:-   # librdkafka's compression
)
readonly KAFKA_PACKAGES=(default-jdk-headless:javac maven:mvn)
readonly PYTHON_PACKAGES=(python3:python3 python3-venv:-)
readonly JAVA_MINIMUM=17

need_build_tools() {
    have cargo || die "cargo is missing: install Rust's toolchain, see https://rustup.rs"
    need_packages "${BUILD_PACKAGES[@]}"
}

# Rust's smallest installation comes without them.
need_lint_tools() {
    if cargo fmt --version >/dev/null 2>&1 && cargo clippy --version >/dev/null 2>&1; then
        return
    fi
    have rustup || die "cargo fmt or cargo clippy is missing: install rustfmt and clippy of the same Rust version as cargo"
    say "Installing rustfmt and clippy"
    (cd "$ROOT" && rustup component add rustfmt clippy >&2)
}

need_java() {
    need_packages "${KAFKA_PACKAGES[@]}"
    local version
    version=$(java_version)
    if ((version < JAVA_MINIMUM)); then
        die "$(java_command) is version $version; Kafka $KAFKA_VERSION needs $JAVA_MINIMUM or later: install one and set JAVA_HOME to it"
    fi
}

java_command() {
    if [[ -n ${JAVA_HOME:-} && -x $JAVA_HOME/bin/java ]]; then
        printf '%s\n' "$JAVA_HOME/bin/java"
    else
        printf 'java\n'
    fi
}

# The major version: 17 of `openjdk version "17.0.15"`, 8 of "1.8.0_392"; 0 when it cannot be told.
java_version() {
    local text
    text=$("$(java_command)" -version 2>&1) || true
    if [[ $text =~ version\ \"(1\.)?([0-9]+) ]]; then
        printf '%s\n' "${BASH_REMATCH[2]}"
    else
        printf '0\n'
    fi
}

# need_packages PACKAGE:CHECK...
need_packages() {
    local entry missing=()
    for entry in "$@"; do
        is_present "${entry%%:*}" "${entry##*:}" || missing+=("${entry%%:*}")
    done
    if ((${#missing[@]} > 0)); then
        install_packages "${missing[@]}"
    fi
}

is_present() {
    local package=$1 check=$2
    if [[ $check != - ]]; then
        have "$check"
    elif have dpkg; then
        dpkg -s "$package" 2>/dev/null | grep -q '^Status: .* installed$'
    else
        # Not Debian: a library cannot be looked up by its Debian name; the compiler will name what it misses.
        true
    fi
}

install_packages() {
    local root=()
    if ! have apt-get; then
        die "missing: $* (names of Debian packages). This is not a Debian system: install their counterparts and start again"
    fi
    if ((EUID != 0)); then
        have sudo || die "missing: $*. As root: apt-get install $*"
        root=(sudo)
    fi
    say "Installing Debian packages: $*"
    local start=$SECONDS
    {
        "${root[@]}" apt-get update -q &&
            "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$@"
    } >&2 || die "apt-get could not install: $*; see its messages above"
    say "Installed in $(elapsed $((SECONDS - start)))"
}
