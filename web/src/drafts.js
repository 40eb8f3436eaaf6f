// What is typed into a form that changes something stays in this browser until the form is done: per account and address,
// without passwords, codes, files and hidden fields. A page that opens with another text offers it.

import { make, pressable } from "./make.js";
import { account } from "./session.js";

/**
 * What was typed into a form on one visit: a text for each field, "on" or "" for each box.
 * @typedef {{id: string, at: number, fields: Record<string, string>}} Draft
 */
/** A form on this page. @typedef {{key: string, id: string, keep: boolean, offered: boolean}} Known */
/** A form that was sent by the browser. @typedef {{key: string, id: string, path: string}} Sent */

const PREFIX = "rollcall-draft:";
const SENT = "rollcall-sent";
/** Bounds of what is kept: drafts of one form, forms, characters of a draft, milliseconds. */
const VISITS = 3;
const FORMS = 30;
const LONGEST = 300_000;
const OLDEST = 30 * 24 * 60 * 60 * 1000;
/** After the last key, in milliseconds. */
const PAUSE = 300;

const KINDS = ["text", "search", "email", "number", "date", "datetime-local", "time", "tel", "url"];
/** Fields that prove or confirm something. */
const NEVER = /passw|secret|token$|^code$|^typed$|^targets$/i;
/** Hidden fields that tell forms of one page apart. */
const TELLS_APART = ["act", "tab", "kind", "id", "name", "script", "event"];
/** Parts of an address that say how a page is shown, not what it is about. */
const SHOWN = ["done", "cursor", "trail", "groups", "reply", "outcome"];

/** @type {WeakMap<HTMLFormElement, Known>} */
const known = new WeakMap();
/** Forms whose text is to be kept soon. @type {Set<HTMLFormElement>} */
const changed = new Set();
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;
/** Tells this visit from others. */
const visit = `${Date.now().toString(36)}-${Math.random().toString(36).slice(2)}`;

/** @typedef {HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement} Field */

/**
 * The fields of a form whose text is kept, by the names that a draft has for them.
 * @param {HTMLFormElement} form
 * @returns {Map<string, Field>}
 */
function fieldsOf(form) {
  /** @type {Map<string, Field>} */
  const found = new Map();
  const all = [...form.elements];
  // The value of an attribute such as Cleartext-Password is a password.
  const secret = all.some((each) => isField(each) && /passw|secret/i.test(each.value) && each.name === "attr");
  for (const each of all) {
    if (!isField(each) || !each.name || each.disabled || NEVER.test(each.name) || each.closest("[data-test]")) continue;
    if (/password|one-time-code/.test(each.autocomplete) || (secret && each.name === "value")) continue;
    if (each instanceof HTMLInputElement && ["checkbox", "radio"].includes(each.type)) {
      found.set(`${each.name}=${each.value}`, each);
    } else if (!(each instanceof HTMLInputElement) || KINDS.includes(each.type)) {
      if (!("readOnly" in each && each.readOnly)) found.set(each.name, each);
    }
  }
  return found;
}

/** @param {Element} each @returns {each is Field} */
function isField(each) {
  return each instanceof HTMLInputElement || each instanceof HTMLTextAreaElement || each instanceof HTMLSelectElement;
}

/** @param {Field} field */
const isBox = (field) => field instanceof HTMLInputElement && ["checkbox", "radio"].includes(field.type);

/** @param {Field} field */
const isText = (field) => field instanceof HTMLTextAreaElement || (field instanceof HTMLInputElement && !isBox(field));

/** @param {Field} field */
function fieldValue(field) {
  if (field instanceof HTMLInputElement && isBox(field)) return field.checked ? "on" : "";
  return field.value;
}

/** What a field had when the page came. @param {Field} field */
function valueAtFirst(field) {
  if (field instanceof HTMLSelectElement) {
    const chosen = [...field.options].find((option) => option.defaultSelected) ?? field.options[0];
    return chosen?.value ?? "";
  }
  if (field instanceof HTMLInputElement && isBox(field)) return field.defaultChecked ? "on" : "";
  return field.defaultValue;
}

/** @param {HTMLFormElement} form @param {(field: Field) => string} read */
function read(form, read) {
  return Object.fromEntries([...fieldsOf(form)].map(([name, field]) => [name, read(field)]));
}

