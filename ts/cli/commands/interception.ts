import { Option } from "commander";
import type { InterceptionStatus } from "../../model/status.js";
import type { DocumentedCommand } from "../command.js";
import type { Io } from "../io.js";
import { type Session, withDaemon } from "../session.js";
import { safeLine } from "../text/sanitize.js";

export function addInterception(program: DocumentedCommand, io: Io): void {
  const interception = program
    .command("interception")
    .description("the kernel's side: what hands the first packets of new flows to the firewall");
  interception
    .command("status", { isDefault: true })
    .description("which backend is in use, and whether its rules are installed")
    .example("fwctl interception status", "see whether the kernel hands packets over, and by which queues")
    .action(withDaemon(io, async (session) => show(session, await session.api.interception.status.query())));
  interception
    .command("install")
    .description("install the kernel's rules")
    .example("fwctl interception install", "filter again after `fwctl interception remove`")
    .action(withDaemon(io, async (session) => show(session, await session.api.interception.install.mutate())));
  interception
    .command("remove")
    .description("take the kernel's rules out: everything passes, nothing is judged")
    .example("fwctl interception remove", "let everything pass without ending the daemon")
    .action(withDaemon(io, async (session) => show(session, await session.api.interception.remove.mutate())));
  interception
    .command("print")
    .description("print the kernel's rules as they are or would be installed")
    .addOption(
      new Option("--backend <backend>", "in whose syntax; without it the one in use").choices(["nft", "iptables"]),
    )
    .example("fwctl interception print --backend nft", "read the rules in nftables' syntax")
    .action(
      withDaemon(io, async ({ api, print }, options: { backend?: "nft" | "iptables" }) => {
        const printed = await api.interception.print.query(options);
        print(printed, () => printed.text.replace(/\n$/, "").split("\n"));
      }),
    );
}

function show({ print }: Session, status: InterceptionStatus): void {
  print(status, () => [interceptionText(status)]);
}

/** `iptables, installed, queues 0-1, ipv4 and ipv6` */
export function interceptionText(status: InterceptionStatus): string {
  const { first, last } = status.queues;
  return [
    status.backend,
    status.installed ? "installed" : "NOT installed",
    first === last ? `queue ${first}` : `queues ${first}-${last}`,
    status.families.join(" and "),
    status.problem === undefined ? "" : safeLine(status.problem),
  ]
    .filter(Boolean)
    .join(", ");
}
