// What is known of a place in a script: for completions, and for whoever points at a name.

import { pythonLanguage } from "@codemirror/lang-python";
import { syntaxTree } from "@codemirror/language";
import { hoverTooltip } from "@codemirror/view";

import { scriptNames } from "./api.js";

/** @typedef {import("./api.js").ScriptApiMember} ScriptApiMember */
/** @typedef {import("@codemirror/autocomplete").Completion} Completion */
/** @typedef {import("@codemirror/autocomplete").CompletionContext} CompletionContext */
/** @typedef {import("@codemirror/autocomplete").CompletionResult} CompletionResult */
/** @typedef {import("@codemirror/state").EditorState} EditorState */

/** A name, and what stands before it with a dot. */
const BEFORE = /(?:([\p{L}_][\p{L}\p{N}_]*)\.)?([\p{L}_][\p{L}\p{N}_]*)?$/u;
const PART_OF_NAME = /[\p{L}\p{N}_.]/u;

/**
 * Whether a place is in a text or a comment, where names mean nothing.
 * @param {EditorState} state
 * @param {number} at
 */
function inText(state, at) {
  return /^(String|FormatString|Comment)$/.test(syntaxTree(state).resolveInner(at, -1).name);
}

/**
 * What may be written behind `object.`; by itself, if that is missing. Null: nobody knows.
 * @param {ScriptApiMember[]} names
 * @param {string | undefined} object
 */
function within(names, object) {
  if (object === undefined) return names.filter(({ member_of }) => member_of === null);
  const kind = names.find(({ name, member_of }) => member_of === null && name === object)?.kind;
  const members = names.filter(({ member_of }) => member_of !== null && member_of === kind);
  return members.length ? members : null;
}

/**
 * What is said of a name.
 * @param {ScriptApiMember} known
 */
function described(known) {
  const text = document.createElement("div");
  text.className = "about";
  const head = document.createElement("code");
  head.textContent = known.signature ? `${known.signature} → ${known.kind}` : `${known.name}: ${known.kind}`;
  text.append(head);
  // Who stands by itself is no field that one could assign.
  if (known.member_of !== null && known.access === "read") {
    const access = document.createElement("small");
    access.textContent = "read-only";
    text.append(" ", access);
  }
  const about = document.createElement("p");
  about.textContent = known.description;
  text.append(about);
  return text;
}

/**
 * @param {ScriptApiMember} known
 * @returns {Completion}
 */
function completion(known) {
  const { name, member_of, kind, access } = known;
  const type = access === "call" ? "function" : member_of === null ? "variable" : "property";
  // What Rollcall has comes before what Python has.
  return { label: name, type, detail: kind, info: () => described(known), boost: member_of === null ? 50 : 0 };
}

/**
 * Completions for the script's world.
 * @param {() => import("./api.js").Parameter[]} parameters What the script declares.
 */
export function completions(parameters) {
  /**
   * @param {CompletionContext} context
   * @returns {Promise<CompletionResult | null>}
   */
  const source = async (context) => {
    const line = context.state.doc.lineAt(context.pos);
    const found = BEFORE.exec(line.text.slice(0, context.pos - line.from));
    if (!found || inText(context.state, context.pos)) return null;
    const [, object, begun = ""] = found;
    const from = context.pos - begun.length;
    const dot = context.state.sliceDoc(from - 1, from) === ".";
    if (dot ? object === undefined : !begun && !context.explicit) return null;
    if (object === "params") {
      const options = parameters().map(({ name, kind }) => ({ label: name, type: "property", detail: kind }));
      return { from, options, validFor: /^\w*$/ };
    }
    const known = within(await scriptNames(), object);
    return known && { from, options: known.map(completion), validFor: /^\w*$/ };
  };
  return pythonLanguage.data.of({ autocomplete: source });
}

/** What is known of the name that somebody points at. */
export const documentation = hoverTooltip(async (view, at) => {
  const line = view.state.doc.lineAt(at);
  let end = at - line.from;
  while (end < line.text.length && PART_OF_NAME.test(line.text[end]) && line.text[end] !== ".") end += 1;
  const [, object, name] = BEFORE.exec(line.text.slice(0, end)) ?? [];
  if (!name || inText(view.state, at)) return null;
  const start = end - name.length;
  const dot = line.text[start - 1] === ".";
  if (line.from + start > at || (dot && object === undefined)) return null;
  const known = within(await scriptNames(), object)?.find((each) => each.name === name);
  if (!known) return null;
  return { pos: line.from + start, end: line.from + end, above: true, create: () => ({ dom: described(known) }) };
});
