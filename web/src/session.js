// Whether the session of this page has ended, and signing in again over the page.

import { make } from "./make.js";

/** The account that this page was made for; empty: a page for visitors. */
export const account = () => document.body.dataset.account ?? "";

/**
 * Whether what this page sends is done as the account that the page shows. A server that does not answer is not asked
 * again here: what is sent next says why.
 * @returns {Promise<boolean>}
 */
export async function isSignedIn() {
  try {
    const answer = await fetch("/api/v1/me", { credentials: "same-origin" });
    if (answer.status === 401) return false;
    if (!answer.ok || !account()) return true;
    return (await answer.json()).administrator === account();
  } catch {
    return true;
  }
}

/** The dialog that is open. @type {Promise<boolean> | undefined} */
let open;

/**
 * Opens the sign-in dialog over the page.
 * @returns {Promise<boolean>} False: it was cancelled.
 */
export function signInAgain() {
  open ??= ask().finally(() => (open = undefined));
  return open;
}

/**
 * @param {string} text
 * @param {string} id
 * @param {Partial<HTMLInputElement>} given
 * @param {string} [hint]
 */
function field(text, id, given, hint) {
  const label = make("label", { htmlFor: id, textContent: text });
  if (hint) label.append(" ", make("small", { textContent: hint }));
  const input = make("input", { id, spellcheck: false, ...given });
  return { label, input };
}

/** @returns {Promise<boolean>} */
function ask() {
  const dialog = make("dialog", { id: "sign-in" });
  dialog.setAttribute("aria-labelledby", "sign-in-title");
  const title = make("h2", { id: "sign-in-title", textContent: "Sign in to continue" });
  const why = make("p", { textContent: "Your session has ended. Nothing you typed is lost." });
  const wrong = make("p", { className: "wrong" });
  wrong.setAttribute("role", "alert");
  const form = make("form", { method: "dialog" });
  const known = account();
  const name = field("Name", "sign-in-name", {
    value: known,
    readOnly: Boolean(known),
    required: true,
    autocomplete: "username",
  });
  const password = field("Password", "sign-in-password", {
    type: "password",
    required: true,
    autocomplete: "current-password",
  });
  const code = field(
    "Code",
    "sign-in-code",
    { autocomplete: "one-time-code" },
    "from your authenticator, or a recovery code",
  );
  const send = make("button", { textContent: "Sign in" });
  const cancel = make("button", { type: "button", textContent: "Cancel", className: "quiet" });
  const acts = make("p", { className: "acts" });
  acts.append(send, " ", cancel);
  for (const { label, input } of [name, password, code]) form.append(label, input);
  form.append(wrong, acts);
  dialog.append(title, why, form);
  document.body.append(dialog);
  return new Promise((resolve) => {
    let signedIn = false;
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (send.disabled) return;
      send.disabled = true;
      wrong.textContent = "";
      const refused = await signIn(name.input.value, password.input.value, code.input.value.trim());
      send.disabled = false;
      if (refused === null) {
        signedIn = true;
        dialog.close();
        return;
      }
      wrong.textContent = refused;
      password.input.focus();
      password.input.select();
    });
    cancel.addEventListener("click", () => dialog.close());
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(signedIn);
    });
    dialog.showModal();
    (known ? password : name).input.focus();
  });
}

/**
 * @param {string} name
 * @param {string} password
 * @param {string} code Empty: none.
 * @returns {Promise<string | null>} Why it was refused; null: signed in.
 */
async function signIn(name, password, code) {
  const headers = { "content-type": "application/json" };
  const body = JSON.stringify({ name, password, ...(code && { code }) });
  try {
    const answer = await fetch("/api/v1/sessions", { method: "POST", credentials: "same-origin", headers, body });
    if (answer.ok) return null;
    const { detail } = await answer.json().catch(() => ({}));
    return detail ?? "The server refused it. Try again.";
  } catch {
    return "The server does not answer. Try again.";
  }
}
