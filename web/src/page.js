// Pages that the server answers with, read as documents. No text becomes markup here (Trusted Types).

/** @typedef {{page: Document, at: URL, status: number}} Answer */

/**
 * What the server answers: a page, where it is after all redirects, and its status; null: it does not answer.
 * @param {string} url
 * @param {URLSearchParams} [form] What is sent; missing: it is a GET.
 * @returns {Promise<Answer | null>}
 */
export function askForPage(url, form) {
  const request = new XMLHttpRequest();
  return new Promise((resolve) => {
    request.open(form ? "POST" : "GET", url);
    request.responseType = "document";
    request.setRequestHeader("accept", "text/html");
    request.addEventListener("load", () => {
      const page = request.responseXML;
      const at = new URL(request.responseURL || url, location.href);
      resolve(page ? { page, at, status: request.status } : null);
    });
    for (const what of ["error", "timeout", "abort"]) request.addEventListener(what, () => resolve(null));
    request.send(form);
  });
}

/**
 * Makes an element that is shown the same as another one, and leaves alone what is the same already: what has the focus
 * keeps it.
 * @param {Element} old
 * @param {Element} next
 */
export function makeSame(old, next) {
  for (const { name } of [...old.attributes]) if (!next.hasAttribute(name)) old.removeAttribute(name);
  for (const { name, value } of next.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  const nodes = [...next.childNodes];
  for (const [at, node] of nodes.entries()) {
    const before = old.childNodes[at];
    if (!before) old.append(document.importNode(node, true));
    else if (before instanceof Element && node instanceof Element && before.localName === node.localName)
      makeSame(before, node);
    else if (before.nodeType !== node.nodeType || before instanceof Element)
      before.replaceWith(document.importNode(node, true));
    else if (before.nodeValue !== node.nodeValue) before.nodeValue = node.nodeValue;
  }
  while (old.childNodes.length > nodes.length) old.lastChild?.remove();
}

/** The part of a page that is called so. @param {ParentNode} page @param {string} name */
export const partOf = (page, name) => page.querySelector(`[data-part="${name}"]`);
