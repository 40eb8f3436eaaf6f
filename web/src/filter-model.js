// A filter as rows and groups of rows, and how it is written. Reading it is the server's.

/** @typedef {import("./api.js").FilterNode} FilterNode */

/**
 * A comparison. `not`: it does not hold.
 * @typedef {{is: "row", not: boolean, field: string, comparison: string, value: string}} Row
 */
/**
 * Rows of which all hold, or any; for the entries of `list`, one of them is so. `not`: it does not hold.
 * @typedef {{is: "group", not: boolean, list: string | null, join: "all" | "any", terms: Term[]}} Group
 */
/** What is too deep for rows stays text. @typedef {{is: "text", text: string}} Text */
/** @typedef {Row | Group | Text} Term */
/** The kind of a field's values. @typedef {(list: string | null, field: string) => string} KindOf */

/** Groups in each other; nobody reads more of them as boxes. */
const DEPTH = 4;
/** More rows than anybody wants to look at. */
const MOST = 60;

/** Times that are written without quotes. */
const RELATIVE = /^(?:(?:now|today)(?:[+-].*)?|null)$/;

/**
 * @param {Partial<Group>} [given]
 * @returns {Group}
 */
export const group = (given = {}) => ({ is: "group", not: false, list: null, join: "all", terms: [], ...given });

/**
 * @param {Partial<Row>} [given]
 * @returns {Row}
 */
export const row = (given = {}) => ({
  is: "row",
  not: false,
  field: "username",
  comparison: "eq",
  value: "",
  ...given,
});

/**
 * A tree as a group of rows. Null: it is too long to be shown so.
 * @param {FilterNode} tree
 * @param {KindOf} kindOf
 * @returns {Group | null}
 */
export function groupOf(tree, kindOf) {
  if (count(tree) > MOST) return null;
  const read = termOf(tree, null, 1, kindOf);
  return read.is === "group" && read.list === null ? read : group({ terms: [read] });
}

/** @param {FilterNode} node @returns {number} */
function count(node) {
  if (node.is === "test") return 1;
  const inner = "terms" in node ? node.terms : [node.term];
  return inner.reduce((sum, each) => sum + count(each), 0);
}

/**
 * @param {FilterNode} node
 * @param {string | null} list The list whose entries this is about.
 * @param {number} depth
 * @param {KindOf} kindOf
 * @returns {Term}
 */
function termOf(node, list, depth, kindOf) {
  if (node.is === "test") {
    const { field, comparison, value } = node;
    return row({ field, comparison, value: value ?? "" });
  }
  if (node.is === "not") {
    const inner = termOf(node.term, list, depth, kindOf);
    if (inner.is !== "text" && !inner.not) return { ...inner, not: true };
    // What is denied twice takes a group around it, so that it is written as it was.
    return depth < DEPTH
      ? group({ not: true, terms: [inner] })
      : { is: "text", text: `not (${write(inner, list, kindOf)})` };
  }
  const whole = group();
  /** @type {string | null} */
  let within = list;
  let inner = node;
  if (node.is === "entry") {
    within = whole.list = node.list;
    inner = node.term.is === "all" || node.term.is === "any" ? node.term : { is: "all", terms: [node.term] };
  }
  if (inner.is === "any") whole.join = "any";
  const terms = "terms" in inner ? inner.terms : [];
  whole.terms = terms.map((each) => termOf(each, within, depth + 1, kindOf));
  return depth <= DEPTH ? whole : { is: "text", text: write(whole, list, kindOf) };
}

/** A piece of a text, and whose it is. @typedef {{text: string, of: Term}} Piece */

/**
 * How it is written, in pieces. Groups without rows are left out.
 * @param {Term} term
 * @param {string | null} list
 * @param {KindOf} kindOf
 * @returns {Piece[]}
 */
export function pieces(term, list, kindOf) {
  const alone = piecesAlone(term, list, kindOf);
  if (!alone.length || term.is === "text" || !term.not) return alone;
  return [{ text: "not (", of: term }, ...alone, { text: ")", of: term }];
}

/**
 * @param {Term} term
 * @param {string | null} list
 * @param {KindOf} kindOf
 * @returns {Piece[]}
 */
function piecesAlone(term, list, kindOf) {
  if (term.is === "text") return term.text.trim() ? [{ text: term.text, of: term }] : [];
  if (term.is === "row") {
    const { field, comparison, value } = term;
    const text = comparison === "pr" ? `${field} pr` : `${field} ${comparison} ${literal(kindOf(list, field), value)}`;
    return [{ text, of: term }];
  }
  const within = term.list ?? list;
  const written = term.terms
    .map((each) => ({ each, all: pieces(each, within, kindOf) }))
    .filter(({ all }) => all.length);
  const word = term.join === "any" ? " or " : " and ";
  const several = written.length > 1;
  const inner = written.flatMap(({ each, all }, at) => {
    const wrapped = several && needsBrackets(each) ? [{ text: "(", of: each }, ...all, { text: ")", of: each }] : all;
    return at ? [{ text: word, of: term }, ...wrapped] : wrapped;
  });
  if (term.list === null) return inner;
  if (!inner.length) return [{ text: `${term.list} pr`, of: term }];
  return [{ text: `${term.list}[`, of: term }, ...inner, { text: "]", of: term }];
}

/**
 * Whether something stands in brackets beside others.
 * @param {Term} term
 * @returns {boolean}
 */
function needsBrackets(term) {
  if (term.is === "text") return true;
  if (term.is === "row" || term.not || term.list !== null) return false;
  const [only, ...others] = term.terms.filter((each) => each.is !== "group" || each.list !== null || each.terms.length);
  return others.length > 0 || (only !== undefined && needsBrackets(only));
}

/**
 * @param {Term} term
 * @param {string | null} list
 * @param {KindOf} kindOf
 */
export function write(term, list, kindOf) {
  return pieces(term, list, kindOf)
    .map(({ text }) => text)
    .join("");
}

/**
 * A value as it is written.
 * @param {string} kind
 * @param {string} value
 */
function literal(kind, value) {
  if (kind === "text") return JSON.stringify(value);
  const bare = value.trim();
  return kind === "time" && bare && !RELATIVE.test(bare) ? JSON.stringify(bare) : bare;
}

/**
 * Whose the character at a column is, from 1; where nothing is, who is last.
 * @param {Piece[]} all
 * @param {number} column
 */
export function pieceAt(all, column) {
  let left = column;
  for (const piece of all) {
    left -= Array.from(piece.text).length;
    if (left <= 0) return piece.of;
  }
  return all.at(-1)?.of;
}
