#!/usr/bin/env bash
# Queues TCP connections only; other traffic passes unasked.
set -euo pipefail
# shellcheck source=scripts/interception/lib/interception.sh
source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/lib/interception.sh"

readonly about="Queues TCP connections, going out and coming in. All other traffic passes unasked."

selection() { say "-p tcp"; }

run_interception "$@"
