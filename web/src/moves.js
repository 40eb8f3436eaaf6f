// Listings that move: a link or a form that leads to another state of the same page replaces `<main>` and leaves the rest
// where it is. Whatever is not sure, the browser does by itself, as it would without this.

/** In a state of the history: where the page was scrolled to. @typedef {{scrolled: number}} State */

/** @type {XMLHttpRequest | undefined} */
let underWay;
/** The address of what is shown. */
let shown = new URL(location.href);

const told = document.createElement("p");
told.className = "unseen";
told.setAttribute("role", "status");

const main = () => document.querySelector("main");

/**
 * Whether an address is another state of this page.
 * @param {URL} url
 */
function isHere(url) {
  const here = main();
  // What is being written is not thrown away: there the browser asks.
  if (!here || here.querySelector("script-editor")) return false;
  return url.origin === location.origin && url.pathname === location.pathname;
}

/**
 * The document at an address, as the browser reads it for pages. No text becomes markup here, so there is no policy of
 * trusted types that something else could use, and nothing in it runs.
 * @param {URL} url
 * @returns {Promise<{page: Document, at: URL} | null>} Null: it is none that can take this one's place.
 */
function load(url) {
  underWay?.abort();
  const request = new XMLHttpRequest();
  underWay = request;
  return new Promise((resolve) => {
    request.open("GET", url);
    request.responseType = "document";
    request.setRequestHeader("accept", "text/html");
    request.addEventListener("load", () => {
      const page = request.responseXML;
      const at = new URL(request.responseURL || url, location.href);
      at.hash = url.hash;
      const same = at.origin === url.origin && at.pathname === url.pathname;
      resolve(request.status === 200 && page?.querySelector("main") && same ? { page, at } : null);
    });
    request.addEventListener("error", () => resolve(null));
    request.addEventListener("timeout", () => resolve(null));
    // Another one is on its way: this one leads nowhere.
    request.addEventListener("abort", () => {});
    request.send();
  });
}

/**
 * What finds an element again in another state of the page.
 * @param {Element | null} focused
 * @returns {(() => HTMLElement | null) | null}
 */
function again(focused) {
  const old = main();
  if (!(focused instanceof HTMLElement) || !old?.contains(focused)) return null;
  const within = () => /** @type {HTMLElement} */ (main());
  /** @param {string} what */
  const byId = (what) => {
    const found = document.getElementById(what);
    return found && within().contains(found) ? found : null;
  };
  if (focused.id) return () => byId(focused.id);
  if (focused instanceof HTMLAnchorElement && focused.rel) {
    return () => within().querySelector(`a[rel="${CSS.escape(focused.rel)}"]`);
  }
  const list = focused.closest("ul, nav, form");
  const name = list?.getAttribute("aria-label");
  const words = focused.textContent?.trim();
  const like = focused.tagName.toLowerCase();
  return () => {
    const lists = [...within().querySelectorAll(list?.localName ?? "main")];
    const there = lists.find((each) => each.getAttribute("aria-label") === name) ?? within();
    const all = [...there.querySelectorAll(like)].filter((each) => each instanceof HTMLElement);
    return all.find((each) => each.textContent?.trim() === words) ?? null;
  };
}

/**
 * An element that keeps what somebody does in it, if the new page says the same.
 * @param {HTMLElement} old
 * @param {HTMLElement} next
 */
function keepWhatIsTheSame(old, next) {
  /** @param {Element | null | undefined} each */
  const written = (each) => {
    const field = each?.querySelector("[name=filter]");
    return field instanceof HTMLInputElement || field instanceof HTMLTextAreaElement ? field.value : null;
  };
  for (const kept of old.querySelectorAll("filter-builder[id]")) {
    const place = next.querySelector(`#${CSS.escape(kept.id)}`);
    if (place && written(kept) === written(place) && !place.querySelector(".filter-fault")) {
      const focused = document.activeElement;
      // What stands beside the field belongs to the new page.
      const beside = place.querySelector(".row");
      const before = kept.querySelector(".row");
      if (beside && before) keepField(before, beside);
      place.replaceWith(kept);
      if (focused instanceof HTMLElement && kept.contains(focused))
        queueMicrotask(() => focused.focus({ preventScroll: true }));
    }
  }
}

/**
 * The buttons and links of `next` in `old`, which keeps its field.
 * @param {Element} old
 * @param {Element} next
 */
function keepField(old, next) {
  const [field, ...others] = old.children;
  for (const each of others) each.remove();
  field.after(...[...next.children].slice(1).map((each) => document.importNode(each, true)));
}

/**
 * @param {Document} page
 * @param {URL} at
 */
