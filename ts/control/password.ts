import { randomBytes, scrypt, timingSafeEqual } from "node:crypto";
import { promisify } from "node:util";

const derive = promisify(scrypt) as (password: string, salt: Buffer, length: number) => Promise<Buffer>;
const LENGTH = 32;
const HASH = /^scrypt:([A-Za-z0-9+/=]+):([A-Za-z0-9+/=]+)$/;

/** What stands for no password set: nothing equals it. */
export const NO_PASSWORD = "*";

/** Whether the file holds a password itself, as the original's did, and not its hash. */
export function isPlainPassword(stored: string): boolean {
  return stored !== NO_PASSWORD && !HASH.test(stored);
}

/** `scrypt:SALT:KEY`, both in base64. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16);
  const key = await derive(password, salt, LENGTH);
  return `scrypt:${salt.toString("base64")}:${key.toString("base64")}`;
}

/** Whether `password` is the one behind what the file holds: its hash, or the original's plain form. */
export async function passwordMatches(stored: string, password: string): Promise<boolean> {
  if (stored === NO_PASSWORD) return false;
  const [, salt, key] = HASH.exec(stored) ?? [];
  if (salt === undefined || key === undefined) return equal(Buffer.from(stored), Buffer.from(password));
  return equal(Buffer.from(key, "base64"), await derive(password, Buffer.from(salt, "base64"), LENGTH));
}

function equal(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
