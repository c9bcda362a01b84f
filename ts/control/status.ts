import type { InterceptionStatus, Status } from "../model/status.js";
import type { Firewall } from "../native/index.js";
import type { Policy } from "./policy.js";
import type { Problems } from "./problems.js";
import type { Queries } from "./queries.js";

export type StatusParts = {
  version: string;
  startedAt: number;
  firewall: Firewall;
  policy: Policy;
  queries: Queries;
  problems: Problems;
  interception: () => Promise<InterceptionStatus>;
};

/** What no layer sees, and what sock_diag and /proc cannot tell beside it; docs/security.md explains each. */
const BLIND = ["packet sockets", "programs in other network namespaces"];
/** Such a child is told by the kernel's process connector, where there is one. */
const BLIND_WITHOUT_CONNECTOR = "children that send through their parent's socket and end at once";
const BLIND_WITHOUT_BPF = ["programs that end before their packet is judged", "raw sockets", ...BLIND];

export async function readStatus(parts: StatusParts): Promise<Status> {
  const { config, counts } = parts.policy;
  const interception = await parts.interception();
  const problems = parts.problems.list();
  return {
    filtering: interception.installed,
    version: parts.version,
    pid: process.pid,
    startedAt: parts.startedAt,
    interception,
    attribution: attribution(parts.firewall),
    attachedClients: parts.queries.attached,
    openQueries: parts.queries.list().length,
    rules: counts,
    defaults: {
      incoming: config.default_input_action,
      outgoing: config.default_output_action,
      unattended: config.unattended_action,
    },
    counters: parts.firewall.counters(),
    problems: interception.problem === undefined ? problems : [interception.problem, ...problems],
  };
}

function attribution({ exactLayerMissing: missing, followsProcesses }: Firewall): Status["attribution"] {
  if (missing === undefined) return { layer: "bpf", blind: BLIND };
  const blind = followsProcesses ? BLIND_WITHOUT_BPF : [BLIND_WITHOUT_CONNECTOR, ...BLIND_WITHOUT_BPF];
  return { layer: "proc", missing, blind };
}