function replace(page, at) {
  const old = main();
  const found = page.querySelector("main");
  if (!old || !found) return;
  const find = again(document.activeElement);
  const next = document.importNode(found, true);
  const focused = document.activeElement;
  keepWhatIsTheSame(old, next);
  old.replaceWith(next);
  document.title = page.title;
  // What lies above knows where the page is, and which run is under way.
  const [above, new_] = [document.querySelector("body > header"), page.querySelector("body > header")];
  if (above && new_ && !above.contains(document.activeElement)) above.replaceWith(document.importNode(new_, true));
  shown = at;
  document.dispatchEvent(new Event("moved"));
  const target = at.hash ? document.getElementById(at.hash.slice(1)) : null;
  const place = focused instanceof HTMLElement && next.contains(focused) ? focused : find?.();
  (place ?? next).focus({ preventScroll: true });
  return target;
}

/** What a page says of itself: how many there are, or what it is. */
function summary() {
  // What an element says of itself is its own matter.
  const all = [...(main()?.querySelectorAll("[role=alert], [role=status]") ?? [])];
  const said = all.filter((each) => !each.closest(".filter-foot, csv-map, run-progress"));
  return said.map((each) => each.textContent?.trim()).find(Boolean) ?? document.title;
}

/**
 * @param {URL} url
 * @param {{push?: boolean, scrolled?: number, top?: boolean}} [how]
 */
async function go(url, { push = true, scrolled, top = false } = {}) {
  const old = main();
  old?.setAttribute("aria-busy", "true");
  if (!told.isConnected) document.body.append(told);
  told.textContent = "Loading…";
  const loaded = await load(url);
  if (!loaded) {
    // Once more by the browser: it shows whatever there is.
    if (push) location.assign(url);
    else location.reload();
    return;
  }
  if (push) {
    /** @type {State} */
    const left = { scrolled: scrollY };
    history.replaceState(left, "", shown);
    // Who follows a link to where they are goes nowhere, as in a browser.
    if (loaded.at.href === shown.href) history.replaceState(left, "", loaded.at);
    else history.pushState({ scrolled: 0 }, "", loaded.at);
  }
  const target = replace(loaded.page, loaded.at);
  if (scrolled !== undefined) scrollTo({ top: scrolled, behavior: "instant" });
  else if (target) target.scrollIntoView({ block: "nearest" });
  else if (top) scrollTo({ top: 0, behavior: "instant" });
  told.textContent = summary();
}

/** @param {MouseEvent} event */
function clicked(event) {
  if (event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey)
    return;
  const link = event.target instanceof Element ? event.target.closest("main a[href]") : null;
  if (!(link instanceof HTMLAnchorElement) || link.target || link.hasAttribute("download")) return;
  const url = new URL(link.href);
  if (!isHere(url) || (url.search === location.search && url.hash)) return;
  event.preventDefault();
  go(url, { top: ["next", "prev"].includes(link.rel) });
}

/** @param {SubmitEvent} event */
function sent(event) {
  const form = event.target;
  if (event.defaultPrevented || !(form instanceof HTMLFormElement) || !form.closest("main")) return;
  const by = event.submitter;
  const method = by?.getAttribute("formmethod") ?? form.method;
  if (method !== "get" || form.target || by?.hasAttribute("formaction")) return;
  const url = new URL(form.action);
  if (!isHere(url)) return;
  const fields = new FormData(form, by instanceof HTMLButtonElement && by.name ? by : null);
  const pairs = [...fields].flatMap(([name, value]) => (typeof value === "string" ? [[name, value]] : []));
  url.search = new URLSearchParams(pairs).toString();
  event.preventDefault();
  go(url);
}

/** @param {PopStateEvent} event */
function wentBack(event) {
  const url = new URL(location.href);
  // A place on the same page, which the browser has found already.
  if (url.pathname === shown.pathname && url.search === shown.search) {
    shown = url;
    return;
  }
  /** @type {State | null} */
  const state = event.state;
  if (isHere(url)) go(url, { push: false, scrolled: state?.scrolled ?? 0 });
  else location.reload();
}

/** The page is at another address, and has not been left for it. @param {URL} url */
export function movedTo(url) {
  shown = url;
}

export function move() {
  // Only pages of the shell have a place for what they say.
  if (!document.body.classList.contains("shell")) return;
  document.addEventListener("click", clicked);
  document.addEventListener("submit", sent);
  addEventListener("popstate", wentBack);
  // A page that comes back as it was left waits for nothing any more.
  addEventListener("pageshow", () => main()?.removeAttribute("aria-busy"));
}
