// `<script-editor>` makes a comfortable editor of the `<textarea>` in it. The textarea stays what its form sends.

import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { python } from "@codemirror/lang-python";
import { bracketMatching, indentOnInput, indentUnit } from "@codemirror/language";
import { lintGutter, lintKeymap } from "@codemirror/lint";
import { highlightSelectionMatches, searchKeymap } from "@codemirror/search";
import { EditorState, Prec } from "@codemirror/state";
import {
  drawSelection,
  EditorView,
  highlightActiveLine,
  highlightActiveLineGutter,
  highlightSpecialChars,
  keymap,
  lineNumbers,
} from "@codemirror/view";

import { appearance, frame } from "./look.js";
import { checks } from "./script-checks.js";
import { completions, documentation } from "./script-names.js";

/** @typedef {import("./api.js").Checked} Checked */

const HINT = "Tab indents; Escape, then Tab goes on to what follows.";
/** A place that a link may name, as in `#line-12`. */
const PLACE = /^#line-(\d+)$/;

/** @param {number} count @param {string} noun */
const counted = (count, noun) => `${count} ${noun}${count === 1 ? "" : "s"}`;

/**
 * The label of the textarea is the label of the editor. Ctrl+S presses the form's button with `data-save`, or else its
 * first one; Ctrl+Enter the one with `data-try`.
 */
export class ScriptEditor extends HTMLElement {
  /** @type {EditorView | undefined} */
  #view;
  /** @type {HTMLTextAreaElement | null} */
  #text = null;
  #status = document.createElement("p");
  /** @type {import("./api.js").Parameter[]} */
  #parameters = [];
  /** Whether a form takes along what was written. */
  #taken = false;
  /** Ends what this element listens to elsewhere. */
  #here = new AbortController();

  connectedCallback() {
    this.#text = this.querySelector("textarea");
    if (!this.#text) return;
    // A stylesheet of a shadow tree needs no say of the page's content security policy.
    const root = this.shadowRoot ?? this.attachShadow({ mode: "open" });
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(frame);
    root.adoptedStyleSheets = [sheet];
    const footer = document.createElement("footer");
    const hint = document.createElement("p");
    hint.id = "hint";
    hint.textContent = HINT;
    this.#status.setAttribute("role", "status");
    footer.append(this.#status, hint);
    root.replaceChildren(document.createElement("slot"), footer);
    this.#view = new EditorView({ root, state: this.#state(this.#text) });
    root.insertBefore(this.#view.dom, footer);
    this.#listen(this.#text, this.#view);
    this.#goToPlace();
  }

  disconnectedCallback() {
    this.#here.abort();
    this.#here = new AbortController();
    this.#view?.destroy();
    this.#view = undefined;
  }

  /** The script. */
  get value() {
    return this.#text?.value ?? "";
  }

  set value(text) {
    const view = this.#view;
    view?.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text } });
  }

