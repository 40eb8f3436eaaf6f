// The API that this page's server has. The session is in a cookie, which the browser shows by itself.

/**
 * A name that scripts may use: see `GET /api/v1/script-api`.
 * @typedef {object} ScriptName
 * @property {string} name
 * @property {string | null} of The kind of what it is written behind.
 * @property {string} kind
 * @property {"read" | "read_write" | "call"} access
 * @property {string | null} call
 * @property {string} about
 */

/** @typedef {{line: number, column: number, message: string}} Fault Line and column from 1, the column in characters. */
/** @typedef {{name: string, kind: string, required: boolean}} Parameter */
/** @typedef {{faults: Fault[], warnings: Fault[], parameters: Parameter[]}} Checked */

/**
 * A run, as far as its progress goes.
 * @typedef {object} Run
 * @property {number} run
 * @property {string} state
 * @property {number} targets
 * @property {Record<string, number>} outcomes
 * @property {number} seconds
 */

/** What the server does not do; `status` says why. */
export class Refused extends Error {
  /** @param {number} status */
  constructor(status) {
    super(`the server answers ${status}`);
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
  if (!answer.ok) throw new Refused(answer.status);
  return answer.json();
}

/** @type {Promise<ScriptName[]> | undefined} */
let names;

/**
 * Every name that scripts may use. It is asked for once a page, and again if that fails.
 * @returns {Promise<ScriptName[]>}
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
  return ask("/script-checks", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ source }),
  });
}

/**
 * Where a run is now.
 * @param {string} run
 * @returns {Promise<Run>}
 */
export function lookAtRun(run) {
  return ask(`/runs/${encodeURIComponent(run)}`);
}

/**
 * News of a run, as events `run`.
 * @param {string} run
 */
export function followRun(run) {
  return new EventSource(`/api/v1/runs/${encodeURIComponent(run)}/events`);
}
