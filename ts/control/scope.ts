import type { Answer, Query } from "../model/query.js";
import { RuleInput } from "../model/rule.js";
import { RefusedError } from "./refused.js";

/** The rule that an answer makes of a query. Throws a RefusedError where the query lacks what the answer needs. */
export function ruleFromQuery(query: Query, answer: Answer): RuleInput {
  const rule = RuleInput.safeParse({
    action: answer.action,
    direction: query.direction,
    interface: query.interface,
    protocol: query.protocol,
    ...endpoints(query, answer.scope),
    app: query.app.path,
    ...life(query, answer),
  });
  if (rule.success) return rule.data;
  const message = rule.error.issues[0]?.message;
  throw new RefusedError("BAD_REQUEST", `query ${query.id} makes no rule: ${message}; answer it for once`);
}

/** Port 0 stands for protocols without ports, and reads as any port. */
function endpoints({ source, destination, direction }: Query, scope: Answer["scope"]) {
  const any = { host: "any", ports: "any" };
  const exactly = (end: Query["source"]) => ({ host: end.ip, ports: String(end.port) });
  switch (scope) {
    case "exact":
      return { source: exactly(source), destination: exactly(destination) };
    case "anywhere":
      return { source: any, destination: any };
    case "host":
      // The service's port is the destination's in both directions; the other side's own port is a new one each time.
      return direction === "outgoing"
        ? { source: any, destination: exactly(destination) }
        : { source: { host: source.ip, ports: "any" }, destination: { host: "any", ports: String(destination.port) } };
  }
}

function life({ id, app }: Query, { lifetime, expiresAt }: Answer) {
  switch (lifetime) {
    case "until":
      return { lifetime, expiresAt };
    case "process":
      if (app.pid === undefined || app.startTime === undefined) {
        throw new RefusedError("BAD_REQUEST", `the process behind query ${id} is not known; answer it for the session`);
      }
      return { lifetime, process: { pid: app.pid, startTime: app.startTime } };
    default:
      return { lifetime };
  }
}
