import { Option } from "commander";
import {
  Action,
  AppField,
  DirectionField,
  HostField,
  InterfaceField,
  PortsField,
  ProtocolField,
  type RuleInput,
} from "../../model/rule.js";
import type { DocumentedCommand } from "../command.js";
import type { Io } from "../io.js";
import { duration, field } from "../parse/fields.js";
import { withDaemon } from "../session.js";
import { madeText } from "../text/rule.js";

export interface AddOptions {
  action: Action;
  direction: RuleInput["direction"];
  interface: string;
  protocol: string;
  from: string;
  fromPort: string;
  to: string;
  toPort: string;
  app: string;
  session?: boolean;
  permanent?: boolean;
  /** Milliseconds. */
  for?: number;
}

export function addRulesAdd(rules: DocumentedCommand, io: Io): void {
  const option = (flags: string, does: string, parse: (text: string) => unknown) =>
    new Option(flags, does).argParser(parse).default("any");
  rules
    .command("add")
    .description("add a rule: a permanent one after all others, a session one before them")
    .addOption(
      new Option("--action <action>", "what happens to a flow that matches")
        .choices(Action.options)
        .makeOptionMandatory(),
    )
    .addOption(option("--direction <direction>", "incoming, outgoing or any", field(DirectionField)))
    .addOption(option("--interface <name>", "the network interface, such as eth0", field(InterfaceField)))
    .addOption(option("--protocol <protocol>", "tcp, udp, icmp, ..., or a number 0-255", field(ProtocolField)))
    .addOption(option("--from <host>", "source address or CIDR", field(HostField)))
    .addOption(option("--from-port <port>", "source port, or a range such as 8000-8080", field(PortsField)))
    .addOption(option("--to <host>", "destination address or CIDR", field(HostField)))
    .addOption(option("--to-port <port>", "destination port, or a range such as 8000-8080", field(PortsField)))
    .addOption(option("--app <path>", "the program: its absolute path, or unknown", field(AppField)))
    .addOption(new Option("--session", "the rule goes after a while without use").conflicts(["permanent", "for"]))
    .addOption(
      new Option("--permanent", "the rule stays, in the rules file (the default)").conflicts(["session", "for"]),
    )
    .addOption(
      new Option("--for <span>", "the rule ends after this long, such as 90s, 15m, 1h30m or 2d")
        .argParser(duration)
        .conflicts(["session", "permanent"]),
    )
    .example(
      "fwctl rules add --action ACCEPT --direction outgoing --protocol tcp --to-port 443 --app /usr/bin/curl",
      "let curl open HTTPS connections to any host",
    )
    .example(
      "fwctl rules add --action REJECT --direction incoming --protocol tcp --to-port 22 --for 1h",
      "refuse ssh from outside for an hour",
    )
    .action(
      withDaemon(io, async ({ api, print }, options: AddOptions) => {
        const rule = await api.rules.add.mutate(ruleOf(options, io.now()));
        print(rule, () => [`added ${madeText(rule, io.now())}`]);
      }),
    );
}

/** What the options say, as the API takes it. */
export function ruleOf(options: AddOptions, now: number): RuleInput {
  const { action, direction, interface: device, protocol, from, fromPort, to, toPort, app } = options;
  const fields = {
    action,
    direction,
    interface: device,
    protocol,
    source: { host: from, ports: fromPort },
    destination: { host: to, ports: toPort },
    app,
  };
  if (options.for !== undefined) return { ...fields, lifetime: "until", expiresAt: now + options.for };
  return { ...fields, lifetime: options.session ? "session" : "permanent" };
}
