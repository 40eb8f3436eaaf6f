// Keys of all pages. The words, and which letters lead where, are in the page's dialog.

/** After so long a letter begins anew, in milliseconds. */
const TOGETHER = 1_500;

/** @param {EventTarget | null} target */
function isWritten(target) {
  const [inner] = target instanceof Element ? [target] : [];
  const field = inner?.closest("input, textarea, select, [contenteditable]:not([contenteditable=false])");
  return (
    Boolean(field) &&
    !(field instanceof HTMLInputElement && ["checkbox", "radio", "button", "submit"].includes(field.type))
  );
}

/** Sends the form of a text. @param {KeyboardEvent} event */
function send(event) {
  const field = event.target;
  if (!(field instanceof HTMLTextAreaElement) || !field.form) return;
  event.preventDefault();
  field.form.requestSubmit();
}

/** What was pressed before. */
let before = { key: "", at: 0 };

/** @param {KeyboardEvent} event */
function pressed(event) {
  if (event.defaultPrevented || event.altKey || event.isComposing) return;
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) return send(event);
  // An editor lives in a tree of its own.
  if (event.ctrlKey || event.metaKey || isWritten(event.composedPath()[0] ?? null)) return;
  const dialog = document.getElementById("keys");
  if (!(dialog instanceof HTMLDialogElement)) return;
  if (event.key === "?") {
    event.preventDefault();
    if (!dialog.open) dialog.showModal();
    return;
  }
  if (dialog.open) return;
  if (event.key === "/") {
    const search = document.querySelector("[data-slash]");
    if (!(search instanceof HTMLInputElement)) return;
    event.preventDefault();
    search.focus();
    search.select();
    return;
  }
  const both = event.timeStamp - before.at < TOGETHER ? before.key + event.key : "";
  before = { key: event.key, at: event.timeStamp };
  const link = [...dialog.querySelectorAll("a")].find((each) => both && each.dataset.keys === both);
  if (!link) return;
  event.preventDefault();
  location.assign(link.href);
}

export function listen() {
  document.addEventListener("keydown", pressed);
  // Who writes into what belongs to a choice has chosen it.
  for (const what of ["input", "rewritten"]) {
    document.addEventListener(what, ({ target }) => {
      const choice = target instanceof Element ? target.closest(".choice") : null;
      const radio = choice?.querySelector("input[type=radio]");
      if (radio instanceof HTMLInputElement) radio.checked = true;
    });
  }
}
