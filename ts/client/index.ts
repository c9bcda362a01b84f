import { createTRPCClient, httpLink, httpSubscriptionLink, splitLink, type TRPCClient } from "@trpc/client";
import { EventSource } from "eventsource";
import type { AppRouter } from "../faces/trpc/router.js";
import { openConnection } from "./connection.js";
import { endingLink } from "./ending.js";

export { TRPCClientError } from "@trpc/client";
export type { AppRouter } from "../faces/trpc/router.js";
export type { RegisteredApp } from "../model/app.js";
export type { Config, ConfigKey } from "../model/config.js";
export type { Event, EventType, Reason } from "../model/event.js";
export type { Answer, App, Flow, FlowEnd, Query } from "../model/query.js";
export type { Action, Lifetime, Rule, RuleFields, RuleInput } from "../model/rule.js";
export type { Backend, Counters, Device, InterceptionStatus, Status } from "../model/status.js";
export { ConnectionError } from "./connection.js";

/** Where the daemon listens unless it was started with another `--socket`. */
export const DEFAULT_SOCKET = "/run/desktopfw/fwdaemon.sock";

/** The daemon's API, typed; `close` ends its connections and subscriptions, without which the program does not end. */
export type Client = Pick<TRPCClient<AppRouter>, Part> & { close(): Promise<void> };
type Part = "status" | "queries" | "rules" | "config" | "apps" | "devices" | "events" | "interception";

/**
 * A client of the daemon on this machine. It connects with the first call, and calls fail with a TRPCClientError whose
 * message is one line: the daemon's own, or a ConnectionError's where none answers.
 */
export function connect({ socket = DEFAULT_SOCKET }: { socket?: string } = {}): Client {
  const connection = openConnection(socket);
  const ending = endingLink();
  // The host is never looked up: every connection goes to the socket.
  const url = "http://fwdaemon";
  const { status, queries, rules, config, apps, devices, events, interception } = createTRPCClient<AppRouter>({
    links: [
      splitLink({
        condition: ({ type }) => type === "subscription",
        true: [
          ending.link,
          httpSubscriptionLink({ url, EventSource, eventSourceOptions: { fetch: connection.fetchEvents } }),
        ],
        false: httpLink({ url, fetch: connection.fetch, methodOverride: "POST" }),
      }),
    ],
  });
  const close = () => {
    ending.end();
    return connection.close();
  };
  return { status, queries, rules, config, apps, devices, events, interception, close };
}
