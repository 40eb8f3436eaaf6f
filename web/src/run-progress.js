// `<run-progress data-run="7" data-state="running">` keeps a run's page true while the run goes on. The server makes all
// texts: at each event of the run its parts (`data-part`) are loaded and taken. Where no events come, they are loaded
// every other second. When the run ends, the page is loaded again.

import { followRun } from "./api.js";
import { askForPage, makeSame, partOf } from "./page.js";

/** Between two looks where no events come, in milliseconds. */
const POLL_MS = 2_000;
/** Between two looks where they do, at least. */
const EVENT_MS = 500;
/** In percent: a screen reader is told each time that much more is done. */
const STEP = 10;

/** How long a run may be interrupted before the page says what can follow: another worker may resume it. */
const GRACE_MS = 15_000;

const ENDED = ["finished", "stopped", "cancelled"];
const INTERRUPTED = "interrupted";
/** Nothing happens at these, though a run may be resumed. */
const AT_REST = [...ENDED, INTERRUPTED];

export class RunProgress extends HTMLElement {
  /** @type {EventSource | undefined} */
  #events;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #status = document.createElement("p");
  #told = 0;
  /** What the page shows. */
  #state = "";
  #loading = false;
  /** Something has happened since the parts were asked for. */
  #again = false;
  /** No events come. */
  #polls = false;
  /** Since when the run is interrupted, by the clock of this page. @type {number | undefined} */
  #interrupted;

  connectedCallback() {
    if (!this.dataset.run) return;
    this.#state = this.dataset.state ?? "";
    if (AT_REST.includes(this.#state)) return;
    this.#told = this.#tenth(Number(this.dataset.percent ?? 0));
    // Read out, and not seen: the numbers beside it are.
    this.#status.className = "unseen";
    this.#status.setAttribute("role", "status");
    this.append(this.#status);
    this.#follow(this.dataset.run);
  }

  disconnectedCallback() {
    this.#stop();
    this.#status.remove();
  }

  #stop() {
    this.#events?.close();
    clearTimeout(this.#timer);
    this.#state = "";
  }

  /** @param {string} run */
  #follow(run) {
    const events = followRun(run);
    this.#events = events;
    events.addEventListener("run", () => this.#look());
    events.addEventListener("error", () => {
      // A browser comes back by itself, unless it was refused.
      if (events.readyState === EventSource.CLOSED) this.#poll();
    });
  }

  async #poll() {
    this.#polls = true;
    if (await this.#look()) this.#timer = setTimeout(() => this.#poll(), POLL_MS);
  }

  /** Loads the parts and takes them. True: there may be more. */
  async #look() {
    if (this.#loading) {
      this.#again = true;
      return true;
    }
    this.#loading = true;
    const query = new URLSearchParams({ outcome: this.dataset.outcome ?? "" });
    const answer = await askForPage(`/runs/${this.dataset.run}/progress?${query}`);
    this.#loading = false;
    if (!this.isConnected || !this.#state) return false;
    // Who is signed out, or may not look, is not told by asking again.
    if (answer && !partOf(answer.page, "progress") && answer.status < 500 && answer.status !== 429) {
      this.#stop();
      return false;
    }
    const found = answer && partOf(answer.page, "progress") ? answer.page : null;
    if (found && !this.#show(found)) return false;
    // No event may follow the one whose parts could not be loaded.
    const waits = !found || this.#interrupted !== undefined;
    if (!this.#polls && (this.#again || waits)) {
      this.#again = false;
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#look(), waits ? POLL_MS : EVENT_MS);
    }
    return true;
  }

  /** @param {Document} page */
  #show(page) {
    const { state = "", percent = "0" } = page.documentElement.dataset;
    this.#interrupted = state === INTERRUPTED ? (this.#interrupted ?? performance.now()) : undefined;
    const waits = this.#interrupted !== undefined && performance.now() - this.#interrupted < GRACE_MS;
    if (AT_REST.includes(state) && !waits) {
      this.#stop();
      if (ENDED.includes(state)) this.#say(state);
      // What the page says of its end, the server writes.
      location.reload();
      return false;
    }
    for (const next of page.querySelectorAll("[data-part]")) {
      const old = partOf(document, next.getAttribute("data-part") ?? "");
      if (!old) continue;
      const same = /** @type {Element} */ (old.cloneNode(false));
      same.append(...[...next.childNodes].map((each) => document.importNode(each, true)));
      makeSame(old, same);
    }
    document.title = page.title;
    const tenth = this.#tenth(Number(percent));
    if (tenth > this.#told) this.#say(`${tenth} % done`);
    this.#told = tenth;
    return true;
  }

  /** @param {number} percent */
  #tenth(percent) {
    return Math.floor(percent / STEP) * STEP;
  }

  /** @param {string} text */
  #say(text) {
    this.#status.textContent = `Run ${this.dataset.run}: ${text}`;
  }
}
