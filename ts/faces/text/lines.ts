/** What a client sent, in order. `telnet` is the answer that its negotiation is owed. */
export type Input =
  | { kind: "line"; text: string }
  | { kind: "not-text" }
  | { kind: "too-long" }
  | { kind: "telnet"; answer: Buffer };

/** Turns the bytes of a connection into lines, without what telnet says beside them (RFC 854). */
export type LineReader = {
  /** The inputs that this chunk completes, made one by one as they are asked for. After `too-long` nothing more comes. */
  read(chunk: Buffer): Generator<Input>;
};

const LF = 0x0a;
const CR = 0x0d;
const IAC = 255;
const DONT = 254;
const DO = 253;
const WONT = 252;
const WILL = 251;
const SB = 250;
const SE = 240;

/** Where in what telnet says beside the text the last byte stood. */
type State = "text" | "command" | "option" | "subnegotiation" | "subnegotiation-command";

/** `limit` is the length of a line in bytes, its end not counted. No more than that is kept. */
export function createLineReader(limit: number): LineReader {
  const line = Buffer.alloc(limit + 1);
  let length = 0;
  let state: State = "text";
  let verb = 0;
  let aside = 0;
  let over = false;

  const end = (): Input => {
    const text = textOf(line.subarray(0, length > 0 && line[length - 1] === CR ? length - 1 : length));
    length = 0;
    return text === undefined ? { kind: "not-text" } : { kind: "line", text };
  };
  /** Takes one byte; the input that it completes, if any. */
  const take = (byte: number): Input | undefined => {
    switch (state) {
      case "text":
        if (byte === IAC) state = "command";
        else if (byte === LF) return end();
        // One byte more, for the CR of the line's end.
        else if (length > limit || (length === limit && byte !== CR)) return { kind: "too-long" };
        else line[length++] = byte;
        return undefined;
      case "command":
        state = "text";
        if (byte === IAC) return take255();
        if (byte === SB) state = "subnegotiation";
        else if (byte >= WILL && byte <= DONT) {
          verb = byte;
          state = "option";
        }
        aside = 0;
        return undefined;
      case "option":
        state = "text";
        return refusal(verb, byte);
      case "subnegotiation":
        aside += 1;
        if (byte === IAC) state = "subnegotiation-command";
        return aside > limit ? { kind: "too-long" } : undefined;
      case "subnegotiation-command":
        state = byte === SE ? "text" : "subnegotiation";
        return undefined;
    }
  };
  /** Doubled, it stands for the byte itself. */
  const take255 = (): Input | undefined => {
    if (length >= limit) return { kind: "too-long" };
    line[length++] = IAC;
    return undefined;
  };

  return {
    *read(chunk) {
      for (const byte of chunk) {
        if (over) return;
        const input = take(byte);
        over = input?.kind === "too-long";
        if (input) yield input;
      }
    },
  };
}

/** We take no option. A client that asks waits for the answer: telnet shows nothing after Ctrl-C until it has it. */
function refusal(verb: number, option: number): Input | undefined {
  if (verb === DO) return { kind: "telnet", answer: Buffer.from([IAC, WONT, option]) };
  if (verb === WILL) return { kind: "telnet", answer: Buffer.from([IAC, DONT, option]) };
  return undefined;
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Undefined for bytes that are not UTF-8, and for control characters other than the tab. */
function textOf(bytes: Uint8Array): string | undefined {
  try {
    const text = decoder.decode(bytes);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must not pass here
    return /[\u0000-\u0008\u000a-\u001f\u007f-\u009f]/.test(text) ? undefined : text;
  } catch {
    return undefined;
  }
}
