export const LOG_LEVELS = ["error", "warning", "info", "debug"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];
export type Log = Record<LogLevel, (message: string) => void>;

/** syslog's numbers, which journald reads from a prefix. */
const PRIORITY: Record<LogLevel, number> = { error: 3, warning: 4, info: 6, debug: 7 };

/** One line a message to `write`: `info: ...`, or `<6>...` where journald reads. Control characters become blanks. */
export function createLog(level: LogLevel, write: (line: string) => void, journald: boolean): Log {
  const line = (at: LogLevel) => (message: string) => {
    if (PRIORITY[at] > PRIORITY[level]) return;
    // biome-ignore lint/suspicious/noControlCharactersInRegex: messages may name hostile programs
    const text = message.replace(/[\u0000-\u001f\u007f-\u009f]+/g, " ");
    write(`${journald ? `<${PRIORITY[at]}>` : `${at}: `}${text}\n`);
  };
  return { error: line("error"), warning: line("warning"), info: line("info"), debug: line("debug") };
}
