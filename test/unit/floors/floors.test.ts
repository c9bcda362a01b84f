import { resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { type Import, importsOf, importsUnder } from "./imports.js";

/** A folder, or one file, of ts/ and what stands on the floors below it. */
type Part = { name: string; path: string; mayUse: readonly string[] };

const PARTS: readonly Part[] = [
  { name: "model", path: "ts/model/", mayUse: [] },
  { name: "files", path: "ts/files/", mayUse: ["model"] },
  { name: "native", path: "ts/native/", mayUse: ["model", "bindings"] },
  { name: "control", path: "ts/control/", mayUse: ["model", "files", "native"] },
  { name: "faces/trpc", path: "ts/faces/trpc/", mayUse: ["model", "files", "native", "control"] },
  { name: "faces/text", path: "ts/faces/text/", mayUse: ["model", "files", "control"] },
  { name: "daemon", path: "ts/daemon.ts", mayUse: ["model", "files", "native", "control", "faces/trpc", "faces/text"] },
  { name: "client", path: "ts/client/", mayUse: ["model"] },
  { name: "cli", path: "ts/cli/", mayUse: ["model", "client"] },
  { name: "bindings", path: "bindings/", mayUse: [] },
];

/** Why an arrow is forbidden, for whoever drew it; the first that fits is told. */
const REASONS: readonly { from: RegExp; to: RegExp; why: string }[] = [
  { from: /^/, to: /^daemon$/, why: "the composition root composes; nothing may depend on how" },
  {
    from: /^/,
    to: /^bindings$/,
    why: "only ts/native knows the addon's types, so that a change of the boundary stays in one folder",
  },
  { from: /^/, to: /^cli$/, why: "the command line is one end of the wire; nobody else stands on it" },
  {
    from: /^(client|cli)$/,
    to: /^/,
    why: "the other end of the wire runs without the daemon's code; it may know the router's type only",
  },
  {
    from: /^/,
    to: /^client$/,
    why: "the client is the other end of the wire; the daemon's side never calls itself over it",
  },
  { from: /^model$/, to: /^/, why: "the model is what all others speak; it depends on nobody" },
  {
    from: /^(files|native)$/,
    to: /^(files|native)$/,
    why: "siblings never import each other: files must load without the addon",
  },
  { from: /^faces/, to: /^faces/, why: "faces never import each other: each can be left out" },
  { from: /^/, to: /^faces/, why: "faces translate for the outside; use cases must not know who asks" },
  { from: /^/, to: /^/, why: "a module imports lower floors only" },
];

const ROOT = resolve(import.meta.dirname, "../../..");
const ROUTER = "ts/faces/trpc/router.ts";

function partOf(path: string): Part | undefined {
  return PARTS.find((part) => path.startsWith(part.path));
}

function forbidden({ from, to, typeOnly }: Import): string | undefined {
  const source = partOf(from);
  if (!source) return `${from}: this file stands on no floor; give its folder one in PARTS`;
  if (!to.startsWith("ts/") && !to.startsWith("bindings/")) return undefined;
  const target = partOf(to);
  if (!target) return `${from} -> ${to}: the target stands on no floor`;
  if (source === target || source.mayUse.includes(target.name)) return undefined;
  if (source.name === "client" && to === ROUTER && typeOnly) return undefined;
  const reason = REASONS.find((each) => each.from.test(source.name) && each.to.test(target.name));
  return `${from} -> ${to}: ${reason?.why}`;
}

describe("the floors", () => {
  const imports = importsUnder(ROOT, "ts");

  test("hold: every import goes down", () => {
    expect(imports.length).toBeGreaterThan(100);
    expect(imports.map(forbidden).filter((broken) => broken !== undefined)).toEqual([]);
  });

  test.each([
    ["ts/model/rule.ts", "../files/rules.js", "the model is what all others speak"],
    ["ts/files/store.ts", "../native/index.js", "siblings never import each other"],
    ["ts/native/addon.ts", "../files/index.js", "siblings never import each other"],
    ["ts/control/policy.ts", "../../bindings/index.js", "only ts/native knows the addon's types"],
    ["ts/control/policy.ts", "../faces/trpc/index.js", "use cases must not know who asks"],
    ["ts/control/policy.ts", "../daemon.js", "the composition root composes"],
    ["ts/client/index.ts", "../control/index.js", "runs without the daemon's code"],
    ["ts/client/index.ts", "../faces/trpc/router.js", "runs without the daemon's code"],
    ["ts/cli/fwctl.ts", "../control/index.js", "runs without the daemon's code"],
    ["ts/faces/trpc/server.ts", "../../client/index.js", "the other end of the wire"],
    ["ts/faces/text/session.ts", "../trpc/index.js", "faces never import each other"],
    ["ts/faces/trpc/server.ts", "../text/index.js", "faces never import each other"],
    ["ts/somewhere/new.ts", "../model/rule.js", "stands on no floor"],
  ])("would not hold if %s imported %s", (from, specifier, why) => {
    const [drawn] = importsOf(`import { x } from "${specifier}";`, from, ROOT);
    expect(drawn && forbidden(drawn)).toContain(why);
  });

  test("let the client know the router's type, and nothing more of it", () => {
    const [drawn] = importsOf('import type { AppRouter } from "../faces/trpc/router.js";', "ts/client/index.ts", ROOT);
    expect(drawn && forbidden(drawn)).toBeUndefined();
  });

  test.each([
    ['import type { A } from "./a.js";', true],
    ['import { type A, type B } from "./a.js";', true],
    ['import { type A, b } from "./a.js";', false],
    ['import "./a.js";', false],
    ['export { a } from "./a.js";', false],
    ['export type { A } from "./a.js";', true],
    ['export * from "./a.js";', false],
    ['type A = typeof import("./a.js");', true],
    ['const a = await import("./a.js");', false],
  ])("see the arrow in %s", (source, typeOnly) => {
    expect(importsOf(source, "ts/cli/x.ts", ROOT)).toEqual([{ from: "ts/cli/x.ts", to: "ts/cli/a.ts", typeOnly }]);
  });
});

test("only packages of package.json and Node's own modules are imported", () => {
  const known = /^(node:|zod$|commander$|undici$|eventsource$|@trpc\/(server|client)(\/|$))/;
  const others = importsUnder(ROOT, "ts").filter(({ to }) => !/^(ts|bindings)\//.test(to) && !known.test(to));
  expect(others).toEqual([]);
});