/**
 * @param {Record<string, string>} one
 * @param {Record<string, string>} other
 */
function isSame(one, other) {
  return Object.keys(one).every((name) => !(name in other) || one[name] === other[name]);
}

/**
 * Where the drafts of a form are; null: none are kept of it.
 * @param {HTMLFormElement} form
 */
function keyOf(form) {
  const who = account();
  if (!who || form.method !== "post" || !form.closest("main")) return null;
  const fields = fieldsOf(form);
  if (![...fields.values()].some(isText)) return null;
  const url = new URL(form.action);
  for (const name of SHOWN) url.searchParams.delete(name);
  url.searchParams.sort();
  const apart = [...form.elements].flatMap((each) =>
    each instanceof HTMLInputElement && each.type === "hidden" && TELLS_APART.includes(each.name)
      ? [`${each.name}=${each.value}`]
      : [],
  );
  return `${PREFIX}${who}:${url.pathname}${url.search}#${[...apart, ...fields.keys()].join("&")}`;
}

/** @param {string} key @returns {Draft[]} */
function drafts(key) {
  try {
    /** @type {Draft[]} */
    const all = JSON.parse(localStorage.getItem(key) ?? "[]");
    return all.filter(({ at }) => Date.now() - at < OLDEST);
  } catch {
    return [];
  }
}

/** Every key that holds drafts of an account, or of all. @param {string} [who] */
function keys(who) {
  const start = who === undefined ? PREFIX : `${PREFIX}${who}:`;
  return Object.keys(localStorage).filter((key) => key.startsWith(start));
}

/** @param {string} key @param {Draft[]} all */
function write(key, all) {
  if (!all.length) return localStorage.removeItem(key);
  const age = (/** @type {string} */ each) => drafts(each)[0]?.at ?? 0;
  const others = keys()
    .filter((each) => each !== key)
    .sort((a, b) => age(b) - age(a));
  for (const each of others.splice(FORMS - 1)) localStorage.removeItem(each);
  for (;;) {
    try {
      return localStorage.setItem(key, JSON.stringify(all));
    } catch {
      // The browser keeps only so much: the oldest goes first.
      const oldest = others.pop();
      if (!oldest) return;
      localStorage.removeItem(oldest);
    }
  }
}

/** @param {string} key @param {string} id */
function drop(key, id) {
  write(
    key,
    drafts(key).filter((each) => each.id !== id),
  );
}

/** @param {HTMLFormElement} form */
function know(form) {
  const found = known.get(form);
  if (found) return found;
  const key = keyOf(form);
  // Of two forms that cannot be told apart neither can be given back.
  if (!key || [...document.forms].some((each) => each !== form && keyOf(each) === key)) return null;
  const made = { key, id: visit, keep: false, offered: false };
  known.set(form, made);
  return made;
}

/** Keeps what was typed into a form. @param {HTMLFormElement} form */
function keep(form) {
  const at = know(form);
  if (!at || !form.isConnected) return;
  const fields = read(form, fieldValue);
  const others = drafts(at.key).filter(({ id }) => id !== at.id);
  const untouched = !at.keep && isSame(fields, read(form, valueAtFirst));
  const size = Object.values(fields).reduce((sum, text) => sum + text.length, 0);
  if (untouched || size > LONGEST) return write(at.key, others);
  write(at.key, [{ id: at.id, at: Date.now(), fields }, ...others].slice(0, VISITS));
}

function keepAll() {
  clearTimeout(timer);
  for (const form of changed) keep(form);
  changed.clear();
}

/** @param {Event} event */
function typed({ target }) {
  const form = target instanceof Element && isField(target) ? target.form : null;
  if (!form || !know(form)) return;
  changed.add(form);
  clearTimeout(timer);
  timer = setTimeout(keepAll, PAUSE);
}

/**
 * Puts a draft into its form.
 * @param {HTMLFormElement} form
 * @param {Draft} draft
 */
function restore(form, draft) {
  for (const [name, field] of fieldsOf(form)) {
    const text = draft.fields[name];
    if (text === undefined || fieldValue(field) === text) continue;
    const editor = field.closest("script-editor");
    if (field instanceof HTMLInputElement && isBox(field)) field.checked = text === "on";
    else if (editor && "value" in editor) editor.value = text;
    else field.value = text;
    for (const what of ["input", "change"]) field.dispatchEvent(new Event(what, { bubbles: true }));
  }
}

