// `<filter-builder>` shows the filter of the field `filter` in it as rows, both ways, and how many users it selects. What
// is sent is the field. What it means, and where it is wrong, the server says.

import { countUsers, filterFields, Refused, readFilter } from "./api.js";
import { group, groupOf, pieceAt, pieces, row } from "./filter-model.js";
import { FilterRows } from "./filter-rows.js";
import { make, pressable } from "./make.js";

/** @typedef {import("./api.js").FilterTree} FilterTree */

/** Nobody is told of mistakes in a word that they are writing. */
const DELAY = 300;
/** Nobody waits for more to be counted. */
const COUNTED = 10_000;
const OPEN = "rollcall-filter-rows";

const number = new Intl.NumberFormat("en");
/** @param {number} users */
const people = (users) => `${number.format(users)} user${users === 1 ? "" : "s"}`;

export class FilterBuilder extends HTMLElement {
  /** @type {HTMLInputElement | HTMLTextAreaElement | null} */
  #text = null;
  /** @type {FilterRows | undefined} */
  #rows;
  /** Whether the rows are what the text was written from. */
  #ours = false;
  /** What is under way ends when something else is to be known. */
  #asked = new AbortController();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #count = make("p", { className: "filter-count" });
  #all = pressable("Count all", () => this.#ask({ atMost: null }), "quiet");
  #toggle = pressable("Build", () => this.#open(Boolean(this.#panel.hidden)), "quiet");
  #panel = make("div", { className: "filter-panel", hidden: true });
  #note = make("p", { className: "soft" });
  #fault = make("div", { className: "filter-fault", hidden: true });

