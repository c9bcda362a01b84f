import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FileError, UnwritableError } from "../../../ts/files/error.js";
import {
  deleteRule,
  formatRuleLine,
  formatRules,
  insertRule,
  parseRuleLine,
  parseRules,
  sameRule,
} from "../../../ts/files/rules.js";
import { RuleFields } from "../../../ts/model/rule.js";
import { errorOf } from "../../support/refused.js";

const legacy = readFileSync(new URL("../fixtures/rules", import.meta.url), "utf8");
const at = { file: "rules", line: 1 };
const fields = (rule: Partial<RuleFields> = {}) => RuleFields.parse({ action: "ACCEPT", ...rule });

describe("a rules file that the original wrote", () => {
  test("says what its columns say", () => {
    expect(parseRules(legacy).rules).toEqual([
      {
        action: "ACCEPT",
        direction: "outgoing",
        interface: "eth0",
        protocol: "tcp",
        source: { host: "10.77.0.1/32", ports: "52490" },
        destination: { host: "10.77.0.2/32", ports: "9000" },
        app: "/usr/bin/nc.openbsd",
      },
      {
        action: "DROP",
        direction: "incoming",
        interface: "eth0",
        protocol: "udp",
        source: { host: "10.0.0.0/8", ports: "any" },
        destination: { host: "any", ports: "53" },
        app: "/usr/bin/dig",
      },
    ]);
  });

  test("is written back byte for byte", () => {
    expect(formatRules(parseRules(legacy))).toBe(legacy);
  });

  test("comes out byte for byte when its rules are added one by one to an empty file", () => {
    const built = parseRules(legacy).rules.reduce((document, rule) => insertRule(document, rule), parseRules(""));
    expect(formatRules(built)).toBe(legacy);
  });
});

describe("a line of the rules file", () => {
  const one = (line: string) => parseRuleLine(line, at);
  test.each([
    ["the original's any", "eth0\toutgoing\tip\t0/0\t0\t0/0\t0\tDROP\t/bin/x", { interface: "eth0", protocol: "any" }],
    [
      "any interface, direction and program",
      "* * ip 0/0 0 0/0 0 ASK *",
      { interface: "any", direction: "any", app: "any" },
    ],
    [
      "names without regard to case",
      "* OUTGOING TCP 0/0 0 0/0 0 accept *",
      { direction: "outgoing", protocol: "tcp", action: "ACCEPT" },
    ],
    [
      "IPv6 hosts",
      "* * tcp fd00::/8 0 2001:db8::1 0 DROP *",
      { source: { host: "fd00::/8", ports: "any" }, destination: { host: "2001:db8::1/128", ports: "any" } },
    ],
    [
      "port ranges",
      "* * tcp 0/0 1024-65535 0/0 80-81 DROP *",
      { source: { host: "any", ports: "1024-65535" }, destination: { host: "any", ports: "80-81" } },
    ],
    ["protocols by name and number", "* * sctp 0/0 0 0/0 0 DROP *", { protocol: "sctp" }],
    ["a protocol number", "* * 47 0/0 0 0/0 0 DROP *", { protocol: "47" }],
    ["a program that is not known", "* * tcp 0/0 0 0/0 0 DROP unknown", { app: "unknown" }],
    ["a path with blanks inside", "* * tcp 0/0 0 0/0 0 DROP /opt/My  App/run it", { app: "/opt/My  App/run it" }],
    ["blanks and tabs mixed between the fields", "  * \t * \t tcp 0/0  0 0/0 0 DROP\t \t/bin/x", { app: "/bin/x" }],
  ])("takes %s", (_name, line, expected) => {
    expect(one(line)).toMatchObject(expected);
  });

  test.each([
    ["a port out of range", "* * tcp 0/0 99999 0/0 0 DROP *", 'port "99999" is not a port or a range'],
    ["a range the wrong way round", "* * tcp 0/0 0 0/0 9-8 DROP *", 'port "9-8" is not'],
    ["a prefix out of range", "* * tcp 10.0.0.0/33 0 0/0 0 DROP *", 'prefix "/33" is out of range'],
    ["a host that is a name", "* * tcp example.org 0 0/0 0 DROP *", 'host "example.org" is not an address'],
    ["a direction that is not known", "* both tcp 0/0 0 0/0 0 DROP *", 'direction "both" is not known'],
    ["a protocol that is not known", "* * tcq 0/0 0 0/0 0 DROP *", 'protocol "tcq" is not known'],
    ["an action that is not known", "* * tcp 0/0 0 0/0 0 ALLOW *", 'action "ALLOW" is not known'],
    ["a program without its directory", "* * tcp 0/0 0 0/0 0 DROP curl", 'program "curl" is not a path'],
    ["too few fields", "* * tcp 0/0 0 0/0 0 DROP", "the rule has 8 of 9 fields"],
    ["an interface's name that is too long", "wlp0s20f3u1u2u3x * tcp 0/0 0 0/0 0 DROP *", "is not a name"],
  ])("is refused for %s", (_name, line, problem) => {
    expect(errorOf(() => one(line)).problem).toContain(problem);
  });

  test("is refused in one line with file, line and what was expected", () => {
    const text = "# mine\n[rules]\n\n* * tcp 0/0 99999 0/0 0 DROP *\n";
    expect(errorOf(() => parseRules(text, "/etc/desktopfw/rules")).message).toBe(
      '/etc/desktopfw/rules:4: port "99999" is not a port or a range; ' +
        "expected 0 for any, 1-65535, or a range such as 8000-8080",
    );
  });
});

