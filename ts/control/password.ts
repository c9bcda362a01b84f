import { createHash, randomBytes, randomInt, scrypt, timingSafeEqual } from "node:crypto";
import { promisify } from "node:util";

type Cost = { N: number; r: number; p: number };
type Derive = (password: string, salt: Buffer, length: number, options: Cost & { maxmem: number }) => Promise<Buffer>;

const derive = promisify(scrypt) as Derive;
const LENGTH = 32;
/** About 70 ms and 32 MiB on a machine of today. */
const COST: Cost = { N: 32_768, r: 8, p: 1 };
/** A file that asks for more memory than this is not obeyed. */
const MOST_MEMORY = 256 * 1024 * 1024;
const HASH = /^scrypt\$(\d{1,8})\$(\d{1,3})\$(\d{1,3})\$([A-Za-z0-9+/]+={0,2})\$([A-Za-z0-9+/]+={0,2})$/;
/** Without characters that look alike; the original took at most 16. */
const LETTERS = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
const GENERATED_LENGTH = 16;

/** What stands for no password set: nothing equals it. */
export const NO_PASSWORD = "*";

/** Whether the file holds a password itself, as the original's did, and not its hash. */
export function isPlainPassword(stored: string): boolean {
  return stored !== NO_PASSWORD && !HASH.test(stored);
}

/** A random password of 16 letters and digits, about 92 bits. */
export function randomPassword(): string {
  return Array.from({ length: GENERATED_LENGTH }, () => LETTERS[randomInt(LETTERS.length)]).join("");
}

/** `scrypt$N$r$p$SALT$KEY` (RFC 7914), salt and key in base64. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16);
  const key = await derive(password, salt, LENGTH, { ...COST, maxmem: MOST_MEMORY });
  return ["scrypt", COST.N, COST.r, COST.p, salt.toString("base64"), key.toString("base64")].join("$");
}

/**
 * Whether `password` is the one behind what the file holds: its hash, or the original's plain form. A hash with parameters
 * that scrypt does not take matches nothing.
 */
export async function passwordMatches(stored: string, password: string): Promise<boolean> {
  if (stored === NO_PASSWORD) return false;
  const [, N, r, p, salt, key] = HASH.exec(stored) ?? [];
  if (salt === undefined || key === undefined) return sameText(stored, password);
  const expected = Buffer.from(key, "base64");
  const options = { N: Number(N), r: Number(r), p: Number(p), maxmem: MOST_MEMORY };
  try {
    return timingSafeEqual(expected, await derive(password, Buffer.from(salt, "base64"), expected.length, options));
  } catch {
    return false;
  }
}

/** Compares in a time that tells neither the place of a difference nor a length. */
export function sameText(a: string, b: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}
