// The API that this page's server has. The session is in a cookie, which the browser shows by itself.

/**
 * A name that scripts may use: see `GET /api/v1/script-api`.
 * @typedef {object} ScriptApiMember
 * @property {string} name
 * @property {string | null} member_of The type whose member it is.
 * @property {string} kind
 * @property {"read" | "read_write" | "call"} access
 * @property {string | null} signature
 * @property {string} description
 */

/** @typedef {{line: number, column: number, message: string}} Fault Line and column from 1, the column in characters. */
/** @typedef {{name: string, kind: string, required: boolean}} Parameter */
/** @typedef {{faults: Fault[], warnings: Fault[], parameters: Parameter[]}} Checked */

/**
 * A part of a filter.
 * @typedef {{is: "all", terms: FilterNode[]} | {is: "any", terms: FilterNode[]} | {is: "not", term: FilterNode}
 *   | {is: "entry", list: string, term: FilterNode}
 *   | {is: "test", field: string, comparison: string, value: string | null}} FilterNode
 */

/** @typedef {{name: string | null, filter: string | null, tree: FilterNode | null, fault: {column: number, message: string} | null}} FilterTree */

/**
 * Something that a filter can ask about.
 * @typedef {object} FilterField
 * @property {string} name
 * @property {string | null} list The list whose entries have it.
 * @property {string} kind
 * @property {string[]} comparisons
 */

/** How many users a filter selects. @typedef {{users: number, more: boolean}} Count */

/** How rows match users. @typedef {{rows: number, matched: number, duplicate: number, unmatched: number, ambiguous: number, faulty: number}} RowsReport */

/** What the server does not do; `status` says why. */
export class Refused extends Error {
  /**
   * @param {number} status
   * @param {string} [detail] What the server says of it.
   */
  constructor(status, detail) {
    super(detail || `the server answers ${status}`);
    this.status = status;
  }
}

/**
 * @param {string} path
 * @param {RequestInit} [init]
 * @returns {Promise<any>}
 */
async function ask(path, init) {
  const answer = await fetch(`/api/v1${path}`, { credentials: "same-origin", ...init });
  if (!answer.ok) throw new Refused(answer.status, (await answer.json().catch(() => ({}))).detail);
  return answer.json();
}

/**
 * @param {string} path
 * @param {object} body
 * @param {AbortSignal} [signal]
 */
function send(path, body, signal) {
  const headers = { "content-type": "application/json" };
  return ask(path, { method: "POST", headers, body: JSON.stringify(body), signal });
}

/** @type {Promise<ScriptApiMember[]> | undefined} */
let names;

/**
 * Every name that scripts may use. It is asked for once a page, and again if that fails.
 * @returns {Promise<ScriptApiMember[]>}
 */
export function scriptNames() {
  names ??= ask("/script-api").then(
    (page) => page.items,
    () => {
      names = undefined;
      return [];
    },
  );
  return names;
}

/**
 * Reads a script without executing it.
 * @param {string} source
 * @returns {Promise<Checked>}
 */
export function checkScript(source) {
  return send("/scripts/check", { source });
}

/** @type {Promise<FilterField[]> | undefined} */
let fields;

/**
 * Everything that filters can ask about. It is asked for once a page, and again if that fails.
 * @returns {Promise<FilterField[]>}
 */
export function filterFields() {
  fields ??= ask("/filter-fields").then((page) => page.items);
  fields.catch(() => (fields = undefined));
  return fields;
}

/**
 * Reads a text as a filter.
 * @param {string} filter
 * @param {AbortSignal} signal
 * @returns {Promise<FilterTree>}
 */
export function readFilter(filter, signal) {
  return send("/filters/parse", { filter }, signal);
}

/**
 * How many users a filter selects; an empty text: all of them.
 * @param {string} filter
 * @param {number | null} atMost
 * @param {AbortSignal} signal
 * @returns {Promise<Count>}
 */
export function countUsers(filter, atMost, signal) {
  return send("/filters/count", { filter: filter || null, at_most: atMost }, signal);
}

/**
 * Names that values of a field can have: of organizations, or of profiles.
 * @param {"organizations" | "profiles"} which
 * @returns {Promise<string[]>}
 */
export async function knownNames(which) {
  /** @type {{items: {name?: string, short_name?: string}[]}} */
  const page = await ask(`/${which}`);
  return page.items.flatMap((each) => each.name ?? each.short_name ?? []);
}

/**
 * How the rows of a file match users by a key.
 * @param {string} upload
 * @param {URLSearchParams} form How it is read.
 * @param {AbortSignal} signal
 * @returns {Promise<RowsReport>}
 */
export function matchRows(upload, form, signal) {
  return ask(`/uploads/${encodeURIComponent(upload)}/report?${form}`, { signal });
}

/**
 * News of a run, as events `run`.
 * @param {string} run
 */
export function followRun(run) {
  return new EventSource(`/api/v1/runs/${encodeURIComponent(run)}/events`);
}
