# shellcheck shell=bash
# What the scripts of this directory share: options, the rules in the kernel, and how they come and go. A script sets
# `about` (what it queues, for --help), may set `one_queue=yes`, defines `selection FAMILY` (one line for each kind of
# packet that is queued, as matches of iptables) and then calls: run_interception "$@"

# The daemon's own chains begin with DESKTOPFW_: with this prefix neither takes the other's away.
readonly PREFIX=FWHAND_

program=${0##*/}
one_queue=no

say() { printf '%s\n' "$*"; }

# fail CAUSE REMEDY
fail() {
  printf '%s: %s; %s\n' "$program" "$1" "$2" >&2
  exit 1
}

usage() {
  cat <<TEXT
usage: sudo $program [-i NAME] [--queue N[:M]] [--bypass]
         [--mark-mask MASK] [--print | --remove]
$(fold -s -w 76 <<<"${about:?}" | sed 's/^/  /; s/ *$//')
  IPv4 and IPv6, for a daemon that was started with --interception none.
  The scripts of this directory share their chains ($PREFIX...): what one of
  them installed is replaced by the next one. Rules of others are not touched.
  -i, --interface NAME  queue only what goes out or comes in there; without it
                        on every interface but lo
  --queue N[:M]         the daemon's queue, or its queues from N to M: the
                        first half for what goes out, the second for what
                        comes in
                        (default: $(default_queue))
  --bypass              let traffic pass while no daemon listens; without it
                        that traffic is dropped
  --mark-mask MASK      the bits of packet and connection marks that are the
                        daemon's, as mark_mask in its config
                        (default: 0x30000000)
  --print               print the rules and change nothing
  --remove              take out what any script of this directory installed
  -h, --help            print this help
example: sudo $program -i eth0 --bypass
TEXT
}

wrong_usage() {
  printf '%s: %s; see %s --help\n' "$program" "$1" "$program" >&2
  exit 2
}

# The daemon serves two queues for each CPU, from 0 on.
default_queue() {
  if [[ $one_queue == yes ]]; then say 0; else say "0:$((2 * $(nproc) - 1))"; fi
}

read_options() {
  action=install interface="" bypass=no queue="" mask=0x30000000
  while (($# > 0)); do
    case $1 in
      -i | --interface | --queue | --mark-mask)
        (($# > 1)) || wrong_usage "$1 needs a value"
        case $1 in
          --queue) queue=$2 ;;
          --mark-mask) mask=$2 ;;
          *) interface=$2 ;;
        esac
        shift
        ;;
      --bypass) bypass=yes ;;
      --print) action=print ;;
      --remove) action=remove ;;
      -h | --help)
        usage
        exit 0
        ;;
      *) wrong_usage "unknown option $1" ;;
    esac
    shift
  done
  check_options
}

