#!/usr/bin/env bash
# Queues SSH only (TCP port 22); other traffic passes unasked.
set -euo pipefail
# shellcheck source=scripts/interception/lib/interception.sh
source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/lib/interception.sh"

readonly about="Queues SSH, going out and coming in: TCP port 22. All other traffic passes unasked."

# Both ends, so that a live connection that a new rule forbids is judged again in both directions.
selection() {
  say "-p tcp -m tcp --dport 22"
  say "-p tcp -m tcp --sport 22"
}

run_interception "$@"
