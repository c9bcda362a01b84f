/** What a piece of text means; the colour follows from it. */
export type Tone = "good" | "bad" | "ask" | "dim" | "strong";
export type Paint = (text: string, tone: Tone) => string;

const CODES: Readonly<Record<Tone, number>> = { good: 32, bad: 31, ask: 33, dim: 2, strong: 1 };

export const plain: Paint = (text) => text;
export const coloured: Paint = (text, tone) => `\u001b[${CODES[tone]}m${text}\u001b[0m`;

/** Colours only on a terminal that has them, and never with NO_COLOR (https://no-color.org: set and not empty). */
export function paintFor(isTerminal: boolean, environment: NodeJS.ProcessEnv): Paint {
  return isTerminal && !environment.NO_COLOR && environment.TERM !== "dumb" ? coloured : plain;
}

/** The tone of a rule's action or a flow's verdict. */
export function actionTone(action: string): Tone {
  if (action === "ACCEPT") return "good";
  return action === "ASK" ? "ask" : "bad";
}
