# shellcheck shell=bash
# The Java programs of this project: a folder with a pom.xml, compiled once per state of its sources.

# java_programs FOLDER: the folder of its classes and libraries, in the cache. Classes of an older state are never run.
java_programs() {
    local state
    state=$(cd "$ROOT/$1" && find . -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum | cut -c1-12)
    printf '%s\n' "$CACHE/java/${1//\//-}/$state"
}

# java_classpath FOLDER
java_classpath() {
    local dir
    dir=$(java_programs "$1")
    printf '%s\n' "$dir/classes:$dir/lib/*"
}

build_java_programs() {
    local folder=$1 dir
    dir=$(java_programs "$folder")
    need_java
    mkdir -p "${dir%/*}"
    (
        flock 8
        [[ -d $dir ]] || compile_java_programs "$folder" "$dir"
    ) 8>>"${dir%/*}.lock"
}

# Renamed when complete: a build that was interrupted never counts.
compile_java_programs() {
    local folder=$1 dir=$2
    rm -rf "$dir.part"
    mkdir -p "$dir.part"
    run_maven "$ROOT/$folder/pom.xml" -Dprograms.output="$dir.part" compile dependency:copy-dependencies ||
        die "the Java programs of $folder could not be built, see above"
    mv "$dir.part" "$dir"
}