check_options() {
  if [[ -n $interface && ! $interface =~ ^[^[:space:]/\"\'\\!+][^[:space:]/\"\'\\]{0,14}$ ]]; then
    wrong_usage "interface \"$interface\" is no name of 1 to 15 characters"
  fi
  queue=${queue:-$(default_queue)}
  [[ $queue =~ ^([0-9]{1,5})(:([0-9]{1,5}))?$ ]] || wrong_usage "queue \"$queue\" is not N or N:M"
  first=$((10#${BASH_REMATCH[1]})) last=$((10#${BASH_REMATCH[3]:-${BASH_REMATCH[1]}}))
  ((first <= last && last <= 65535)) || wrong_usage "queues $first to $last do not exist; they go from 0 to 65535"
  [[ $mask =~ ^0x[0-9a-fA-F]{1,8}$ ]] || wrong_usage "mark mask \"$mask\" is not hexadecimal, such as 0x30000000"
  accept=$((mask & -mask))
  reject=$(((mask - accept) & -(mask - accept)))
  ((reject != 0)) || wrong_usage "mark mask $mask has less than two bits"
  mask=$(hex "$mask") accept=$(hex "$accept") reject=$(hex "$reject")
}

hex() { printf '0x%x' "$1"; }

families() {
  say ipv4
  [[ ! -e /proc/net/if_inet6 ]] || say ipv6
}

# tool FAMILY restore|save
tool() {
  if [[ $1 == ipv4 ]]; then say "iptables-$2"; else say "ip6tables-$2"; fi
}

# The rules of one family as iptables-restore --noflush reads them. The table with the queue comes last: that is what makes
# it live. A verdict comes back as NF_REPEAT with a packet mark: SAVE keeps it on the connection and clears it from the
# packet, so that it reaches no routing; the connection's mark then lets the rest pass, or has the kernel answer it.
rules() {
  local family=$1 icmp=icmp unreachable=icmp-port-unreachable way
  [[ $family == ipv4 ]] || icmp=ipv6-icmp unreachable=icmp6-port-unreachable
  say '*filter'
  stale "$family" filter
  say ":${PREFIX}REJECT - [0:0]"
  # The answers themselves belong to the rejected connection; answering them would make them vanish.
  say "-A ${PREFIX}REJECT -p tcp -m tcp --tcp-flags RST RST -j RETURN"
  say "-A ${PREFIX}REJECT -p $icmp -m conntrack --ctstate RELATED -j RETURN"
  say "-A ${PREFIX}REJECT -p tcp -j REJECT --reject-with tcp-reset"
  say "-A ${PREFIX}REJECT -j REJECT --reject-with $unreachable"
  for way in OUTPUT INPUT; do say "-I $way 1 -m connmark --mark $reject/$mask -j ${PREFIX}REJECT"; done
  say COMMIT
  say '*mangle'
  stale "$family" mangle
  say ":${PREFIX}SAVE - [0:0]"
  say ":${PREFIX}OUT - [0:0]"
  say ":${PREFIX}IN - [0:0]"
  say "-A ${PREFIX}SAVE -j CONNMARK --save-mark --nfmask $mask --ctmask $mask"
  # Nothing would remember that it was rejected, and it would pass.
  say "-A ${PREFIX}SAVE -m mark --mark $reject/$mask -m conntrack --ctstate INVALID,UNTRACKED -j DROP"
  say "-A ${PREFIX}SAVE -j MARK --set-xmark 0x0/$mask"
  judge "$family" "$icmp" OUT -o
  judge "$family" "$icmp" IN -i
  say "-I OUTPUT 1 -j ${PREFIX}OUT"
  say "-I INPUT 1 -j ${PREFIX}IN"
  say COMMIT
}

# judge FAMILY ICMP OUT|IN -o|-i: what happens to each packet of one direction.
judge() {
  local family=$1 icmp=$2 chain=$PREFIX$3 device=$4 type matches
  say "-A $chain -m connmark --mark $accept/$mask -j RETURN"
  if [[ -z $interface ]]; then
    say "-A $chain $device lo -j RETURN"
  else
    say "-A $chain ! $device $interface -j RETURN"
  fi
  say "-A $chain -m mark ! --mark 0x0/$mask -g ${PREFIX}SAVE"
  if [[ $family == ipv6 ]]; then
    # Neighbour discovery and multicast listeners: what ARP does for IPv4.
    for type in {130..137} 143; do say "-A $chain -p ipv6-icmp -m icmp6 --icmpv6-type $type -j RETURN"; done
  fi
  # Errors about a known flow are the kernel's; a verdict on one would be kept as its flow's.
  say "-A $chain -p $icmp -m conntrack --ctstate RELATED -j RETURN"
  say "-A $chain -p tcp -m tcp --tcp-flags RST RST -m connmark --mark $reject/$mask -j RETURN"
  while IFS= read -r matches; do
    say "-A $chain ${matches:+$matches }$(queue_target "$3")"
  done < <(selection "$family")
}

# queue_target OUT|IN: of several queues the first half is for what goes out, the second for what comes in, so that a
# flood from outside does not hold up what programs here open.
queue_target() {
  local half=$(((last - first + 1) / 2)) from=$first to=$last fanout=""
  if ((half > 0)); then
    if [[ $1 == OUT ]]; then to=$((first + half - 1)); else from=$((first + half)); fi
  fi
  local target="-j NFQUEUE --queue-num $from"
  ((from == to)) || target="-j NFQUEUE --queue-balance $from:$to" fanout=" --queue-cpu-fanout"
  [[ $bypass == no ]] || target+=" --queue-bypass"
  say "$target$fanout"
}

# stale FAMILY TABLE: takes out the jumps to our chains that stand there already; the chains themselves are emptied by
# being named again.
stale() {
  [[ $action == print ]] || own_jumps "$1" "$2" | sed 's/^-A /-D /'
}

# The saved rules of one table.
saved() {
  "$(tool "$1" save)" -t "$2"
}

own_jumps() {
  saved "$1" "$2" | grep -v -- "^-A $PREFIX" | grep -E -- "^-A .* -[jg] ${PREFIX}[A-Z]+$" || true
}

own_chains() {
  saved "$1" "$2" | sed -n "s/^:\(${PREFIX}[A-Z]*\) .*/\1/p"
}

# What takes everything of ours out of one family; nothing where nothing is ours.
removal() {
  local family=$1 table jumps chains
  for table in mangle filter; do
    mapfile -t jumps < <(own_jumps "$family" "$table")
    mapfile -t chains < <(own_chains "$family" "$table")
    ((${#jumps[@]} + ${#chains[@]} > 0)) || continue
    say "*$table"
    if ((${#jumps[@]} > 0)); then printf -- '-D %s\n' "${jumps[@]#-A }"; fi
    if ((${#chains[@]} > 0)); then
      printf -- '-F %s\n' "${chains[@]}"
      printf -- '-X %s\n' "${chains[@]}"
    fi
    say COMMIT
  done
}

# apply FAMILY TEXT
apply() {
  local problem
  if ! problem=$("$(tool "$1" restore)" --noflush --wait 10 <<<"$2" 2>&1); then
    printf '%s: the kernel did not take the rules for %s (%s)\n' "$program" "$1" "$(head -n 1 <<<"$problem")" >&2
    return 1
  fi
}

remove() {
  local family text failed=no
  for family in $(families); do
    text=$(removal "$family")
    [[ -z $text ]] || apply "$family" "$text" || failed=yes
  done
  [[ $failed == no ]]
}

install() {
  local family text
  no_chains_of_the_daemon
  for family in $(families); do
    text=$(rules "$family")
    apply "$family" "$text" && continue
    remove || true
    fail "nothing was installed" "run \`modprobe -a xt_NFQUEUE xt_connmark xt_mark xt_conntrack\` and try again"
  done
}

# With both, a rejected packet would be judged again and again.
no_chains_of_the_daemon() {
  local family
  for family in $(families); do
    [[ $'\n'$(saved "$family" mangle) != *$'\n:DESKTOPFW_'* ]] ||
      fail "fwdaemon has chains of its own here" "start it with --interception none"
  done
  command -v nft >/dev/null || return 0
  [[ $'\n'$(nft list tables 2>/dev/null)$'\n' != *$'\ntable inet desktopfw\n'* ]] ||
    fail "fwdaemon has a table of its own here" "start it with --interception none"
}

need_tools() {
  local family
  PATH=$PATH:/usr/sbin:/sbin
  ((EUID == 0)) || fail "needs root" "run it with sudo"
  for family in $(families); do
    command -v "$(tool "$family" restore)" >/dev/null ||
      fail "$(tool "$family" restore) is missing" "install the package iptables"
  done
}

run_interception() {
  local family
  read_options "$@"
  if [[ $action == print ]]; then
    for family in $(families); do
      say "# $(tool "$family" restore) --noflush"
      rules "$family"
    done
    return
  fi
  need_tools
  "$action"
}
