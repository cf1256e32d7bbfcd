#!/usr/bin/env bash
# Checks that this machine has what Coldstream needs: `need.sh build` to compile it, `need.sh parts` to install
# the programs of its tests. What is missing is installed where that is possible without asking (Debian, as
# root); elsewhere one line says what is missing and how to get it.
set -euo pipefail

# A tool that is there but too old counts as missing.
has() {
    local version
    case $1 in
    cargo | make | mvn) command -v "$1" >/dev/null ;;
    cc) command -v cc >/dev/null ;;
    # librdkafka also compiles its C++ half.
    c++) command -v c++ >/dev/null || command -v g++ >/dev/null || command -v clang++ >/dev/null ;;
    java-17)
        version=$(java -version 2>&1 | sed -n '1s/[^"]*"\([0-9]*\).*/\1/p') || return 1
        [[ -n $version && $version -ge 17 ]]
        ;;
    python-3.10)
        # Debian has Python without its venv module.
        python3 -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))' 2>/dev/null
        ;;
    node-20)
        # Vite says 20.19: the first that loads modules both ways.
        version=$(node --version 2>/dev/null | sed -n 's/^v\([0-9]*\.[0-9]*\)\..*/\1/p') || return 1
        [[ -n $version ]] && printf '20.19\n%s\n' "$version" | sort -V -C
        ;;
    npm) command -v npm >/dev/null ;;
    chromium) command -v chromium >/dev/null ;;
    certificates) [[ $(uname) != Linux || -d /etc/ssl/certs ]] ;;
    *)
        echo "need.sh: no such tool: $1" >&2
        exit 2
        ;;
    esac
}

debian_package() {
    case $1 in
    cc) echo "gcc libc6-dev" ;;
    c++) echo g++ ;;
    make) echo make ;;
    mvn) echo maven ;;
    java-17) echo default-jre-headless ;;
    python-3.10) echo python3-venv ;;
    node-20) echo nodejs ;;
    # NodeSource's nodejs has its own npm and conflicts with Debian's.
    npm) apt-cache show nodejs 2>/dev/null | grep -Eq '^Conflicts:.*\bnpm\b' || echo npm ;;
    chromium) echo chromium ;;
    certificates) echo ca-certificates ;;
    esac
}

case ${1:-} in
build) wanted=(cargo cc c++ make node-20 npm) ;;
parts)
    wanted=(python-3.10 certificates chromium)
    # A broker that is already running needs neither Java nor Maven.
    [[ -n ${COLDSTREAM_TEST_KAFKA:-} ]] || wanted+=(java-17 mvn)
    ;;
*)
    echo "usage: need.sh build|parts" >&2
    exit 2
    ;;
esac

missing=()
packages=()
for tool in "${wanted[@]}"; do
    has "$tool" && continue
    missing+=("$tool")
    [[ $tool == cargo ]] || read -ra found <<<"$(debian_package "$tool")"
    [[ $tool == cargo ]] || packages+=("${found[@]}")
done
[[ ${#missing[@]} -gt 0 ]] || exit 0

if [[ " ${missing[*]} " == *" cargo "* ]]; then
    echo "missing: Rust (cargo): get it from https://rustup.rs" >&2
    exit 1
fi

if command -v apt-get >/dev/null && [[ $(id -u) == 0 ]]; then
    echo "need: installing ${packages[*]} (for ${missing[*]})"
    log=$(mktemp)
    trap 'rm -f "$log"' EXIT
    export DEBIAN_FRONTEND=noninteractive
    if ! { apt-get update -q && apt-get install -q -y --no-install-recommends "${packages[@]}"; } >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        echo "missing: ${missing[*]}: 'apt-get install ${packages[*]}' failed, see above" >&2
        exit 1
    fi
    for tool in "${missing[@]}"; do
        if ! has "$tool"; then
            echo "missing: $tool: this system's package is too old or hidden by another one in PATH" >&2
            exit 1
        fi
    done
else
    echo "missing: ${missing[*]}: on Debian or Ubuntu 'sudo apt-get install ${packages[*]}'," \
        "elsewhere the packages of the same tools" >&2
    exit 1
fi
