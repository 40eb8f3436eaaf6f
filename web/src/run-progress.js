// `<run-progress data-run="7" data-state="running">` keeps what it holds true while a run goes on: its `<progress>`, and
// the texts of `data-field` "done", "targets", "rate", "left" and "state". When the run ends, the page is loaded again.

import { Refused, followRun, lookAtRun } from "./api.js";
import { Pace, lasting, speed } from "./pace.js";

/** @typedef {import("./api.js").Run} Run */

/** Between two looks where no news come, in milliseconds. */
const EVERY = 2_000;
/** In percent: whoever listens is told each time that much more is done. */
const STEP = 10;

const ENDED = ["finished", "stopped", "cancelled"];
/** Nobody is at these, though they may go on. */
const AT_REST = [...ENDED, "interrupted"];

const number = new Intl.NumberFormat("en");

/** @param {Run} run */
const done = (run) => Object.values(run.outcomes).reduce((sum, count) => sum + count, 0);

export class RunProgress extends HTMLElement {
  /** @type {EventSource | undefined} */
  #events;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #pace = new Pace();
  #told = 0;
  #status = document.createElement("p");
  /** What the page shows, or what was seen first. */
  #state = "";

  connectedCallback() {
    const run = this.dataset.run;
    if (!run) return;
    this.#state = this.dataset.state ?? "";
    if (AT_REST.includes(this.#state)) return;
    // Read out, and not seen: the numbers beside it are.
    this.#status.setAttribute("role", "status");
    Object.assign(this.#status.style, { position: "absolute", width: "1px", height: "1px", margin: "-1px" });
    Object.assign(this.#status.style, { overflow: "hidden", clipPath: "inset(50%)", whiteSpace: "nowrap" });
    this.append(this.#status);
    this.#follow(run);
  }

  disconnectedCallback() {
    this.#events?.close();
    clearTimeout(this.#timer);
    this.#status.remove();
  }

  /** @param {string} run */
  #follow(run) {
    const events = followRun(run);
    this.#events = events;
    events.addEventListener("run", (event) => {
      if (this.#show(JSON.parse(event.data))) events.close();
    });
    events.addEventListener("error", () => {
      // A browser comes back by itself, unless it was refused.
      if (events.readyState === EventSource.CLOSED) this.#poll(run);
    });
  }

  /** @param {string} run */
  async #poll(run) {
    try {
      if (this.#show(await lookAtRun(run))) return;
    } catch (error) {
      // Whoever is signed out, or may not look, will not be told by asking again.
      if (error instanceof Refused && error.status < 500 && error.status !== 429) return;
    }
    if (this.isConnected) this.#timer = setTimeout(() => this.#poll(run), EVERY);
  }

  /**
   * Shows where a run is. True: nothing more will come.
   * @param {Run} run
   */
  #show(run) {
    const count = done(run);
    const bar = this.querySelector("progress");
    if (bar) Object.assign(bar, { max: Math.max(run.targets, 1), value: count });
    this.#write("done", number.format(count));
    this.#write("targets", number.format(run.targets));
    this.#write("state", run.state);
    const rate = this.#pace.note(performance.now(), count);
    this.#write("rate", speed(rate));
    this.#write("left", rate ? lasting((run.targets - count) / rate) : "");
    this.#announce(run, count);
    const known = this.#state;
    this.#state = run.state;
    if (!AT_REST.includes(run.state)) return false;
    // What the page says of its end, the server writes. A page that knows already is not loaded again.
    if (known !== run.state) location.reload();
    return true;
  }

  /**
   * @param {string} field
   * @param {string} text
   */
  #write(field, text) {
    for (const place of this.querySelectorAll(`[data-field="${field}"]`)) {
      if (place.textContent !== text) place.textContent = text;
    }
  }

  /**
   * @param {Run} run
   * @param {number} count
   */
  #announce(run, count) {
    const percent = run.targets ? Math.floor((count * 100) / run.targets / STEP) * STEP : 0;
    if (percent <= this.#told && !ENDED.includes(run.state)) return;
    this.#told = percent;
    const text = ENDED.includes(run.state) ? `Run ${run.run}: ${run.state}` : `Run ${run.run}: ${percent} % done`;
    this.#status.textContent = text;
  }
}
