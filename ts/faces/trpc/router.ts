import { TRPCError } from "@trpc/server";
import { z } from "zod";
import type { AppChange, Control } from "../../control/index.js";
import { FileError } from "../../files/index.js";
import { AppPath, RegisteredApp } from "../../model/app.js";
import { CONFIG_KEYS, type ConfigKey } from "../../model/config.js";
import { Event, type EventType } from "../../model/event.js";
import { Answer, Query } from "../../model/query.js";
import { Rule, RuleInput } from "../../model/rule.js";
import { Device, InterceptionStatus, Status } from "../../model/status.js";
import { admin, member, router } from "./procedures.js";

const RuleId = z.object({ id: z.number().int().positive() });
const RuleCount = z.object({ rules: z.number().int() });
const Key = z.enum(CONFIG_KEYS as [ConfigKey, ...ConfigKey[]]);
const Program = z.object({ path: AppPath });
const Setting = z.object({ key: Key, value: z.string() });
const PrintedBackend = z.enum(["nft", "iptables"]);
const Types = z.enum(Event.options.map((option) => option.shape.type.value) as [EventType, ...EventType[]]);

/** The API: each procedure hands its checked input to one use case. */
export function createRouter(control: Control) {
  const { policy, queries, settings, events, apps, interception } = control;
  const changeApp = (change: AppChange) =>
    admin
      .input(Program)
      .output(Program)
      .mutation(async ({ input }) => {
        await apps.change(change, input.path);
        return input;
      });
  return router({
    status: router({
      get: member.output(Status).query(() => control.status()),
    }),
    queries: router({
      list: member.output(z.array(Query)).query(() => queries.list()),
      watch: member.subscription(({ signal }) => queries.watch(signal)),
      answer: member
        .input(Answer)
        .output(z.object({ released: z.number().int(), rule: Rule.nullable() }))
        .mutation(({ input }) => queries.answer(input)),
    }),
    rules: router({
      list: member.output(z.array(Rule)).query(() => policy.list()),
      add: admin
        .input(RuleInput)
        .output(Rule)
        .mutation(({ input }) => policy.add(input)),
      remove: admin
        .input(RuleId)
        .output(Rule)
        .mutation(({ input }) => policy.remove(input.id)),
      check: member
        .input(z.object({ text: z.string().optional() }))
        .output(RuleCount)
        .query(async ({ input }) => ({ rules: await checked(() => policy.check(input.text)) })),
      reload: admin.output(RuleCount).mutation(() => control.reload()),
    }),
    config: router({
      get: member.output(z.record(Key, z.string())).query(() => settings.get()),
      set: admin
        .input(Setting)
        .output(Setting.extend({ restartRequired: z.boolean() }))
        .mutation(({ input }) => settings.set(input.key, input.value)),
      makePassword: admin
        .input(z.object({ replace: z.boolean() }))
        .output(z.object({ username: z.string(), password: z.string() }))
        .mutation(({ input }) => settings.makePassword(input.replace)),
    }),
    apps: router({
      list: member.output(z.array(RegisteredApp)).query(() => apps.status()),
      check: member.output(z.object({ changed: z.boolean() })).query(async () => ({ changed: await apps.check() })),
      add: changeApp("add"),
      commit: changeApp("commit"),
      remove: changeApp("remove"),
    }),
    devices: router({
      list: member.output(z.array(Device)).query(() => control.devices()),
    }),
    events: router({
      follow: member
        .input(z.object({ types: z.array(Types).optional() }).optional())
        .subscription(({ input, signal }) => iterate(events.subscribe(input?.types, signal))),
    }),
    interception: router({
      status: member.output(InterceptionStatus).query(() => interception.status()),
      install: admin.output(InterceptionStatus).mutation(async () => {
        await interception.install();
        return interception.status();
      }),
      remove: admin.output(InterceptionStatus).mutation(async () => {
        await interception.remove();
        return interception.status();
      }),
      print: member
        .input(z.object({ backend: PrintedBackend.optional() }).optional())
        .output(z.object({ backend: PrintedBackend, text: z.string() }))
        .query(({ input }) => interception.print(input?.backend)),
    }),
  });
}

export type AppRouter = ReturnType<typeof createRouter>;

async function* iterate(subscription: AsyncIterable<Event>): AsyncGenerator<Event> {
  yield* subscription;
}

/** A broken file is what was asked about, and no trouble of the daemon's. */
async function checked(check: () => Promise<number>): Promise<number> {
  try {
    return await check();
  } catch (error) {
    if (error instanceof FileError) throw new TRPCError({ code: "BAD_REQUEST", message: error.message, cause: error });
    throw error;
  }
}
