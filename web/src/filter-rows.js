// The rows of `<filter-builder>`: what is seen of a filter that is read.

import { knownNames } from "./api.js";
import { group, row } from "./filter-model.js";
import { comparisons, OF_GROUPS, OF_LISTS } from "./filter-words.js";
import { make, pressable, selectOf } from "./make.js";

/** @typedef {import("./api.js").FilterField} FilterField */
/** @typedef {import("./filter-model.js").Group} Group */
/** @typedef {import("./filter-model.js").Row} Row */
/** @typedef {import("./filter-model.js").Term} Term */

/** Times that somebody may want. */
const TIMES = ["now", "today", "now+7d", "now+30d", "now-30d", "now-1y", "null"];
const NAMES = { organization: "organizations", short_name: "profiles" };
/** Groups in each other that can be made here. */
const DEPTH = 4;

/** @param {{not: boolean}} term @param {string} what */
const chosen = ({ not }, what) => (not ? `not ${what}` : what);

/** @param {string} value @returns {{not: boolean, what: string}} */
const read = (value) => ({ not: value.startsWith("not "), what: value.replace(/^not /, "") });

export class FilterRows {
  #fields;
  #changed;
  /** @type {Group} */
  #root = group();
  #place = make("div", { className: "filter-rows" });
  /** @type {Map<Term, HTMLElement>} */
  #shown = new Map();
  #lists = 0;

  /**
   * @param {FilterField[]} fields
   * @param {() => void} changed Called when somebody has changed something.
   */
  constructor(fields, changed) {
    this.#fields = fields;
    this.#changed = changed;
  }

  get element() {
    return this.#place;
  }

  get root() {
    return this.#root;
  }

  /** @param {Group} root */
  show(root) {
    this.#root = root;
    this.#draw();
  }

  /** @param {string | null} list @param {string} name */
  field(list, name) {
    return this.#fields.find((each) => each.name === name && each.list === list);
  }

  /**
   * Marks whose value is wrong; null: nobody's is.
   * @param {Term | null | undefined} term
   * @param {string} told The number of the element that says why.
   */
  mark(term, told) {
    for (const [each, element] of this.#shown) {
      const value = element.querySelector(":scope > [data-value]");
      const wrong = each === term && each.is !== "group";
      value?.toggleAttribute("aria-invalid", wrong);
      if (wrong) value?.setAttribute("aria-invalid", "true");
      if (wrong) value?.setAttribute("aria-describedby", told);
      else value?.removeAttribute("aria-describedby");
    }
  }

