#!/usr/bin/env bash
# A Ray cluster on machines that you reach by ssh, yours alone or shared: it starts a Ray of its own on each, with its own
# token, ports and folder, and ends that one only.
#
#   change the names below, then:   bash ssh.sh start
#                                   bash ssh.sh stop
#
# Needs ssh without a password to each, the same Python, Ray and Stepladder on each, and a folder that all of them see, or
# a bucket, for the storage. Where a machine is lost, its trials go on elsewhere; where the head is lost, `stop`, `start`
# and the line that `start` prints go on with the sweep:
#
#   stepladder resume --auto sweep.yaml storage=/shared/runs
#
set -euo pipefail

HEAD=${HEAD:-node1}                                     # change: as ssh knows them; the others must reach it
WORKERS=${WORKERS:-node2 node3}                         # change
PREPARE=${PREPARE:-source ~/stepladder/.venv/bin/activate} # change: what makes `ray` and `stepladder` found there
PORT=${PORT:-6390}                                      # six ports from here on must be free on each machine
PLACE=.stepladder/ssh-$PORT                             # in the home folder of each machine
TOKEN=${TOKEN:-$HOME/.stepladder/ssh-$PORT.token}

# On a machine: start Ray in the background, as $1 says.
start_there() {
    ssh "$1" bash -s -- "$PLACE" "$PORT" "$(printf '%q' "$PREPARE")" "${@:2}" <<'THERE'
set -euo pipefail
place=$HOME/$1 port=$2 prepare=$3
shift 3
if [[ -s $place/pid ]] && kill -0 "$(<"$place/pid")" 2>/dev/null; then
    echo "$(hostname): Ray runs already, as process $(<"$place/pid")"
    exit 0
fi
eval "$prepare"
export RAY_AUTH_MODE=token RAY_AUTH_TOKEN_PATH=$place/token RAY_USAGE_STATS_ENABLED=0
temp=${RAY_TMPDIR:-/tmp}/stepladder-$(id -u)-$port
nohup ray start "$@" --temp-dir="$temp" --dashboard-agent-listen-port=$((port + 1)) --metrics-export-port=$((port + 2)) \
    --runtime-env-agent-port=$((port + 3)) --block </dev/null >"$place/ray.log" 2>&1 &
pid=$!
echo "$pid" >"$place/pid"
for ((tries = 0; tries < 90; tries++)); do
    if grep -q "Ray runtime started" "$place/ray.log"; then
        echo "$(hostname): Ray runs, as process $pid"
        exit 0
    fi
    kill -0 "$pid" 2>/dev/null || break
    sleep 1
done
tail -n 5 "$place/ray.log" >&2
echo "$(hostname): Ray did not start; see $place/ray.log there" >&2
exit 1
THERE
}

# On a machine: end the Ray that this script started there, and no other.
stop_there() {
    ssh "$1" bash -s -- "$PLACE" <<'THERE'
place=$HOME/$1
pid=$(cat "$place/pid" 2>/dev/null) || { echo "$(hostname): nothing to stop"; exit 0; }
if grep -qs start "/proc/$pid/cmdline" && grep -qs ray "/proc/$pid/cmdline"; then
    kill -TERM "$pid"
    for ((tries = 0; tries < 60; tries++)); do kill -0 "$pid" 2>/dev/null || break; sleep 1; done
    kill -0 "$pid" 2>/dev/null && { echo "$(hostname): process $pid does not end" >&2; exit 1; }
fi
rm -f "$place/pid" "$place/token"
echo "$(hostname): stopped"
THERE
}

give_token() { # a token that this machine makes, in files that only you can read, never on a command line
    # shellcheck disable=SC2029 # $PLACE is meant from here
    ssh "$1" "umask 077 && mkdir -p $PLACE && cat >$PLACE/token" <"$TOKEN"
}

start() {
    (
        umask 077
        mkdir -p "$(dirname "$TOKEN")"
        [[ -s $TOKEN ]] || od -An -N32 -tx1 /dev/urandom | tr -d ' \n' >"$TOKEN"
    )
    local address worker
    # shellcheck disable=SC2086 # words
    for worker in $HEAD $WORKERS; do give_token "$worker"; done
    address=${HEAD_ADDRESS:-$(ssh "$HEAD" hostname -I </dev/null | awk '{ print $1 }')}
    start_there "$HEAD" --head --port="$PORT" --node-ip-address="$address" --ray-client-server-port=$((PORT + 4)) \
        --dashboard-host=127.0.0.1 --dashboard-port=$((PORT + 5))
    for worker in $WORKERS; do start_there "$worker" --address="$address:$PORT"; done
    cat <<NEXT

from here, through a tunnel:
    ssh -N -L $((PORT + 5)):127.0.0.1:$((PORT + 5)) $HEAD &
    RAY_AUTH_MODE=token RAY_AUTH_TOKEN_PATH=$TOKEN \\
        stepladder submit sweep.yaml --address http://127.0.0.1:$((PORT + 5)) storage=/shared/runs
or on $HEAD, in the sweep file's folder, which all machines see:
    RAY_AUTH_MODE=token RAY_AUTH_TOKEN_PATH=~/$PLACE/token \\
        stepladder resume --auto sweep.yaml storage=/shared/runs --address $address:$PORT
NEXT
}

case ${1:-} in
    start) start ;;
    stop) for machine in $WORKERS $HEAD; do stop_there "$machine"; done ;;
    *) sed -n '2,/^set /p' "$0" | grep '^#' >&2; exit 2 ;;
esac
