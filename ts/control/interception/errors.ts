/** The kernel's side could not be set up, read or taken away. The message is one line: cause; remedy. */
export class InterceptionError extends Error {
  override readonly name = "InterceptionError";
  constructor(
    readonly reason: string,
    readonly remedy: string,
  ) {
    super(`${reason}; ${remedy}`);
  }
}

const KNOWN: readonly { sign: RegExp; reason: string; remedy: string }[] = [
  {
    sign: /must be root|permission denied|operation not permitted/i,
    reason: "packet filter rules cannot be changed without root",
    remedy: "run it with sudo",
  },
  {
    sign: /NFQUEUE/,
    reason: "the kernel has no NFQUEUE target",
    remedy: "run `modprobe -a nfnetlink_queue xt_NFQUEUE`, or use a kernel that has them",
  },
  {
    sign: /extension (\w+) revision \d+ not supported|couldn't load (?:match|target) [`'"](\w+)/i,
    reason: "the kernel or iptables lacks an extension that is needed",
    remedy: "run `modprobe -a xt_connmark xt_mark xt_conntrack ipt_REJECT ip6t_REJECT`, and install Debian's iptables",
  },
  {
    sign: /no chain\/target\/match by that name/i,
    reason: "the kernel lacks a match or target that is needed",
    remedy: "run `modprobe -a xt_NFQUEUE xt_connmark xt_mark xt_conntrack ipt_REJECT ip6t_REJECT`",
  },
  {
    sign: /can't initialize ip6?tables table|table does not exist/i,
    reason: "the kernel has no iptables tables",
    remedy: "run `modprobe -a iptable_mangle iptable_filter ip6table_mangle ip6table_filter`",
  },
  {
    sign: /xtables lock|resource temporarily unavailable/i,
    reason: "another program holds the iptables lock",
    remedy: "wait for it to end and try again",
  },
];

/** What a tool of the packet filter said on its standard error, as one line with a remedy. */
export function explainToolFailure(tool: string, stderr: string): InterceptionError {
  const known = KNOWN.find(({ sign }) => sign.test(stderr));
  const said = firstLine(stderr) || "it said nothing";
  if (known) return new InterceptionError(`${known.reason} (${tool}: ${said})`, known.remedy);
  return new InterceptionError(`${tool} failed: ${said}`, "see `fwctl interception print` for what it was to do");
}

function firstLine(text: string): string {
  const lines = text.split("\n").map((line) => line.trim());
  return lines.find((line) => line !== "" && !line.startsWith("#")) ?? "";
}
