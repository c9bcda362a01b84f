# shellcheck shell=bash
# What the firewall needs to be built and run: packages, node, cargo, the build itself. Needs steps.sh.

readonly NODE_NEEDED=20
readonly RUST_NEEDED=1.88

need_root() {
  ((EUID == 0)) || fail "needs root; run it as: sudo $0"
}

# install_packages GROUP...: what is missing of the groups in packages.txt.
install_packages() {
  local missing=() group package wanted=" $* "
  while read -r group package; do
    [[ $wanted == *" $group "* ]] || continue
    is_installed "$package" || missing+=("$package")
  done < <(grep -v '^#' scripts/packages.txt)
  if ((${#missing[@]} == 0)); then
    say "system packages ... unchanged"
    return
  fi
  command -v apt-get >/dev/null || fail "these packages are missing and there is no apt-get: ${missing[*]}; install them"
  apt_install "${missing[@]}" || fail "apt-get could not install ${missing[*]}; see above"
}

is_installed() {
  [[ $(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) == installed ]]
}

apt_install() {
  export DEBIAN_FRONTEND=noninteractive
  step "list of packages: apt-get update" apt-get -q update || return 1
  step "system packages: $*" apt-get -qy install --no-install-recommends "$@"
}

# version_at_least HAVE NEEDED
version_at_least() {
  [[ $(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1) == "$2" ]]
}

# Under sudo the PATH is short: rustup keeps its programs in a home directory.
extend_path() {
  local home
  for home in /root "$(getent passwd "${SUDO_USER:-root}" | cut -d: -f6)"; do
    [[ -x $home/.cargo/bin/cargo ]] || continue
    PATH="$PATH:$home/.cargo/bin"
    export RUSTUP_HOME="${RUSTUP_HOME:-$home/.rustup}"
    break
  done
}

node_version() { node --version 2>/dev/null | tr -d v; }
rust_version() { cargo --version 2>/dev/null | cut -d' ' -f2; }

# need_tool TITLE NEEDED VERSION_FUNCTION REMEDY PACKAGE...: what is there if it is new enough, else the distribution's.
need_tool() {
  local title=$1 needed=$2 version=$3 remedy=$4 offered
  shift 4
  version_at_least "$("$version")" "$needed" && return
  if command -v apt-get >/dev/null; then
    step "list of packages: apt-get update" apt-get -q update || true
    offered=$(apt-cache policy "$1" 2>/dev/null | awk '/Candidate:/ { print $2 }')
    if version_at_least "${offered#*:}" "$needed"; then apt_install "$@" || true; fi
    hash -r
  fi
  version_at_least "$("$version")" "$needed" ||
    fail "$title $needed or newer is needed, found: $("$version" | grep . || printf 'none'); $remedy"
}

need_tools() {
  extend_path
  need_tool node "$NODE_NEEDED" node_version "install Node.js $NODE_NEEDED or newer, with npm" nodejs npm
  command -v npm >/dev/null || fail "npm is missing; install the npm that belongs to your Node.js"
  need_tool "Rust (cargo)" "$RUST_NEEDED" rust_version \
    "install a Rust toolchain, for example with \`apt install rustup && rustup default stable\`" cargo rustc
}

# The library's name as napi gives it.
native_library() {
  # shellcheck disable=SC2016 # JavaScript's template, not the shell's
  node -p '`bindings/desktopfw.linux-${process.arch}-${process.report.getReport().header.glibcVersionRuntime ? "gnu" : "musl"}.node`'
}

build() {
  cached_step "node packages: npm ci" node_modules/.cache/desktopfw/packages "$(node --version)" \
    "package.json package-lock.json" "node_modules/.package-lock.json" npm ci --no-audit --no-fund || exit 1
  cached_step "Rust core: npm run build:native" target/.stamp-native "$(rustc --version)" \
    "package.json Cargo.toml Cargo.lock crates/fwcore/Cargo.toml crates/fwcore/src bindings/Cargo.toml bindings/build.rs bindings/src" \
    "$(native_library) bindings/index.js bindings/index.d.ts" npm run build:native || exit 1
  cached_step "control plane: npm run build:ts" node_modules/.cache/desktopfw/typescript "$(node --version)" \
    "tsconfig.json tsconfig.build.json package-lock.json ts bindings/index.d.ts" dist build_typescript || exit 1
}

# From nothing, so that a file that is gone from ts/ is gone from dist/ too.
build_typescript() {
  rm -rf dist
  npm run build:ts
}