describe("the rules file as a whole", () => {
  test.each([
    ["a rule above the section", "* * tcp 0/0 0 0/0 0 DROP *\n[rules]\n", 1, "a line stands before its section"],
    ["another file's section", "[settings]\n", 1, "section [settings] is not known"],
    ["the section twice", "[rules]\n[rules]\n", 2, "section [rules] stands twice"],
  ])("is refused for %s", (_name, text, line, problem) => {
    expect(errorOf(() => parseRules(text))).toMatchObject({ line, problem });
  });

  test.each([
    ["", 0],
    ["# only a comment\n", 0],
    ["[rules]", 0],
    ["[rules]\r\n* * ip 0/0 0 0/0 0 DROP *\r\n", 1],
  ])("%j has its number of rules", (text, count) => {
    expect(parseRules(text).rules).toHaveLength(count);
  });

  test("keeps a person's comments and spacing when a rule is added and another removed", () => {
    const text =
      "# mine\n\n[rules]\n# web\n* * tcp 0/0 0 0/0 80 ACCEPT /bin/web   \n# mail\n* * tcp 0/0 0 0/0 25 DROP *\n# end\n";
    const added = insertRule(parseRules(text), fields({ app: "/bin/new" }));
    const removed = deleteRule(added, 1);
    const line = formatRuleLine(fields({ app: "/bin/new" }));
    expect(formatRules(removed)).toBe(
      `# mine\n\n[rules]\n# web\n* * tcp 0/0 0 0/0 80 ACCEPT /bin/web   \n# mail\n# end\n${line}\n`,
    );
    expect(parseRules(formatRules(removed))).toEqual(removed);
  });

  test("puts a rule in front of the one at its place, comments staying where they are", () => {
    const text = "[rules]\n# a\n* * tcp 0/0 0 0/0 1 DROP *\n# b\n* * tcp 0/0 0 0/0 2 DROP *\n";
    const document = insertRule(parseRules(text), fields({ app: "/bin/x" }), 1);
    expect(document.rules.map((rule) => rule.destination.ports)).toEqual(["1", "any", "2"]);
    expect(parseRules(formatRules(document))).toEqual(document);
  });

  test("refuses a rule that would read back as a comment or a section", () => {
    for (const name of ["#eth", "[x"]) {
      const attempt = () => insertRule(parseRules(""), fields({ interface: name, app: "/bin/x]" }));
      expect(attempt).toThrow(UnwritableError);
    }
  });
});

describe("for any input", () => {
  const word = fc.string({ unit: fc.constantFrom(...'aZ0-./:*#[]"\\é\u00a0\u2028 '.split("")), maxLength: 12 });
  const host = fc.oneof(
    fc.constant("any"),
    fc.tuple(fc.ipV4(), fc.nat(32)).map(([ip, prefix]) => `${ip}/${prefix}`),
    fc.tuple(fc.ipV6(), fc.nat(128)).map(([ip, prefix]) => `${ip}/${prefix}`),
  );
  const port = fc.oneof(
    fc.constant("any"),
    fc.integer({ min: 1, max: 65535 }).map(String),
    fc.tuple(fc.integer({ min: 1, max: 999 }), fc.integer({ min: 1000, max: 65535 })).map((range) => range.join("-")),
  );
  const rule = fc
    .record({
      action: fc.constantFrom("ACCEPT", "DROP", "REJECT", "ASK"),
      direction: fc.constantFrom("any", "incoming", "outgoing"),
      interface: fc.oneof(fc.constant("any"), word),
      protocol: fc.constantFrom("any", "tcp", "udp", "icmp", "132", "200"),
      source: fc.record({ host, ports: port }),
      destination: fc.record({ host, ports: port }),
      app: fc.oneof(
        fc.constantFrom("any", "unknown"),
        word.map((name) => `/${name}`),
      ),
    })
    .map((candidate) => RuleFields.safeParse(candidate))
    .filter((result) => result.success)
    .map((result) => result.data);

  test("a rule that is written reads back as itself, or is refused", () => {
    fc.assert(
      fc.property(rule, (each) => {
        try {
          const read = parseRules(formatRules(insertRule(parseRules(""), each))).rules;
          expect(read).toEqual([each]);
          expect(sameRule(read[0], each)).toBe(true);
        } catch (error) {
          if (!(error instanceof UnwritableError)) throw error;
          expect(each.interface).toMatch(/^[#[]/);
        }
      }),
    );
  });

  const noise = fc
    .array(fc.oneof(fc.string(), fc.constantFrom("[rules]", "# c", "", "* * tcp 0/0 0 0/0 0 DROP *", " [rules] ")), {
      maxLength: 8,
    })
    .map((lines) => lines.join("\n"));

  test("a file is read or refused with the one error type, and writing it again changes nothing", () => {
    fc.assert(
      fc.property(noise, (text) => {
        try {
          const once = formatRules(parseRules(text));
          expect(formatRules(parseRules(once))).toBe(once);
        } catch (error) {
          if (!(error instanceof FileError)) throw error;
          expect(error.message).toMatch(/^rules:\d+: .*; expected /);
          expect(error.message).not.toContain("\n");
        }
      }),
    );
  });
});
