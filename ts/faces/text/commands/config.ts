import { RefusedError } from "../../../control/index.js";
import { UnwritableError } from "../../../files/index.js";
import type { TextControl } from "../control.js";
import { clean, type Lines } from "../reply.js";

const SET_FORM = " CONFIG SET variable value";
const HELP = ["Available CONFIG commands:", " CONFIG LIST", SET_FORM];
const SET_USAGE = ["usage:", SET_FORM];
/** The original cut a name and a password off here. */
const LONGEST_NAME = 16;

type Answers = { done: string; refused(value: string): string };

/** The settings that the original had, in its order; ours beyond them are for fwctl. */
const ANSWERS = {
  username: { done: "username set", refused: () => `Can't change username, max length = ${LONGEST_NAME}` },
  password: { done: "password set", refused: () => `Can't change password, max length = ${LONGEST_NAME}` },
  host: {
    done: "host ip set. fwdaemon restart required!",
    refused: (value) => `Can't parse host ip address [${value}]`,
  },
  port: {
    done: "port set. fwdaemon restart required!",
    refused: () => "Can't change port, must be in range <1024,65535>",
  },
  default_input_action: {
    done: "default input action set",
    refused: (value) => `Can't change input action to [${value}]`,
  },
  default_output_action: {
    done: "default output action set",
    refused: (value) => `Can't change output action to [${value}]`,
  },
} satisfies Record<string, Answers>;
type Variable = keyof typeof ANSWERS;
const VARIABLES = Object.keys(ANSWERS) as Variable[];

export async function configCommand(control: TextControl, words: readonly string[]): Promise<Lines> {
  switch (words[1]) {
    case "LIST":
      return list(control);
    case "SET":
      return set(control, words.slice(2));
    default:
      return HELP;
  }
}

function list({ settings }: TextControl): Lines {
  const values = settings.get();
  return VARIABLES.map((variable) => `${variable.padEnd(21)} = ${clean(values[variable])}`);
}

async function set({ settings }: TextControl, words: readonly string[]): Promise<Lines> {
  const [name, value, ...others] = words;
  if (name === undefined || value === undefined || others.length > 0) return SET_USAGE;
  const variable = VARIABLES.find((known) => known === name);
  if (variable === undefined) return [`ERROR: unknown variable [${name}]`];
  const { done, refused }: Answers = ANSWERS[variable];
  if (variable === "password" && value.length > LONGEST_NAME) return [`ERROR: ${refused(value)}`];
  try {
    await settings.set(variable, value);
  } catch (error) {
    const invalid = error instanceof UnwritableError || (error instanceof RefusedError && error.code === "BAD_REQUEST");
    if (invalid) return [`ERROR: ${refused(value)}`];
    throw error;
  }
  return [`OK: ${done}`];
}
