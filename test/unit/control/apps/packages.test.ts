import { createHash } from "node:crypto";
import { readFileSync, realpathSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { dpkgOwner, listsMd5, packageOf, type RunTool, rpmAgrees } from "../../../../ts/control/apps/packages.js";

const md5Of = (path: string) => createHash("md5").update(readFileSync(path)).digest("hex");
const CURL = realpathSync("/usr/bin/curl");

describe("the package manager of this machine", () => {
  test("knows curl as it was installed, with its version", async () => {
    expect(await packageOf({ path: CURL, md5: md5Of(CURL) })).toMatch(/^curl \d/);
  });

  test("knows a program whose path it has from before / and /usr were merged", async () => {
    const path = realpathSync("/bin/ls");
    expect(await packageOf({ path, md5: md5Of(path) })).toMatch(/^coreutils \d/);
  });

  test.each([
    ["another content of curl", { path: CURL, md5: "0".repeat(32) }],
    ["a program of no package", { path: "/opt/none", md5: md5Of(CURL) }],
    ["a path that dpkg would take as a pattern", { path: "/usr/bin/cur[l]", md5: md5Of(CURL) }],
    ["a content without an MD5", { path: CURL }],
  ])("does not vouch for %s", async (_name, content) => {
    expect(await packageOf(content)).toBeUndefined();
  });
});

test.each([
  ["curl: /usr/bin/curl\n", "/usr/bin/curl", "curl"],
  ["libc6:amd64: /lib/x\n", "/lib/x", "libc6:amd64"],
  ["diversion by dash from: /bin/sh\ndash: /bin/sh\n", "/bin/sh", "dash"],
  ["a, b: /usr/share/doc\n", "/usr/share/doc", undefined],
  ["curl: /usr/bin/curl2\n", "/usr/bin/curl", undefined],
  ["", "/usr/bin/curl", undefined],
])("dpkg's answer %j names the owner of %s: %s", (text, path, owner) => {
  expect(dpkgOwner(text, path)).toBe(owner);
});

test("a sum counts for its own path only", () => {
  const text = "aa  usr/bin/curl\nbb  usr/bin/other\n";
  expect(listsMd5(text, "/usr/bin/curl", "aa")).toBe(true);
  expect(listsMd5(text, "/usr/bin/curl", "bb")).toBe(false);
});

describe("rpm", () => {
  test.each([
    ["", true],
    ["S.5....T.  c /etc/curlrc\n", true],
    [".......T.    /usr/bin/curl\n", true],
    ["S.5....T.    /usr/bin/curl\n", false],
    ["..5......    /usr/bin/curl\n", false],
    ["..?......    /usr/bin/curl\n", false],
    ["missing     /usr/bin/curl\n", false],
  ])("that says %j agrees with the content: %s", async (said, agrees) => {
    expect(rpmAgrees(said, "/usr/bin/curl")).toBe(agrees);
    const run: RunTool = async (tool, args) => {
      if (tool !== "rpm") return undefined;
      return args[0] === "--query" ? "curl 8.9.1-2.fc41\n" : said;
    };
    expect(await packageOf({ path: "/usr/bin/curl" }, run)).toBe(agrees ? "curl 8.9.1-2.fc41" : undefined);
  });
});
