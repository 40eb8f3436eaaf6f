// A real server with a real database, and a real Chromium that looks at it.

import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import axe from "axe-core";
import { chromium } from "playwright-core";

const root = fileURLToPath(new URL("../../", import.meta.url));
const ROLLCALL = process.env.ROLLCALL ?? join(root, "target/debug/rollcall");
const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
export const PASSWORD = "a-password-of-the-tests";

const script = readFileSync(join(root, "crates/web/assets/app.js"));
const hash = createHash("sha256").update(script).digest("hex").slice(0, 16);

const BROWSER = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Where pages of tests lie: the browser believes that the server has them. */
const OURS = "/of-the-tests/";

/** Waits until something is so. */
export async function until(what, so) {
  for (const end = Date.now() + 60_000; Date.now() < end; ) {
    if (await so()) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`not within a minute: ${what}`);
}

/** The text of an element on one line: how its template is laid out does not matter. */
export async function line(locator) {
  return (await locator.textContent()).trim().split(/\s+/).join(" ");
}

/** What axe finds on a page, by the rules of WCAG 2.2 AA. */
export async function faults(page) {
  if (!(await page.evaluate("'axe' in globalThis"))) await page.evaluate(axe.source);
  const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];
  const only = { type: "tag", values: tags };
  const { violations } = await page.evaluate(
    (runOnly) => globalThis.axe.run({ runOnly, resultTypes: ["violations"] }),
    only,
  );
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html}\n${failureSummary}`),
  );
}

export class Site {
  /**
   * Starts a server on a database of its own. Its users are those of `csv`, as many as `demo` of the demo with its runs,
   * or `users` that are named u1, u2 …; who can sign in are `administrators`. Where there are none, `link` makes the first
   * one.
   */
  static async start({ users = 3, csv, demo, administrators = ["ana"] } = {}) {
    if (!existsSync(ROLLCALL)) throw new Error(`missing: ${ROLLCALL}. Make it with: cargo build`);
    const site = new Site();
    site.folder = mkdtempSync(join(tmpdir(), "rollcall-web-"));
    if (demo) {
      site.rollcall(["demo", "--users", `${demo}`]);
    } else {
      const names = Array.from({ length: users }, (_, n) => `u${n + 1},default`);
      site.write("users.csv", csv ?? `username,organization\n${names.join("\n")}\n`);
      site.rollcall(["init"]);
      if (csv || users) site.rollcall(["users", "import", "users.csv", "--create-organizations"]);
    }
    for (const name of administrators) site.administrator(name);
    await site.serve();
    // What pages may load, as the server says it.
    site.policy = (await fetch(`${site.at}/login`)).headers.get("content-security-policy");
    if (administrators.length === 0) site.link = (await site.told(/^ {2}http/)).trim();
    site.browser = await chromium.launch({ executablePath: CHROMIUM, args: BROWSER, timeout: 120_000 });
    return site;
  }

  administrator(name) {
    this.rollcall(["administrators", "add", name, "--grant", "admin"]);
    this.rollcall(["administrators", "password", name], `${PASSWORD}\n`);
  }

  /** Starts the server, where it was before if it was there already. */
  async serve() {
    const listen = this.at ? new URL(this.at).host : "127.0.0.1:0";
    this.process = spawn(ROLLCALL, ["serve", "--listen", listen], {
      ...this.here(),
      stdio: ["ignore", "ignore", "pipe"],
    });
    this.lines = createInterface(this.process.stderr)[Symbol.asyncIterator]();
    this.at = (await this.told(/^Rollcall listens on /)).replace(/^Rollcall listens on /, "");
  }

  /** The next line of the server that is like that. */
  async told(like) {
    for (;;) {
      const { value, done } = await this.lines.next();
      if (done) throw new Error(`the server has ended, and has never told ${like}`);
      if (like.test(value)) return value;
    }
  }

  /** Ends the server, or kills it, and waits until it is gone. */
  async stop(signal = "SIGTERM") {
    const gone = new Promise((resolve) => this.process.once("exit", resolve));
    this.process.kill(signal);
    await gone;
    this.process = undefined;
  }

  async end() {
    await this.browser?.close();
    if (this.process) await this.stop();
    rmSync(this.folder, { recursive: true });
  }

  here() {
    const { ROLLCALL_DATABASE: _, ...env } = process.env;
    return { cwd: this.folder, env: { ...env, ROLLCALL_DATABASE: "sqlite:site.db" } };
  }

  write(name, text) {
    writeFileSync(join(this.folder, name), text);
  }

  /** Runs a command; what it printed. */
  rollcall(args, input = "", { status = 0 } = {}) {
    const done = spawnSync(ROLLCALL, args, { ...this.here(), input, encoding: "utf8" });
    if (done.status !== status) throw new Error(`rollcall ${args.join(" ")}: ${done.status}\n${done.stderr}`);
    return done.stdout;
  }

  /** A user as they are. */
  user(name) {
    return JSON.parse(this.rollcall(["users", "show", name, "--format", "json"]));
  }

  /** A page for somebody who is signed in, and what went wrong on it. */
  async page(options = {}, name = "ana") {
    const context = await this.browser.newContext(options);
    const signedIn = await context.request.post(`${this.at}/api/v1/sessions`, { data: { name, password: PASSWORD } });
    if (signedIn.status() !== 201) throw new Error(await signedIn.text());
    return this.watched(context);
  }

  /** A page for whoever comes, and what went wrong on it. */
  async visit(options = {}) {
    return this.watched(await this.browser.newContext(options));
  }

  async watched(context) {
    const page = await context.newPage();
    // A machine may be slow, and a form may import ten thousand users.
    page.setDefaultTimeout(60_000);
    const wrong = [];
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) wrong.push(message.text());
    });
    page.on("pageerror", (error) => wrong.push(String(error)));
    await page.exposeFunction("tellViolation", (what) => wrong.push(what));
    await page.addInitScript(() => {
      addEventListener("securitypolicyviolation", (event) =>
        globalThis.tellViolation(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`),
      );
    });
    return { page, wrong, context };
  }

  /** Shows a page of the test as if the server had it, with the policy of its pages. `body` may be a function. */
  async show(page, body, { hash: place = "" } = {}) {
    await page.route(`${this.at}${OURS}page`, (route) => {
      const text = typeof body === "function" ? body() : body;
      return route.fulfill({
        contentType: "text/html; charset=utf-8",
        headers: { "content-security-policy": this.policy },
        body: `<!doctype html><html lang="en"><meta name="color-scheme" content="light dark"><title>Test</title>
          <link rel="stylesheet" href="/style.css">
          <script type="module" src="/assets/app.${hash}.js"></script><main>${text}</main></html>`,
      });
    });
    await page.goto(`${this.at}${OURS}page${place}`);
  }

  /** Takes forms that are sent to `action`; each one's fields, in order. */
  async forms(page) {
    const sent = [];
    await page.route(`${this.at}${OURS}form`, (route) => {
      sent.push(Object.fromEntries(new URLSearchParams(route.request().postData())));
      return route.fulfill({ status: 204 });
    });
    return { sent, action: `${OURS}form` };
  }
}
