# shellcheck shell=bash
# Steps of scripts/check and scripts/test: one after the other, or side by side with their output kept apart. To be sourced
# in the repository's folder.

# Package registries may be slow for a moment.
export CARGO_NET_RETRY=10 npm_config_fetch_retries=5

# Generated tests choose the same each time. Without these variables each run of a test chooses by chance.
export PROPTEST_RNG_SEED=${PROPTEST_RNG_SEED:-1} ROLLCALL_MODEL_START=${ROLLCALL_MODEL_START:-1}
export ROLLCALL_KILL_SEED=${ROLLCALL_KILL_SEED:-1} ROLLCALL_WORKER_SEED=${ROLLCALL_WORKER_SEED:-1}

# Snapshots that are missing or differ fail; nothing is written into the sources.
export INSTA_UPDATE=${INSTA_UPDATE:-no} INSTA_WORKSPACE_ROOT=$PWD

target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
logs=$target/steps
rm -rf "$logs"
mkdir -p "$logs"
declare -A running=() # process by step
times=()              # a line for each step that has ended, in this order

install() { # install PACKAGE...
    local apt=(apt-get -qq -o Acquire::Retries=5 -o DPkg::Lock::Timeout=300)
    "${apt[@]}" update && DEBIAN_FRONTEND=noninteractive "${apt[@]}" install -y "$@"
}

may_install() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; }

need() { # need COMMAND PACKAGE
    command -v "$1" >/dev/null && return
    if may_install; then
        printf '\n== installing %s\n' "$2"
        install "$2"
    else
        echo "missing: $1. Install it with: sudo apt-get install $2" >&2
        exit 1
    fi
}

# Version managers such as pyenv put a shell script in the place of python3. It takes longer than Python itself, and each
# run of a test starts it.
prefer_real_python() {
    local python
    python=$(python3 -c 'import sys; print(sys.executable)')
    PATH=$(dirname "$python"):$PATH
    export PATH
}

has_nextest() { cargo nextest --version >/dev/null 2>&1; }

# Tests wait more than they compute.
export NEXTEST_TEST_THREADS=${NEXTEST_TEST_THREADS:-$(($(nproc) * 2))}

build_tests() {
    if has_nextest; then
        cargo nextest list --workspace --list-type binaries-only --message-format json >"$logs/binaries.json"
        cargo metadata --format-version 1 --filter-platform "$(rustc -vV | sed -n 's/^host: //p')" >"$logs/metadata.json"
    else
        echo 'cargo-nextest is missing: tests take longer. Install it with: cargo install cargo-nextest --locked'
        cargo test --workspace --no-run --quiet
    fi
}

# Runs tests that build_tests has built. Cargo takes no part, so it may check something else meanwhile.
run_built() { # run_built ARGUMENT...
    cargo nextest run --binaries-metadata "$logs/binaries.json" --cargo-metadata "$logs/metadata.json" "$@"
}

# The arguments of `cargo test` that leave modules out.
skipped() { # skipped 'MODULE|MODULE'
    tr '|' '\n' <<<"$1" | sed 's/.*/--skip &::/'
}

note_time() { # note_time NAME SECONDS
    times+=("$(printf '%-36s %4d s' "$1" "$2")")
}

# Runs a step while nothing else runs. Its output is shown as it comes.
step() { # step NAME COMMAND...
    local name=$1 since=$SECONDS status
    shift
    printf '\n== %s\n' "$name"
    # In a condition `set -e` would mean nothing within the command.
    set +e
    (set -e; "$@")
    status=$?
    set -e
    if [ "$status" != 0 ]; then
        printf '\n== failed: %s\n' "$name" >&2
        exit 1
    fi
    note_time "$name" $((SECONDS - since))
}

# Starts a step beside others, in a process group of its own. Its output goes into a file.
start() { # start NAME COMMAND...
    local name=$1
    shift
    printf '\n== %s (started, output in %s)\n' "$name" "$(log_of "$name")"
    set -m
    (
        set -e
        since=$SECONDS
        trap 'echo $((SECONDS - since)) >"$(log_of "$name").seconds"' EXIT
        "$@"
    ) >"$(log_of "$name")" 2>&1 </dev/null &
    running[$name]=$!
    set +m
}

log_of() { printf '%s/%s.log' "$logs" "${1// /-}"; }

# Waits for all started steps, in the order of their end. Shows the whole output of each that failed.
await_all() {
    local name failed=() ended
    while [ ${#running[@]} != 0 ]; do
        wait -n -p ended "${running[@]}" && status=0 || status=$?
        for name in "${!running[@]}"; do
            [ "${running[$name]}" = "$ended" ] || continue
            unset "running[$name]"
            note_time "$name" "$(cat "$(log_of "$name").seconds")"
            if [ "$status" = 0 ]; then
                printf '\n== %s: passed\n' "$name"
            else
                printf '\n== %s: failed, with this output\n' "$name"
                cat "$(log_of "$name")"
                failed+=("$name")
            fi
        done
    done
    [ ${#failed[@]} = 0 ] && return
    printf '\n== failed: %s\n' "${failed[@]}" >&2
    exit 1
}

# What is done when the script ends, also if it ends early.
endings=()
at_exit() { # at_exit COMMAND
    endings+=("$1")
}
finish() {
    local name ending
    for name in "${!running[@]}"; do
        kill -- "-${running[$name]}" 2>/dev/null || true
    done
    for ending in "${endings[@]}"; do
        eval "$ending"
    done
}
trap finish EXIT

# Shows what the runners of tests say in the end, for people and for programs that read it.
show_summaries() {
    local log lines
    printf '\n== summaries\n'
    for log in "$logs"/*.log; do
        if lines=$(grep -hE '^ *Summary \[|^test result: |^(ℹ|#) (tests|pass|fail|cancelled|skipped|todo) ' "$log"); then
            basename "$log" .log
            printf '%s\n' "$lines"
        fi
    done
}

show_times() {
    printf '\n== times\n'
    printf '%s\n' "${times[@]}"
    printf '%-36s %4d s\n' 'in all' "$SECONDS"
}
