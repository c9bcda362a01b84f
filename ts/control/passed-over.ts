import type { FileError, Stored } from "../files/index.js";
import type { Log } from "./log.js";
import type { Problems } from "./problems.js";

type Readable = { readonly passedOver?: readonly FileError[] };

/** A file whose passed over lines are told at each load, in the log and in `status`, until they are comments or gone. */
export function tellPassedOver<D extends Readable>(file: Stored<D>, problems: Problems, log: Log): Stored<D> {
  const matter = `passed over in ${file.path}`;
  let told = "";
  return {
    path: file.path,
    async load() {
      const document = await file.load();
      const lines = (document.passedOver ?? []).map((error) => error.message);
      const text = lines.join("\n");
      if (text !== told) for (const line of lines) log.warning(`${line}; passed over`);
      told = text;
      problems.set(matter, problemText(lines));
      return document;
    },
    async save(document) {
      await file.save(document);
      told = "";
      problems.set(matter, undefined);
    },
  };
}

function problemText(lines: readonly string[]): string | undefined {
  const [first] = lines;
  if (first === undefined) return undefined;
  const more = lines.length > 1 ? `; so are ${lines.length - 1} more lines` : "";
  return `${first}; it is passed over, and becomes a comment at the next change${more}`;
}
