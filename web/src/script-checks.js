// Mistakes, as the server finds them, while a script is written.

import { linter } from "@codemirror/lint";

import { checkScript, Refused } from "./api.js";

/** @typedef {import("./api.js").Fault} Fault */
/** @typedef {import("@codemirror/lint").Diagnostic} Diagnostic */
/** @typedef {import("@codemirror/state").Text} Text */

/** Nobody is told of mistakes in a word that they are writing. */
const DELAY = 400;
const NAME = /^[\p{L}\p{N}_]+/u;

/**
 * The place of a fault: the name there, or a character.
 * @param {Text} doc
 * @param {Fault} fault
 */
export function placeOf(doc, { line: number, column }) {
  const line = doc.line(Math.min(Math.max(number, 1), doc.lines));
  // The server counts characters, an editor the 16-bit units that they take.
  const before = Array.from(line.text)
    .slice(0, column - 1)
    .join("");
  const from = line.from + before.length;
  const [name = ""] = NAME.exec(line.text.slice(before.length)) ?? [];
  return { from, to: Math.min(from + Math.max(name.length, 1), line.to) };
}

/**
 * Shows mistakes as a script is written.
 * @param {(checked: import("./api.js").Checked | null, problem?: string) => void} tell Called with what was found, or why
 *   nothing was.
 */
export function checks(tell) {
  return linter(
    async (view) => {
      const { doc } = view.state;
      try {
        const checked = await checkScript(doc.toString());
        // Whoever has written on is told of what they write now.
        if (view.state.doc.eq(doc)) tell(checked);
        /** @type {(severity: "error" | "warning") => (fault: Fault) => Diagnostic} */
        const diagnostic = (severity) => (fault) => ({ ...placeOf(doc, fault), severity, message: fault.message });
        return [...checked.faults.map(diagnostic("error")), ...checked.warnings.map(diagnostic("warning"))];
      } catch (error) {
        tell(
          null,
          error instanceof Refused && error.status === 401 ? "Sign in again to have it checked." : "Not checked.",
        );
        return [];
      }
    },
    { delay: DELAY },
  );
}