  connectedCallback() {
    // It may be moved from one state of the page to the next.
    if (this.#text) return;
    const text = this.querySelector("[name=filter]");
    if (!(text instanceof HTMLInputElement || text instanceof HTMLTextAreaElement)) return;
    this.#text = text;
    const [fault] = this.getElementsByClassName("filter-fault");
    if (fault instanceof HTMLDivElement) this.#fault = fault;
    this.#fault.id ||= "filter-fault";
    this.#fault.setAttribute("role", "alert");
    this.#panel.id = "filter-panel";
    this.#panel.append(this.#note);
    this.#toggle.setAttribute("aria-controls", this.#panel.id);
    this.#toggle.setAttribute("aria-expanded", "false");
    this.#count.setAttribute("role", "status");
    this.#all.hidden = true;
    const foot = make("div", { className: "filter-foot" });
    foot.append(this.#toggle, this.#count, this.#all);
    this.append(this.#fault, foot, this.#panel);
    text.addEventListener("input", () => this.#written());
    // Whoever picks a saved filter, or goes back in a form.
    text.form?.addEventListener("reset", () => setTimeout(() => this.#written()));
    if (sessionStorage.getItem(OPEN)) this.#open(true);
    else if (!this.hasAttribute("data-counted") && text.value.trim()) this.#ask();
  }

  disconnectedCallback() {
    clearTimeout(this.#timer);
    this.#asked.abort();
  }

  /** What the field says. */
  get value() {
    return this.#text?.value ?? "";
  }

  /** The text was written by hand, or by the rows. */
  #written(ours = false) {
    this.#ours = ours;
    // Until they are read anew, rows say what was written before: nobody writes that over what is there now.
    if (!ours && this.#rows) this.#rows.element.inert = true;
    clearTimeout(this.#timer);
    this.#asked.abort();
    this.#timer = setTimeout(() => this.#ask(), DELAY);
  }

  /** @param {boolean} open */
  async #open(open) {
    this.#panel.hidden = !open;
    this.#toggle.setAttribute("aria-expanded", String(open));
    if (!open) return sessionStorage.removeItem(OPEN);
    sessionStorage.setItem(OPEN, "yes");
    await this.#ask({ counts: !this.hasAttribute("data-counted") });
  }

  /**
   * Asks what the text means, and how many users it selects.
   * @param {{atMost?: number | null, counts?: boolean}} [wanted]
   */
  async #ask({ atMost = COUNTED, counts = true } = {}) {
    this.#asked.abort();
    this.#asked = new AbortController();
    const { signal } = this.#asked;
    const text = this.value;
    try {
      const read = text.trim() ? await readFilter(text, signal) : null;
      const fields = this.#panel.hidden ? null : await filterFields();
      if (signal.aborted) return;
      if (fields) this.#draw(fields, read);
      this.#tell(read?.fault ?? null);
      if (read?.fault) return this.#say("");
      if (!counts) return;
      this.#say("Counting…");
      const { users, more } = await countUsers(text.trim(), atMost, signal);
      this.#say(`${number.format(users)}${more ? "+" : ""} ${people(users).replace(/^\S+ /, "")}`, more);
    } catch (error) {
      if (signal.aborted) return;
      const { status = 0 } = error instanceof Refused ? error : {};
      this.#say(status === 401 ? "Sign in again to have it checked." : "Not checked: the server does not answer.");
    }
  }

  /**
   * @param {string} text
   * @param {boolean} [more] Whether there are more than were counted.
   */
  #say(text, more = false) {
    if (this.#count.textContent !== text) this.#count.textContent = text;
    // Who has pressed it is not left nowhere.
    if (!more && this.#all === document.activeElement) this.#toggle.focus();
    this.#all.hidden = !more;
  }

  /**
   * Shows the rows of a text. While it is wrong, those stay that it was written from.
   * @param {import("./api.js").FilterField[]} fields
   * @param {FilterTree | null} read Null: there is no text.
   */
  #draw(fields, read) {
    this.#rows ??= new FilterRows(fields, () => this.#write());
    const rows = this.#rows;
    if (!rows.element.isConnected) this.#panel.append(rows.element);
    let note = "";
    if (!this.#ours) {
      const kindOf = (/** @type {string | null} */ list, /** @type {string} */ name) =>
        rows.field(list, name)?.kind ?? "text";
      const shown = !read ? group({ terms: [row()] }) : read.tree && groupOf(read.tree, kindOf);
      if (read?.fault) note = "The rows come back as soon as the text can be read.";
      else if (!shown) note = "This filter is too long for rows: it stays text.";
      else if (read?.name) note = `This is the saved filter ${read.name}. Changing a row makes a filter of its own.`;
      rows.element.hidden = !shown;
      if (shown) rows.show(shown);
      rows.element.inert = false;
    }
    this.#note.textContent = note;
    this.#note.hidden = !note;
  }

  /** Writes the rows into the field. */
  #write() {
    if (!this.#text || !this.#rows || this.#rows.element.inert) return;
    this.#text.value = this.#pieces()
      .map(({ text }) => text)
      .join("");
    this.#written(true);
    // For whoever else looks at the field; here it is known.
    this.#text.dispatchEvent(new CustomEvent("rewritten", { bubbles: true }));
  }

  #pieces() {
    const rows = /** @type {FilterRows} */ (this.#rows);
    return pieces(rows.root, null, (list, name) => rows.field(list, name)?.kind ?? "text");
  }

  /**
   * Tells where the text is wrong: in words, in the text, and in the row.
   * @param {{column: number, message: string} | null} fault
   */
  #tell(fault) {
    const text = this.#text;
    if (!text) return;
    this.#fault.hidden = !fault;
    if (!fault) {
      text.removeAttribute("aria-invalid");
      text.removeAttribute("aria-describedby");
      this.#fault.replaceChildren();
      this.#rows?.mark(null, "");
      return;
    }
    text.setAttribute("aria-invalid", "true");
    text.setAttribute("aria-describedby", this.#fault.id);
    const all = Array.from(text.value);
    const at = fault.column - 1;
    const before = all.slice(0, at).join("");
    const message = make("p", { textContent: `${fault.message} ` });
    message.append(
      pressable(
        `Go to column ${fault.column}`,
        () => {
          text.focus();
          text.setSelectionRange(before.length, before.length + (all[at]?.length ?? 0));
        },
        "quiet",
      ),
    );
    const shown = make("p", { className: "mono filter-text" });
    shown.append(before, make("mark", { textContent: all[at] ?? " " }), all.slice(at + 1).join(""));
    this.#fault.replaceChildren(message, shown);
    this.#rows?.mark(this.#ours ? pieceAt(this.#pieces(), fault.column) : null, this.#fault.id);
  }
}
