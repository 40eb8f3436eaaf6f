// `<csv-map data-upload="7">`: a column of the sample is chosen by pressing its head, and how many rows would match is
// known at once. The selects `column` and `field` in it are what its form sends.

import { matchRows, Refused } from "./api.js";
import { make, pressable } from "./make.js";

/** So soon after a choice it is looked at. */
const DELAY = 150;
const DELIMITERS = new Map([
  ["comma", ","],
  ["semicolon", ";"],
  ["tab", "\t"],
  ["pipe", "|"],
]);

const number = new Intl.NumberFormat("en");

export class CsvMap extends HTMLElement {
  #status = make("p", { className: "soft" });
  #asked = new AbortController();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  connectedCallback() {
    if (this.#status.isConnected) return;
    this.#status.setAttribute("role", "status");
    this.querySelector(".row")?.after(this.#status);
    for (const head of this.#heads()) {
      const name = head.dataset.column ?? "";
      const press = pressable(name, () => this.#choose(name), "quiet");
      press.title = "Let this column name the users";
      head.replaceChildren(press);
    }
    this.addEventListener("change", () => this.#changed());
    this.#mark();
  }

  disconnectedCallback() {
    clearTimeout(this.#timer);
    this.#asked.abort();
  }

  #heads() {
    return [...this.querySelectorAll("th[data-column]")].filter((each) => each instanceof HTMLElement);
  }

  /** @param {string} name */
  #field(name) {
    const field = this.querySelector(`[name="${name}"]`);
    return field instanceof HTMLSelectElement || field instanceof HTMLInputElement ? field : null;
  }

  /** @param {string} name */
  #value(name) {
    return this.#field(name)?.value ?? "";
  }

  /** @param {string} column */
  #choose(column) {
    const field = this.#field("column");
    if (field) field.value = column;
    this.#changed();
  }

  #changed() {
    this.#mark();
    clearTimeout(this.#timer);
    this.#asked.abort();
    this.#timer = setTimeout(() => this.#ask(), DELAY);
  }

  /** Shows which column it is. */
  #mark() {
    const now = this.#value("column");
    const at = this.#heads().findIndex((each) => each.dataset.column === now);
    for (const [index, head] of this.#heads().entries()) {
      head.classList.toggle("key", index === at);
      head.querySelector("button")?.setAttribute("aria-pressed", String(index === at));
    }
    for (const row of this.querySelectorAll("tbody tr")) {
      // The first cell is the number of the line.
      for (const [index, cell] of [...row.children].entries())
        cell.classList.toggle("key", at >= 0 && index === at + 1);
    }
  }

  async #ask() {
    const upload = this.dataset.upload;
    if (!upload) return;
    this.#asked = new AbortController();
    const { signal } = this.#asked;
    const form = new URLSearchParams();
    const [column, field] = [this.#value("column"), this.#value("field")];
    const delimiter = DELIMITERS.get(this.#value("delimiter"));
    if (column) form.set("key", field ? `${column}=${field}` : column);
    if (delimiter) form.set("delimiter", delimiter);
    for (const name of ["encoding", "sheet", "header_row", "hidden"])
      if (this.#value(name)) form.set(name, this.#value(name));
    this.#status.textContent = "Matching…";
    try {
      const { rows, matched } = await matchRows(upload, form, signal);
      this.#status.textContent = `${number.format(matched)} of ${number.format(rows)} rows would match.`;
    } catch (error) {
      if (signal.aborted) return;
      const said =
        error instanceof Refused && error.status < 500 ? error.message : "Not matched: the server does not answer.";
      this.#status.textContent = said.endsWith("?") ? `${said} Choose it above.` : said;
    }
  }
}
