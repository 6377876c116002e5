#!/usr/bin/env bash
# rolling-restart.sh PORT...: restarts chat@PORT, one process after the other, each only when the one before is ready again.
# Stops with exit 1 at the first that does not come back, so that the others go on with what works.
#
#     deploy/rolling-restart.sh 8001 8002
#
# SYSTEMCTL   the command that restarts a unit (systemctl)
# DEADLINE_S  how long /health/ready may take to be 200 (60)
set -euo pipefail

systemctl=${SYSTEMCTL:-systemctl}
deadline_s=${DEADLINE_S:-60}

fail() {
    echo "rolling-restart: $2" >&2
    exit "$1"
}

is_ready() {
    local status
    status=$(curl --silent --noproxy '*' --max-time 3 --output /dev/null --write-out '%{http_code}' "http://127.0.0.1:$1/health/ready") || true
    [ "$status" = 200 ]
}

[ "$#" -gt 0 ] || fail 2 "takes the ports of the processes, like 8001 8002"
for port in "$@"; do
    [[ $port =~ ^[0-9]+$ ]] || fail 2 "$port: not a port"
done
command -v curl >/dev/null || fail 1 "curl is missing; on Debian: apt-get install curl"

for port in "$@"; do
    began=$SECONDS
    "$systemctl" restart "chat@$port" || fail 1 "chat@$port: the restart failed; the rest is left as it is"
    until is_ready "$port"; do
        [ $((SECONDS - began)) -lt "$deadline_s" ] || fail 1 "chat@$port: not ready after $deadline_s s; the rest is left as it is"
        sleep 0.2
    done
    echo "chat@$port: ready after $((SECONDS - began)) s"
done
