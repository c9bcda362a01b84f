# shellcheck shell=bash
# A kernel of the distribution's for the virtual machine, unpacked beside the build and never installed. Needs steps.sh.

# Which kernel that is changes with security updates: this package depends on the one of today.
readonly VM_METAPACKAGE=linux-image-cloud-amd64
readonly VM_CACHE=target/vm

# vm_lacks: what is missing to run a virtual machine here, in one line; nothing if all is there.
vm_lacks() {
  local tool missing=()
  for tool in qemu-system-x86_64 cpio depmod; do
    PATH="/usr/sbin:/sbin:$PATH" type -P "$tool" >/dev/null || missing+=("$tool")
  done
  ((${#missing[@]} == 0)) || { say "no ${missing[*]} (packages qemu-system-x86, cpio, kmod)"; return; }
  [[ $(uname -m) == x86_64 ]] || { say "it takes this machine's own programs along, which are not x86-64's"; return; }
  [[ -n ${DESKTOPFW_VM_KERNEL:-} ]] || type -P apt-get >/dev/null ||
    say "no apt-get to download a kernel; set DESKTOPFW_VM_KERNEL to an unpacked kernel package"
}

# Where a kernel lies: the one given, or else the newest unpacked one.
vm_kernel_dir() {
  if [[ -n ${DESKTOPFW_VM_KERNEL:-} ]]; then
    say "$DESKTOPFW_VM_KERNEL"
  else
    find "$VM_CACHE" -mindepth 1 -maxdepth 1 -type d -name 'linux-image-*' 2>/dev/null | sort -V | tail -n 1
  fi
}

# vm_version KERNEL_DIR: as uname -r tells it.
vm_version() {
  local image
  image=$(find "$1/boot" -name 'vmlinuz-*' | sort -V | tail -n 1)
  say "${image##*/vmlinuz-}"
}

# vm_modules KERNEL_DIR: Debian 12 has them in /lib, later ones in /usr/lib.
vm_modules() {
  find "$1"/{usr/,}lib/modules -mindepth 1 -maxdepth 1 -name "$(vm_version "$1")" 2>/dev/null | head -n 1
}

# Downloads today's kernel unless it is there already. Lists of packages that are missing or too old are read again once.
vm_fetch_kernel() {
  [[ -z ${DESKTOPFW_VM_KERNEL:-} ]] || return 0
  mkdir -p "$VM_CACHE"
  vm_unpack_kernel || { apt-get -q update && vm_unpack_kernel; }
}

vm_unpack_kernel() {
  local package new code=0
  package=$(apt-cache depends "$VM_METAPACKAGE" | awk '$1 == "Depends:" && $2 ~ /^linux-image-/ { print $2; exit }')
  [[ -n $package ]] || { say "no package $VM_METAPACKAGE to be had"; return 1; }
  [[ ! -d $VM_CACHE/$package ]] || return 0
  new=$(mktemp -d "$VM_CACHE/new.XXXXXX")
  if (cd "$new" && apt-get -q download "$package") && dpkg-deb --extract "$new"/*.deb "$new/root"; then
    # One that an update has replaced is of no use any more.
    rm -rf "$VM_CACHE"/linux-image-*
    mv "$new/root" "$VM_CACHE/$package"
  else
    code=1
  fi
  rm -rf "$new"
  return "$code"
}
