# shellcheck shell=bash
# A pair of network namespaces with a firewall in one and a demo server in the other. Needs steps.sh, tools.sh.

readonly DEMO_URL="http://10.88.0.2:8080/"
readonly DEMO_EVERY_SECONDS=3

# What a killed run left: its process is gone.
sandbox_remove_leftovers() {
  local name pid
  for name in $(ip netns list | awk '/^desktopfw-[0-9]+-(box|web)/ { print $1 }'); do
    pid=${name#desktopfw-}
    [[ -d /proc/${pid%%-*} ]] || namespace_remove "$name"
  done
}

namespace_remove() {
  local pid
  for pid in $(ip netns pids "$1" 2>/dev/null); do kill -KILL "$pid" 2>/dev/null || true; done
  ip netns delete "$1" 2>/dev/null || true
}

sandbox_create() {
  sandbox_remove_leftovers
  sandbox_dir=$(mktemp -d /tmp/desktopfw-sandbox.XXXXXX)
  # The daemon's group of the socket must be able to reach it.
  chmod 755 "$sandbox_dir"
  box="desktopfw-$$-box" web="desktopfw-$$-web"
  ip netns add "$box"
  ip netns add "$web"
  ip -n "$box" link add eth0 type veth peer name eth0 netns "$web"
  local number=1 name
  for name in "$box" "$web"; do
    ip -n "$name" address add "10.88.0.$number/24" dev eth0
    ip -n "$name" address add "fd88::$number/64" dev eth0 nodad
    ip -n "$name" link set lo up
    ip -n "$name" link set eth0 up
    number=$((number + 1))
  done
  mkdir "$sandbox_dir/config" "$sandbox_dir/state"
  cp etc/desktopfw/* "$sandbox_dir/config/"
  sandbox_setting unattended_action ASK
  sandbox_setting default_input_action ACCEPT
  socket="$sandbox_dir/fwdaemon.sock"
}

# Sets a key of the sandbox's own config, whether or not the shipped file names it.
sandbox_setting() {
  local file="$sandbox_dir/config/config"
  sed -i "/^$1[[:blank:]]*=/d" "$file"
  printf '%s\t=\t%s\n' "$1" "$2" >>"$file"
}

sandbox_programs() {
  ip netns exec "$web" node scripts/lib/demo-server.mjs 8080 >"$sandbox_dir/server.log" 2>&1 </dev/null &
  started+=($!)
  demo_client >"$sandbox_dir/client.log" 2>&1 </dev/null &
  started+=($!)
}

# Asks for the demo page again and again; a held question holds the next request too.
demo_client() {
  while sleep "$DEMO_EVERY_SECONDS"; do
    ip netns exec "$box" curl -sS --max-time 70 "$DEMO_URL"
  done
}

sandbox_hints() {
  say "The sandbox runs: every $DEMO_EVERY_SECONDS s curl asks for $DEMO_URL, from a namespace of its own."
  say "Try, in another terminal:"
  say "  sudo ./scripts/fwctl --socket $socket status"
  say "  sudo ./scripts/fwctl --socket $socket queries"
  say "  sudo ./scripts/fwctl --socket $socket allow 1 --permanent"
  say "  sudo ip netns exec $box curl $DEMO_URL"
}

# Shows a question being answered, with nobody at the keyboard; fails unless the answered program gets through.
sandbox_demo() {
  local deadline=$((SECONDS + $1)) id=""
  while [[ -z $id ]]; do
    ((SECONDS < deadline)) || fail "no question came within $1 s"
    sleep 0.5
    id=$(fwctl --json queries | node -p 'JSON.parse(require("fs").readFileSync(0, "utf8"))[0]?.id ?? ""')
  done
  show queries
  show allow "$id" --permanent
  until grep -q "hello from the demo server" "$sandbox_dir/client.log"; do
    ((SECONDS < deadline)) || fail "curl did not get through within $1 s: $(tail -n 1 "$sandbox_dir/client.log")"
    sleep 0.2
  done
  show rules
  say "$ curl $DEMO_URL"
  ip netns exec "$box" curl -sS --max-time 10 "$DEMO_URL"
  show status
}

show() {
  say "$ fwctl $*"
  fwctl "$@"
}

sandbox_remove() {
  namespace_remove "$box"
  namespace_remove "$web"
  rm -rf "$sandbox_dir"
}
