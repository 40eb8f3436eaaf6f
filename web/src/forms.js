// Forms that change something are sent only while the session lives. When it has ended, a dialog signs in over the page,
// and then the form is sent as it is: nothing that was typed is lost.

import { isSignedIn, signInAgain } from "./session.js";

/** Forms whose session is being looked at. @type {WeakSet<HTMLFormElement>} */
const waiting = new WeakSet();
/** Forms that go to the server now. @type {WeakSet<HTMLFormElement>} */
const going = new WeakSet();

/**
 * @param {HTMLFormElement} form
 * @param {HTMLElement | null} by
 */
async function send(form, by) {
  waiting.add(form);
  const mayGo = (await isSignedIn()) || (await signInAgain());
  waiting.delete(form);
  if (!mayGo || !form.isConnected) return;
  going.add(form);
  form.requestSubmit(by?.isConnected ? by : undefined);
  going.delete(form);
}

/** @param {SubmitEvent} event */
function submitted(event) {
  const form = event.target;
  if (event.defaultPrevented || !(form instanceof HTMLFormElement) || !form.closest("main")) return;
  const by = event.submitter;
  if ((by?.getAttribute("formmethod") ?? form.method) !== "post" || going.has(form)) return;
  // The forms of pages before the sign-in are sent as usual.
  if (!document.body.classList.contains("shell")) return;
  event.preventDefault();
  if (!waiting.has(form)) send(form, by);
}

export function guardForms() {
  document.addEventListener("submit", submitted);
}