  /** @param {{term: Term, what: string}} [focus] */
  #draw(focus) {
    this.#shown.clear();
    this.#place.replaceChildren(this.#group(this.#root, null, null, 1));
    if (!focus) return;
    const at = this.#shown
      .get(focus.term)
      ?.querySelector(`:scope > [data-${focus.what}], :scope > .filter-head > [data-${focus.what}]`);
    if (at instanceof HTMLElement) at.focus();
  }

  /** @param {{term: Term, what: string}} [focus] */
  #redraw(focus) {
    this.#draw(focus);
    this.#changed();
  }

  /**
   * @param {Group} it
   * @param {Group | null} parent
   * @param {string | null} list The list whose entries it is about, from outside.
   * @param {number} depth
   * @returns {HTMLElement}
   */
  #group(it, parent, list, depth) {
    const within = it.list ?? list;
    const head = make("div", { className: "filter-head" });
    if (it.list !== null && parent) {
      head.append(this.#fieldOf(it, parent, list), this.#ofList(it, it.list, parent));
    } else {
      const join = selectOf("How the conditions join", OF_GROUPS, chosen(it, it.join));
      join.dataset.join = "";
      join.addEventListener("change", () => {
        const { not, what } = read(join.value);
        Object.assign(it, { not, join: what });
        this.#changed();
      });
      head.append(join);
    }
    if (parent) head.append(this.#remover(it, parent, it.list === null ? "Remove this group" : `Remove ${it.list}`));
    const terms = it.terms.map((term) => this.#term(term, it, within, depth));
    const foot = make("div", { className: "filter-add" });
    const add = (/** @type {Term} */ term, /** @type {string} */ focus) => {
      it.terms.push(term);
      this.#redraw({ term, what: focus });
    };
    const first = () =>
      row(within === null ? {} : { field: this.#fields.filter(({ list }) => list === within)[1]?.name });
    foot.append(pressable("Add a condition", () => add(first(), "field"), "quiet"));
    if (depth < DEPTH) {
      foot.append(pressable("Add a group", () => add(group({ join: "any", terms: [first()] }), "join"), "quiet"));
    }
    const name = it.list === null ? (parent ? "Group of conditions" : "Conditions") : `Conditions on ${it.list}`;
    const box = make("div", { className: "filter-group", role: "group", ariaLabel: name });
    box.append(head, ...terms, foot);
    this.#shown.set(it, box);
    return box;
  }

  /**
   * @param {Term} term
   * @param {Group} parent
   * @param {string | null} list
   * @param {number} depth
   */
  #term(term, parent, list, depth) {
    if (term.is === "group") return this.#group(term, parent, list, depth + 1);
    const number = parent.terms.indexOf(term) + 1;
    const line = make("div", { className: "filter-row", role: "group", ariaLabel: `Condition ${number}` });
    if (term.is === "text") {
      const text = make("input", {
        value: term.text,
        ariaLabel: "Condition as text",
        className: "mono",
        spellcheck: false,
      });
      text.dataset.value = "";
      text.addEventListener("input", () => {
        term.text = text.value;
        this.#changed();
      });
      line.append(text);
    } else if (list === null && this.field(null, term.field)?.kind === "list") {
      line.append(this.#fieldOf(term, parent, list), this.#ofList(term, term.field, parent));
    } else {
      const kind = this.field(list, term.field)?.kind ?? "text";
      line.append(this.#fieldOf(term, parent, list), this.#comparison(term, list, kind));
      if (term.comparison !== "pr") line.append(...this.#value(term, kind));
    }
    line.append(this.#remover(term, parent, `Remove condition ${number}`));
    this.#shown.set(term, line);
    return line;
  }

  /**
   * @param {Row | Group} term
   * @param {Group} parent
   * @param {string | null} list
   */
  #fieldOf(term, parent, list) {
    const here = this.#fields.filter((field) => field.list === list);
    const option = (/** @type {FilterField} */ { name }) => ({ value: name, text: name });
    const plain = here.filter(({ kind }) => kind !== "list").map(option);
    const lists = here.filter(({ kind }) => kind === "list").map(option);
    const now = term.is === "row" ? term.field : (term.list ?? "");
    const field = selectOf("Field", plain, now, lists.length ? { text: "Lists", choices: lists } : undefined);
    field.dataset.field = "";
    field.addEventListener("change", () => {
      const next = this.#withField(term, list, field.value);
      parent.terms.splice(parent.terms.indexOf(term), 1, next);
      this.#redraw({ term: next, what: "field" });
    });
    return field;
  }

  /**
   * The same about another field: what is said of the old one stays as far as it can be said of the new one.
   * @param {Row | Group} term
   * @param {string | null} list
   * @param {string} name
   * @returns {Row | Group}
   */
  #withField(term, list, name) {
    const field = this.field(list, name);
    if (field?.kind === "list") return group({ list: name, terms: [this.#firstOf(name)] });
    if (term.is !== "row") return row({ field: name, value: field?.kind === "bool" ? "true" : "" });
    const same = this.field(list, term.field)?.kind === field?.kind;
    const comparison = field?.comparisons.includes(term.comparison) ? term.comparison : "eq";
    const value = same ? term.value : field?.kind === "bool" ? "true" : "";
    return row({ ...term, field: name, comparison, value, not: term.not && comparison === term.comparison });
  }

  /** The first condition on entries of a list: on what people call them. @param {string} list */
  #firstOf(list) {
    const parts = this.#fields.filter((field) => field.list === list);
    return row({ field: (parts.find(({ kind }) => kind === "text") ?? parts[0]).name });
  }

  /**
   * @param {Row | Group} term
   * @param {string} list
   * @param {Group} parent
   */
  #ofList(term, list, parent) {
    const how = selectOf("What the list has", OF_LISTS, chosen(term, term.is === "row" ? "pr" : term.join));
    how.dataset.how = "";
    how.addEventListener("change", () => {
      const { not, what } = read(how.value);
      const terms = term.is === "group" && term.terms.length ? term.terms : [this.#firstOf(list)];
      const join = what === "any" ? "any" : "all";
      const next = what === "pr" ? row({ field: list, comparison: "pr", not }) : group({ list, join, not, terms });
      parent.terms.splice(parent.terms.indexOf(term), 1, next);
      this.#redraw({ term: next, what: "how" });
    });
    return how;
  }

  /**
   * @param {Row} term
   * @param {string | null} list
   * @param {string} kind
   */
  #comparison(term, list, kind) {
    // Values of attributes that are numbers are compared as numbers.
    const words = list !== null && term.field === "value" ? "int" : kind;
    const now = chosen(term, term.comparison);
    const possible = this.field(list, term.field)?.comparisons ?? [];
    const all = [...comparisons(words, possible, now), ...(words === kind ? [] : comparisons(kind, possible, now))];
    const each = all.filter(({ value }, at) => all.findIndex((other) => other.value === value) === at);
    const how = selectOf("Comparison", each, now);
    how.dataset.how = "";
    how.addEventListener("change", () => {
      const { not, what } = read(how.value);
      const drawn = (what === "pr") !== (term.comparison === "pr");
      Object.assign(term, { not, comparison: what });
      if (drawn) this.#redraw({ term, what: "how" });
      else this.#changed();
    });
    return how;
  }

  /**
   * @param {Row} term
   * @param {string} kind
   * @returns {HTMLElement[]}
   */
  #value(term, kind) {
    if (kind === "bool") {
      const value = selectOf(
        "Value",
        ["true", "false"].map((text) => ({ value: text, text })),
        term.value,
      );
      value.dataset.value = "";
      value.addEventListener("change", () => {
        term.value = value.value;
        this.#changed();
      });
      return [value];
    }
    const value = make("input", { value: term.value, ariaLabel: "Value", autocomplete: "off", spellcheck: false });
    value.dataset.value = "";
    if (kind === "int") value.inputMode = "numeric";
    if (kind === "time") value.placeholder = "2026-12-01, now, now+30d";
    value.addEventListener("input", () => {
      term.value = value.value;
      this.#changed();
    });
    const known = NAMES[/** @type {keyof typeof NAMES} */ (term.field)];
    if (kind !== "time" && !known) return [value];
    this.#lists += 1;
    const list = make("datalist", { id: `filter-values-${this.#lists}` });
    value.setAttribute("list", list.id);
    const offer = (/** @type {string[]} */ names) =>
      list.replaceChildren(...names.map((each) => new Option(each, each)));
    if (kind === "time") offer(TIMES);
    // Whoever is not told of names types them.
    else knownNames(/** @type {"organizations" | "profiles"} */ (known)).then(offer, () => {});
    return [value, list];
  }

  /**
   * @param {Term} term
   * @param {Group} parent
   * @param {string} label
   */
  #remover(term, parent, label) {
    const remove = pressable(
      "✕",
      () => {
        const at = parent.terms.indexOf(term);
        parent.terms.splice(at, 1);
        const next = parent.terms[Math.min(at, parent.terms.length - 1)];
        this.#redraw(next ? { term: next, what: "remove" } : undefined);
        if (!next)
          /** @type {HTMLElement | null} */ (this.#shown.get(parent)?.querySelector(".filter-add button"))?.focus();
      },
      "quiet filter-remove",
    );
    remove.ariaLabel = label;
    remove.title = label;
    remove.dataset.remove = "";
    return remove;
  }
}
