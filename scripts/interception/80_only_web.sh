#!/usr/bin/env bash
# Queues the web only (TCP ports 80 and 443, and UDP port 443 for HTTP/3); other traffic passes unasked.
set -euo pipefail
# shellcheck source=scripts/interception/lib/interception.sh
source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/lib/interception.sh"

readonly about="Queues the web, going out and coming in: TCP ports 80 and 443, UDP port 443 (HTTP/3). All other traffic passes unasked."

# Both ends, so that a live connection that a new rule forbids is judged again in both directions.
selection() {
  local end
  for end in --dport --sport; do
    say "-p tcp -m tcp $end 80"
    say "-p tcp -m tcp $end 443"
    say "-p udp -m udp $end 443"
  done
}

run_interception "$@"
