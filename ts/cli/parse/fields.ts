import { InvalidArgumentError } from "commander";
import type { z } from "zod";
import { TextError } from "../../model/text.js";
import { parseDuration } from "./duration.js";

/** An option parser of commander from one that throws TextErrors: what is wrong becomes wrong usage. */
function usage<T>(parse: (text: string) => T): (text: string) => T {
  return (text) => {
    try {
      return parse(text);
    } catch (error) {
      if (error instanceof TextError) throw new InvalidArgumentError(error.message);
      throw error;
    }
  };
}

export const duration = usage(parseDuration);

export const id = usage((text) => {
  const number = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(number) || number === 0) {
    throw new TextError(`"${text}" is not an id`, "the number in the first column of the list");
  }
  return number;
});

/** The same from a schema of the model: one definition for the files, the API and the command line. */
export function field<T>(schema: z.ZodType<T, string>): (text: string) => T {
  return (text) => {
    const parsed = schema.safeParse(text);
    if (parsed.success) return parsed.data;
    throw new InvalidArgumentError(parsed.error.issues[0]?.message ?? "it is not valid");
  };
}