  /** @param {FocusOptions} [options] */
  focus(options) {
    if (this.#view) this.#view.focus();
    else super.focus(options);
  }

  /** @param {HTMLTextAreaElement} text */
  #state(text) {
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const label = [...text.labels].map((each) => each.textContent?.trim()).join(" ");
    const fixed = text.readOnly || text.disabled;
    return EditorState.create({
      doc: text.value,
      extensions: [
        Prec.highest(
          keymap.of([
            { key: "Mod-s", run: () => this.#press("[data-save]", true), preventDefault: true },
            { key: "Mod-Enter", run: () => this.#press("[data-try]", false) },
          ]),
        ),
        lineNumbers(),
        lintGutter(),
        highlightActiveLine(),
        highlightActiveLineGutter(),
        highlightSpecialChars(),
        highlightSelectionMatches(),
        history(),
        drawSelection({ cursorBlinkRate: still ? 0 : 1200 }),
        EditorState.allowMultipleSelections.of(true),
        EditorState.readOnly.of(fixed),
        indentUnit.of("    "),
        indentOnInput(),
        bracketMatching(),
        closeBrackets(),
        python(),
        autocompletion(),
        completions(() => this.#parameters),
        documentation,
        fixed ? [] : checks((checked, problem) => this.#tell(checked, problem)),
        keymap.of([
          ...closeBracketsKeymap,
          ...completionKeymap,
          ...lintKeymap,
          ...searchKeymap,
          ...historyKeymap,
          ...defaultKeymap,
          indentWithTab,
        ]),
        appearance,
        EditorView.contentAttributes.of({
          "aria-label": label || "Script",
          "aria-describedby": "hint",
          // It can be reached anyway; what scrolls around it is to have something that says so.
          tabindex: "0",
          spellcheck: "false",
          autocorrect: "off",
          autocapitalize: "off",
        }),
        EditorView.updateListener.of((update) => {
          if (update.docChanged) this.#keepInStep(update.state);
        }),
      ],
    });
  }

  /** @param {EditorState} state */
  #keepInStep(state) {
    if (!this.#text) return;
    this.#taken = false;
    this.#text.value = state.doc.toString();
    this.#text.dispatchEvent(new Event("input", { bubbles: true }));
  }

  /**
   * @param {HTMLTextAreaElement} text
   * @param {EditorView} view
   */
  #listen(text, view) {
    const { signal } = this.#here;
    for (const label of text.labels) label.addEventListener("click", () => view.focus(), { signal });
    text.form?.addEventListener("reset", () => (this.value = text.defaultValue), { signal });
    // Last of all: who sends the form in another way has said so by then.
    const taken = (/** @type {Event} */ event) => {
      if (event.target === text.form && !event.defaultPrevented) this.#taken = true;
    };
    window.addEventListener("submit", taken, { signal });
    // Whoever leaves by a link is asked whether they mean it.
    const keep = (/** @type {Event} */ event) => {
      if (text.value !== text.defaultValue && !this.#taken) event.preventDefault();
    };
    window.addEventListener("beforeunload", keep, { signal });
    // A browser cannot show what is wrong with a field that it does not show.
    const refuse = (/** @type {Event} */ event) => {
      event.preventDefault();
      view.focus();
      this.#say(text.validationMessage, true);
    };
    text.addEventListener("invalid", refuse, { signal });
    window.addEventListener("hashchange", () => this.#goToPlace(), { signal });
  }

  /** Shows the line that the address names. */
  #goToPlace() {
    const [, number] = PLACE.exec(location.hash) ?? [];
    const view = this.#view;
    if (!number || !view) return;
    const line = view.state.doc.line(Math.min(Math.max(Number(number), 1), view.state.doc.lines));
    view.dispatch({
      selection: { anchor: line.from },
      effects: EditorView.scrollIntoView(line.from, { y: "center" }),
    });
    view.focus();
  }

  /**
   * Presses a button of the form; false: there is none.
   * @param {string} which
   * @param {boolean} orFirst
   */
  #press(which, orFirst) {
    const all = [...(this.#text?.form?.elements ?? [])].filter((each) => each instanceof HTMLButtonElement);
    const buttons = all.filter((each) => each.type === "submit");
    const button = buttons.find((each) => each.matches(which)) ?? (orFirst ? buttons[0] : undefined);
    if (!button) return false;
    button.click();
    return true;
  }

  /**
   * @param {Checked | null} checked
   * @param {string} [problem]
   */
  #tell(checked, problem) {
    if (!checked) return this.#say(problem ?? "", false);
    // Of a script that cannot be read nobody knows what it declares.
    if (!checked.faults.length) this.#parameters = checked.parameters;
    const found = [];
    if (checked.faults.length) found.push(counted(checked.faults.length, "error"));
    if (checked.warnings.length) found.push(counted(checked.warnings.length, "warning"));
    const [first] = [...checked.faults, ...checked.warnings];
    const where = first ? ` Line ${first.line}: ${first.message}` : "";
    this.#say(first ? `${found.join(", ")}.${where}` : "No mistakes found.", checked.faults.length > 0);
  }

  /**
   * @param {string} text
   * @param {boolean} wrong
   */
  #say(text, wrong) {
    this.#status.classList.toggle("wrong", wrong);
    // Who listens is told again only if there is something new.
    if (this.#status.textContent !== text) this.#status.textContent = text;
  }
}
