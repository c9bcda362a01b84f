import { expect, test } from "vitest";
import { createAuthentication } from "../../../ts/control/authentication.js";
import { hashPassword, passwordMatches, randomPassword } from "../../../ts/control/password.js";
import { Config } from "../../../ts/model/config.js";

const config = Config.parse({ username: "fwadmin", password: "fwpass" });

test.each([
  ["fwadmin", "fwpass", true],
  ["fwadmin", "fwpas", false],
  ["fwadmin", "", false],
  ["joe", "fwpass", false],
  ["", "", false],
])("%j with %j gets in: %j", async (username, password, expected) => {
  expect(await createAuthentication(() => config)(username, password)).toBe(expected);
});

test("a changed password counts from the next try on", async () => {
  let now = config;
  const authenticate = createAuthentication(() => now);
  now = Config.parse({ username: "joe", password: await hashPassword("pw2") });
  expect(await authenticate("fwadmin", "fwpass")).toBe(false);
  expect(await authenticate("joe", "pw2")).toBe(true);
});

test("a try whose client has gone is not checked, right or wrong", async () => {
  let looked = 0;
  const authenticate = createAuthentication(() => {
    looked += 1;
    return config;
  });
  expect(await authenticate("fwadmin", "fwpass", AbortSignal.abort())).toBe(false);
  expect(looked).toBe(0);
});

test("many wrong tries slow down guessing, and keep nobody who knows the password out for long", async () => {
  const authenticate = createAuthentication(() => config);
  const began = performance.now();
  await Promise.all(Array.from({ length: 25 }, () => authenticate("fwadmin", "guess")));
  // 5 ms more for each of the first 20, 100 ms for each of the others, less what is forgotten meanwhile.
  expect(performance.now() - began).toBeGreaterThan(1200);
  // These would cost 100 s.
  const gone = Array.from({ length: 1000 }, () => authenticate("fwadmin", "guess", AbortSignal.abort()));
  expect(await authenticate("fwadmin", "fwpass")).toBe(true);
  await Promise.all(gone);
}, 10_000);

test.each(["scrypt$0$8$1$AAAA$AAAA", "scrypt$3$8$1$AAAA$AAAA", "scrypt$99999999$999$999$AAAA$AAAA"])(
  "a hash that asks scrypt for what it does not give, %s, matches nothing",
  async (stored) => {
    expect(await passwordMatches(stored, "")).toBe(false);
    expect(await passwordMatches(stored, stored)).toBe(false);
  },
);

test("made passwords differ, and fit what the original took", () => {
  const made = Array.from({ length: 1000 }, randomPassword);
  expect(new Set(made).size).toBe(1000);
  for (const password of made) expect(password).toMatch(/^[A-Za-z0-9]{16}$/);
});
