# shellcheck shell=bash
# The root of the virtual machine: this machine's own programs, the repository and the kernel's network modules, as an
# initramfs. Debian's cloud kernel has no 9p, and its block devices are modules.

# What the tests and the daemon run.
readonly VM_PROGRAMS="bash sh node python3 ip nsenter unshare nft iptables iptables-save iptables-restore ip6tables
  ip6tables-save ip6tables-restore curl dig ping sysctl setpriv mount modprobe
  cat cp cut env id kill ln ls mkdir mv rm seq sleep touch true uniq"
# Packages that only build, lint or make the lock file.
readonly VM_NOT_NEEDED="@biomejs @napi-rs @octokit typescript es-toolkit"

# vm_image KERNEL_DIR LIST STAGE IMAGE: LIST is of the tests to run.
vm_image() {
  local kernel=$1 list=$2 stage=$3 image=$4
  vm_stage_system "$stage" && vm_stage_modules "$kernel" "$stage" && vm_stage_repository "$stage" || return 1
  cp "$list" "$stage/desktopfw/scripts/vm/tests"
  (cd "$stage" && find . -print0 | cpio --quiet --null --create --format=newc) >"$image"
}

vm_stage_system() {
  local stage=$1 name path
  mkdir -p "$stage"/{dev,proc,sys,tmp,run,root,var,etc,usr/{bin,sbin,lib,lib64}}
  for name in bin sbin lib lib64; do ln -s "usr/$name" "$stage/$name"; done
  ln -s ../run "$stage/var/run"
  for name in $VM_PROGRAMS; do
    path=$(vm_program "$name") || { say "$name is missing"; return 1; }
    vm_stage_file "$path" "$stage"
  done
  for path in /etc/{passwd,group,nsswitch.conf,protocols,services,alternatives}; do
    [[ ! -e $path ]] || cp -a --parents "$path" "$stage"
  done
  printf '127.0.0.1 localhost\n::1 localhost\n' >"$stage/etc/hosts"
  vm_stage_tree "$(/usr/bin/python3 -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')" "$stage"
  # Loaded by name at run time, so in no list of dependencies.
  for path in /usr/lib/*/xtables; do vm_stage_tree "$path" "$stage"; done
  install -m 755 scripts/vm/init "$stage/init"
}

# The system's own, and node from wherever it is: the tests name programs by the places that a distribution gives them.
vm_program() {
  PATH="/usr/sbin:/usr/bin:/sbin:/bin" type -P "$1" || type -P "$1"
}

# A program where it is found, and the libraries that it is linked with.
vm_stage_file() {
  local path=$1 stage=$2 real
  real=$(readlink -f "$path")
  vm_copy "$real" "$stage"
  [[ -e $stage$path ]] || ln -s "$real" "$stage$(realpath -s "$path")"
  vm_stage_libraries "$real" "$stage"
}

vm_stage_libraries() {
  local library
  # What is no dynamic object has none.
  { ldd "$1" 2>/dev/null || true; } | grep -o '/[^ ]*' | while read -r library; do
    vm_copy "$(realpath "$(dirname "$library")")/$(basename "$library")" "$2"
  done
}

vm_copy() {
  [[ -e $2$1 ]] || cp -L --parents "$1" "$2"
}

# vm_stage_tree DIR STAGE: with the libraries of the modules in it.
vm_stage_tree() {
  local module
  cp -a --parents "$1" "$2"
  find "$1" -name '*.so' | while read -r module; do vm_stage_libraries "$module" "$2"; done
}

vm_stage_modules() {
  local from version to
  from=$(vm_modules "$1") version=$(vm_version "$1")
  to="$2/lib/modules/$version"
  mkdir -p "$to/kernel/drivers/net"
  cp -a "$from"/modules.* "$to/" && cp -a "$from/kernel/"{net,lib,crypto} "$to/kernel/" &&
    cp -a "$from/kernel/drivers/net/"veth.ko* "$to/kernel/drivers/net/" &&
    PATH="/usr/sbin:/sbin:$PATH" depmod --basedir "$2" "$version"
}

vm_stage_repository() {
  local stage=$1 name module exclude=(--exclude=node_modules/.cache)
  for name in $VM_NOT_NEEDED; do exclude+=("--exclude=node_modules/$name"); done
  mkdir "$stage/desktopfw"
  tar --create "${exclude[@]}" bindings/*.node dist docs etc node_modules package.json scripts test ts tsconfig.json \
    vitest.config.ts | tar --extract --directory "$stage/desktopfw"
  find "$stage/desktopfw" -name '*.node' | while read -r module; do vm_stage_libraries "$module" "$stage"; done
}
