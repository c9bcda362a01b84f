# shellcheck shell=bash
# Steps that say what they do in one line each, and are skipped when nothing that they read or made has changed.

say() { printf '%s\n' "$*"; }

fail() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

# Seconds with one decimal since the microseconds given.
elapsed_since() {
  local now=${EPOCHREALTIME/[^0-9]/}
  local tenths=$(((now - $1) / 100000))
  printf '%d.%d s' $((tenths / 10)) $((tenths % 10))
}

now() { printf '%s' "${EPOCHREALTIME/[^0-9]/}"; }

# step TITLE COMMAND...: runs it quietly; its output is shown only when it fails.
step() {
  local title=$1 began log
  shift
  began=$(now)
  log=$(mktemp)
  printf '%s ... ' "$title"
  if "$@" >"$log" 2>&1 </dev/null; then
    say "done ($(elapsed_since "$began"))"
    rm -f "$log"
  else
    say "FAILED ($(elapsed_since "$began"))"
    excerpt "$log" >&2
    rm -f "$log"
    return 1
  fi
}

# A log's beginning and end: the cause stands in one of them.
excerpt() {
  if (($(wc -l <"$1") <= 120)); then
    cat "$1"
  else
    head -n 40 "$1"
    say "[...]"
    tail -n 80 "$1"
  fi
}

# One number for the contents of files and directories; a missing one counts as missing.
fingerprint() {
  local path
  {
    for path in "$@"; do
      if [[ -d $path ]]; then
        find "$path" -type f -print0 | sort -z | xargs -0 -r sha256sum
      elif [[ -f $path ]]; then
        sha256sum "$path"
      else
        printf 'missing %s\n' "$path"
      fi
    done
  } | sha256sum | cut -d' ' -f1
}

# cached_step TITLE STAMP SALT INPUTS OUTPUTS COMMAND...: INPUTS and OUTPUTS are lists of paths separated by blanks. The
# step is skipped only when its inputs, what it made and SALT (versions of tools) are all as they were after its last run.
cached_step() {
  local title=$1 stamp=$2 salt=$3 inputs=$4 outputs=$5 before
  shift 5
  # shellcheck disable=SC2086 # lists of paths of our own, without blanks
  before="$salt $(fingerprint $inputs)"
  # shellcheck disable=SC2086
  if [[ -f $stamp && "$before $(fingerprint $outputs)" == "$(<"$stamp")" ]]; then
    say "$title ... unchanged"
    return
  fi
  step "$title" "$@" || return 1
  mkdir -p "$(dirname "$stamp")"
  # shellcheck disable=SC2086
  printf '%s %s' "$before" "$(fingerprint $outputs)" >"$stamp"
}
