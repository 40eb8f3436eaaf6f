// A new run is asked for by what the page has shown. Once somebody has changed the list, that has to be shown first.

import { make } from "./make.js";

/** @param {Event} event */
function changed({ target }) {
  const wizard = target instanceof Element ? target.closest(".wizard") : null;
  const form = target instanceof Element ? target.closest("form") : null;
  if (!wizard || form?.method !== "get") return;
  const next = wizard.querySelector("form[method=post][action='/runs/new']");
  if (!(next instanceof HTMLFormElement) || next.inert) return;
  next.inert = true;
  const button = form.querySelector("button:not([type=button])")?.textContent?.trim() ?? "Continue";
  const text = `The list or the script was changed. Press “${button}” to go on with it.`;
  const note = make("p", { className: "note warn", textContent: text });
  note.setAttribute("role", "status");
  next.before(note);
}

export function guard() {
  for (const what of ["input", "change", "rewritten"]) document.addEventListener(what, changed);
}
