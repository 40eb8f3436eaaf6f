// The page of a script sends its form without leaving: what comes of it is shown in place, and focus, cursor and what can
// be undone stay. The server answers with the page that it would show without this; parts of it are taken.

import { settle } from "./drafts.js";
import { make } from "./make.js";
import { movedTo } from "./moves.js";
import { askForPage, partOf } from "./page.js";
import { signInAgain } from "./session.js";

/** Acts that stay on the page, and what is said meanwhile. */
const ACTS = { save: "Saving…", draft: "Saving…", check: "Checking…", try: "Testing…" };
/** Parts that are always taken. */
const PARTS = ["messages", "findings", "title", "draft"];
/** Parts that say which version this is: taken when there is a new one. */
const SAVED = ["state", "name", "remove"];

const NO_ANSWER = "The server does not answer. Your text is kept as a draft in this browser.";
const SIGNED_OUT = "Not sent: your session has ended.";

const said = make("p", { className: "unseen" });
said.setAttribute("role", "status");

/** @param {string} text */
function say(text) {
  if (!said.isConnected) document.body.append(said);
  said.textContent = text;
}

/** A message where the page has those of the server. @param {string} text */
function tell(text) {
  const alert = make("div", { className: "alert" });
  alert.setAttribute("role", "alert");
  alert.append(make("p", { textContent: text }));
  clearAlerts();
  partOf(document, "messages")?.replaceChildren(alert);
  say("");
}

function clearAlerts() {
  for (const each of document.querySelectorAll("main > .alert")) each.remove();
}

/** @param {string} name @param {Document} page */
function take(name, page) {
  const [old, next] = [partOf(document, name), partOf(page, name)];
  if (old && next) old.replaceChildren(...[...next.childNodes].map((each) => document.importNode(each, true)));
}

/** Takes the parameters of a script, with what was typed for them. @param {Document} page */
function takeParameters(page) {
  const old = partOf(document, "params");
  /** @type {Iterable<HTMLInputElement | HTMLSelectElement>} */
  const before = old?.querySelectorAll("input, select") ?? [];
  const typed = new Map([...before].map((each) => [each.name, each.value]));
  const focused = old?.contains(document.activeElement) ? document.activeElement?.id : undefined;
  take("params", page);
  for (const each of old?.querySelectorAll("input, select") ?? []) {
    if (!(each instanceof HTMLInputElement || each instanceof HTMLSelectElement)) continue;
    const text = typed.get(each.name);
    if (text !== undefined) each.value = text;
  }
  if (focused) document.getElementById(focused)?.focus();
}

/**
 * Shows what came of it.
 * @param {HTMLFormElement} form
 * @param {import("./page.js").Answer} answer
 * @param {string} act
 * @param {Map<HTMLTextAreaElement | HTMLInputElement, string>} sent
 */
function show(form, { page, at }, act, sent) {
  const alerts = [...page.querySelectorAll("main > .alert")].map((each) => document.importNode(each, true));
  if (!partOf(page, "messages")) {
    // No page of a script: it says what went wrong.
    const why = page.querySelector("main [role=alert]")?.textContent?.trim();
    return tell(why ?? page.querySelector("h1")?.textContent?.trim() ?? NO_ANSWER);
  }
  const saved = at.searchParams.get("done") === "saved";
  clearAlerts();
  for (const name of PARTS) take(name, page);
  partOf(document, "messages")?.prepend(...alerts);
  // The parameters of a script with errors are unknown: what was typed stays.
  if (!partOf(page, "findings")?.querySelector(".alert")) takeParameters(page);
  if (act === "try") take("result", page);
  if (saved) isSaved(form, page, at, sent);
  // Both parts are read out when they change.
  say("");
}

/**
 * @param {HTMLFormElement} form
 * @param {Document} page
 * @param {URL} at
 * @param {Map<HTMLTextAreaElement | HTMLInputElement, string>} sent
 */
function isSaved(form, page, at, sent) {
  for (const name of SAVED) take(name, page);
  const [heading, next] = [document.querySelector("main > .heading"), page.querySelector("main > .heading")];
  if (heading && next) heading.replaceWith(document.importNode(next, true));
  document.title = page.title;
  for (const [field, text] of sent) {
    // Why it was saved is said once.
    if (field.name !== "note") field.defaultValue = text;
    else if (field.value === text) field.value = "";
  }
  const url = new URL(at.pathname, at);
  if (url.pathname !== location.pathname || location.search) {
    history.replaceState(history.state, "", url);
    movedTo(url);
  }
  settle(form);
}

let busy = false;
/** What was asked for meanwhile. @type {(() => void) | undefined} */
let later;

/**
 * @param {HTMLFormElement} form
 * @param {HTMLElement | null} by
 * @param {keyof typeof ACTS} act
 */
async function send(form, by, act) {
  if (busy) {
    later = () => send(form, by, act);
    return;
  }
  busy = true;
  form.setAttribute("aria-busy", "true");
  say(ACTS[act]);
  const fields = [...form.elements].filter(
    (each) =>
      (each instanceof HTMLTextAreaElement || each instanceof HTMLInputElement) &&
      ["source", "note"].includes(each.name),
  );
  const sent = new Map(/** @type {HTMLInputElement[]} */ (fields).map((each) => [each, each.value]));
  const pairs = [...new FormData(form)].flatMap(([name, value]) => (typeof value === "string" ? [[name, value]] : []));
  const body = new URLSearchParams([...pairs, ["act", act]]);
  let answer = await askForPage(form.action, body);
  let cancelled = false;
  while (answer?.at.pathname === "/login" && !cancelled) {
    cancelled = !(await signInAgain());
    if (!cancelled) answer = await askForPage(form.action, body);
  }
  if (cancelled) tell(SIGNED_OUT);
  else if (answer) show(form, answer, act, sent);
  else tell(NO_ANSWER);
  form.removeAttribute("aria-busy");
  busy = false;
  const next = later;
  later = undefined;
  next?.();
}

/** @param {SubmitEvent} event */
function submitted(event) {
  const form = event.target;
  if (event.defaultPrevented || !(form instanceof HTMLFormElement) || !form.matches("[data-editor]")) return;
  const by = event.submitter;
  const act = (by instanceof HTMLButtonElement && by.value) || "save";
  if (!(act in ACTS)) return;
  event.preventDefault();
  send(form, by, /** @type {keyof typeof ACTS} */ (act));
}

/** @param {KeyboardEvent} event */
function pressed(event) {
  if (event.defaultPrevented || event.altKey || event.isComposing) return;
  const form = document.querySelector("form[data-editor]");
  const target = event.composedPath()[0];
  if (!form || !(target instanceof Element) || document.querySelector("dialog[open]")) return;
  const strong = event.ctrlKey || event.metaKey;
  const inTest = target instanceof HTMLInputElement && target.closest("[data-test]");
  const which =
    strong && event.key === "s" ? "[data-save]" : event.key === "Enter" && (strong || inTest) ? "[data-try]" : null;
  const button = which ? form.querySelector(which) : null;
  if (!(button instanceof HTMLButtonElement)) return;
  event.preventDefault();
  button.click();
}

export function workOnScript() {
  document.addEventListener("submit", submitted);
  document.addEventListener("keydown", pressed);
}
