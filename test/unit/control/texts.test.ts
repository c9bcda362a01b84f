import { describe, expect, test } from "vitest";
import { parseNetDev } from "../../../ts/control/devices.js";
import { createLog, type LogLevel } from "../../../ts/control/log.js";
import { hashPassword, isPlainPassword, passwordMatches } from "../../../ts/control/password.js";
import { createProblems } from "../../../ts/control/problems.js";

test("/proc/net/dev is read by the names of its columns", () => {
  const text = [
    "Inter-|   Receive                                                |  Transmit",
    " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed",
    "    lo:     100       2    0    0    0     0          0         0      200       3    0    0    0     0       0          0",
    "eth0:1: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16",
    "",
  ].join("\n");
  const [loopback, alias] = parseNetDev(text);
  expect(loopback).toMatchObject({
    name: "lo",
    receive: { bytes: 100, packets: 2 },
    transmit: { bytes: 200, packets: 3 },
  });
  expect(alias).toEqual({
    name: "eth0:1",
    receive: { bytes: 1, packets: 2, errs: 3, drop: 4, fifo: 5, frame: 6, compressed: 7, multicast: 8 },
    transmit: { bytes: 9, packets: 10, errs: 11, drop: 12, fifo: 13, colls: 14, carrier: 15, compressed: 16 },
  });
});

describe("the log", () => {
  const logged = (level: LogLevel, journald: boolean) => {
    const lines: string[] = [];
    const log = createLog(level, (line) => lines.push(line), journald);
    for (const each of ["error", "warning", "info", "debug"] as const) log[each](each);
    return lines;
  };

  test.each([
    ["error", ["error: error\n"]],
    ["info", ["error: error\n", "warning: warning\n", "info: info\n"]],
  ] as const)("at level %s says nothing less important", (level, lines) => {
    expect(logged(level, false)).toEqual(lines);
  });

  test("gives journald its priorities", () => {
    expect(logged("debug", true)).toEqual(["<3>error\n", "<4>warning\n", "<6>info\n", "<7>debug\n"]);
  });

  test("lets no program's name start a line or a colour of its own", () => {
    const lines: string[] = [];
    createLog("info", (line) => lines.push(line), false).info("/tmp/a\nerror: \u001b[31mfake\u009b");
    expect(lines).toEqual(["info: /tmp/a error:  [31mfake \n"]);
  });
});

describe("a password", () => {
  test("is stored as a hash that only it matches, different each time", async () => {
    const [one, two] = [await hashPassword("secret"), await hashPassword("secret")];
    expect(one).not.toBe(two);
    expect(isPlainPassword(one)).toBe(false);
    expect(await passwordMatches(one, "secret")).toBe(true);
    expect(await passwordMatches(one, "Secret")).toBe(false);
  });

  test.each([
    ["pw2", "pw2", true],
    ["pw2", "pw3", false],
    ["*", "*", false],
  ])("stored as %j against %j", async (stored, given, expected) => {
    expect(await passwordMatches(stored, given)).toBe(expected);
    expect(isPlainPassword(stored)).toBe(stored !== "*");
  });
});

test("problems show one line for each matter, and a flood of them fills no memory", () => {
  const problems = createProblems();
  problems.set("reload", "broken");
  problems.set("reload", "still broken");
  problems.set("restart", "needed");
  expect(problems.list()).toEqual(["still broken", "needed"]);
  problems.set("reload", undefined);
  expect(problems.list()).toEqual(["needed"]);
  for (let matter = 0; matter < 1000; matter += 1) problems.set(`${matter}`, `${matter}`);
  expect(problems.list()).toHaveLength(32);
  expect(problems.list().at(-1)).toBe("999");
});
