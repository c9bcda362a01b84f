#!/usr/bin/env bash
# Queues the first packets of every flow, going out and coming in, to the daemon's queues.
set -euo pipefail
# shellcheck source=scripts/interception/lib/interception.sh
source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/lib/interception.sh"

readonly about="Queues the first packets of every flow, going out and coming in: all protocols."

# Everything: one line without a match.
selection() { say ""; }

run_interception "$@"
