#!/usr/bin/env bash
# Queues the first packets of every flow to one queue.
set -euo pipefail
# shellcheck source=scripts/interception/lib/interception.sh
source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/lib/interception.sh"

readonly about="Queues the first packets of every flow, going out and coming in, to one queue only."
# shellcheck disable=SC2034 # read by the library
readonly one_queue=yes

selection() { say ""; }

run_interception "$@"