/** @param {number} at */
function moment(at) {
  return new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short" }).format(at);
}

/**
 * Offers the newest draft of a form whose text is another one.
 * @param {HTMLFormElement} form
 */
function offer(form) {
  const at = know(form);
  if (!at || at.offered) return;
  const now = read(form, fieldValue);
  const all = drafts(at.key).filter(({ id }) => id !== at.id);
  const same = all.find(({ fields }) => isSame(fields, now));
  // The page shows a draft already, as it does when the server has refused it.
  if (same) Object.assign(at, { id: same.id, keep: true });
  const draft = all.find(({ fields }) => !isSame(fields, now));
  if (!draft || same) return;
  at.offered = true;
  const note = make("div", { className: "note warn draft" });
  note.setAttribute("role", "status");
  const text = make("span", { textContent: `You have an unsaved draft from ${moment(draft.at)}.` });
  const close = () => {
    at.offered = false;
    note.remove();
  };
  const take = pressable("Restore draft", () => {
    keepAll();
    restore(form, draft);
    Object.assign(at, { id: draft.id, keep: true });
    close();
    const field = form.querySelector("script-editor") ?? [...fieldsOf(form).values()].find(isText);
    if (field instanceof HTMLElement) field.focus();
  });
  const discard = pressable(
    "Discard",
    () => {
      drop(at.key, draft.id);
      close();
      offer(form);
    },
    "quiet",
  );
  note.append(text, " ", take, " ", discard);
  form.before(note);
}

function offerAll() {
  for (const form of document.forms) offer(form);
}

/**
 * The form was done with these fields: their draft is no longer needed. What was typed since is one.
 * @param {HTMLFormElement} form
 */
export function settle(form) {
  keepAll();
  const at = known.get(form);
  if (at) drop(at.key, at.id);
  // Its address may be another one by now.
  known.delete(form);
  if (know(form)) keep(form);
}

/** @param {SubmitEvent} event */
function submitted(event) {
  const form = event.target;
  if (event.defaultPrevented || !(form instanceof HTMLFormElement)) return;
  const url = new URL(form.action);
  if (url.pathname === "/logout") {
    changed.clear();
    clearTimeout(timer);
    for (const key of keys(account())) localStorage.removeItem(key);
    return;
  }
  const at = know(form);
  if (!at) return;
  changed.add(form);
  keepAll();
  /** @type {Sent} */
  const sent = { key: at.key, id: at.id, path: url.pathname };
  sessionStorage.setItem(SENT, JSON.stringify(sent));
}

/** Drops the draft of the form that has led to this page, if it was done. */
function finish() {
  const text = sessionStorage.getItem(SENT);
  if (!text) return;
  sessionStorage.removeItem(SENT);
  // A page without the layout says what went wrong, or asks to sign in.
  if (!document.body.classList.contains("shell")) return;
  /** @type {Sent} */
  const sent = JSON.parse(text);
  const [way] = performance.getEntriesByType("navigation");
  if (!(way instanceof PerformanceNavigationTiming) || way.type !== "navigate") return;
  // A form that is done leads to a page; one that is refused shows what was typed, and what is wrong with it.
  const led = way.redirectCount > 0;
  const answered = location.pathname === sent.path && !document.querySelector("main [role=alert]");
  const draft = drafts(sent.key).find(({ id }) => id === sent.id);
  const shows = [...document.forms].some(
    (form) => draft && keyOf(form) === sent.key && isSame(draft.fields, read(form, fieldValue)),
  );
  if (led || (answered && !shows)) drop(sent.key, sent.id);
}

export function keepDrafts() {
  try {
    finish();
    offerAll();
  } catch {
    // A browser that keeps nothing for pages: then there are no drafts.
    return;
  }
  for (const what of ["input", "change", "rewritten"]) document.addEventListener(what, typed);
  // After all other listeners: one that sends the form in another way has prevented its default by then.
  addEventListener("submit", submitted);
  addEventListener("pagehide", keepAll);
  document.addEventListener("moved", () => {
    keepAll();
    offerAll();
  });
}
