// Every page there is, in both themes: axe finds nothing, and a picture of each is written to target/screens for whoever
// looks at them.

import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import { faults, Site, until } from "./site.mjs";

const root = fileURLToPath(new URL("../../", import.meta.url));
const pictures = join(root, "target/screens");
const WIDE = { width: 1280, height: 860 };
const SMALL = { width: 1180, height: 640 };
const NARROW = { width: 390, height: 844 };

const button = (page, name) => page.getByRole("button", { name, exact: true }).first();
const MISTAKES = "days = 30\nif user.usernam:\n    user.klas = 'gold'\n";

/**
 * The pages: by which route, under which name, at which address if it is not the route itself, and what is done there
 * before it is looked at. Main ones are looked at as on a phone, too.
 */
const SCREENS = [
  { route: "/", name: "start", main: true },
  { route: "/users", name: "users", main: true },
  { route: "/users", name: "users-filter", at: '/users?filter=klass eq "student" and expiration lt now' },
  { route: "/users", name: "users-mistake", at: '/users?filter=klas eq "student"' },
  { route: "/users", name: "users-nobody", at: "/users?search=nobody.like.that" },
  {
    route: "/users",
    name: "users-build",
    at: '/users?filter=klass eq "student" and (expiration lt now or not (email pr))',
    main: true,
    before: async (page) => {
      await button(page, "Build").click();
      await page.getByRole("group").first().waitFor();
    },
  },
  {
    route: "/users",
    name: "keys",
    before: async (page) => {
      await page.keyboard.press("?");
      await page.getByRole("dialog").waitFor();
    },
  },
  { route: "/add-user", name: "add-user" },
  { route: "/import-users", name: "import-users" },
  {
    route: "/import-users",
    name: "import-users-faults",
    before: async (page) => {
      const rows = "username,expiration,profiles\nnew.one,2027-13-01,\nyusuf.gruber1,,basic\nnew.two,,golden\n";
      await page
        .getByLabel(/^CSV or Excel file/)
        .setInputFiles({ name: "new.csv", mimeType: "text/csv", buffer: Buffer.from(rows) });
      await button(page, "Check file").click();
      await page.getByText(/wrong in new\.csv/).waitFor();
    },
  },
  { route: "/users/{username}", name: "user", at: "/users/yusuf.gruber1", main: true },
  { route: "/users/{username}", name: "user-profiles", at: "/users/yusuf.gruber1?tab=profiles" },
  { route: "/users/{username}", name: "user-attributes", at: "/users/yusuf.gruber1?tab=attributes" },
  { route: "/users/{username}", name: "user-check-attributes", at: "/users/yusuf.gruber1?tab=check-attributes" },
  { route: "/users/{username}", name: "user-reply", at: "/users/yusuf.gruber1?tab=reply" },
  { route: "/users/{username}", name: "user-history", at: "/users/yusuf.gruber1?tab=history" },
  {
    route: "/users/{username}/revert",
    name: "user-revert",
    at: "/users/yusuf.gruber1?tab=history",
    before: async (page) => {
      await page
        .getByRole("link", { name: /^Restore/ })
        .first()
        .click();
      await page.waitForURL(/\/revert\?/);
    },
  },
  { route: "/scripts", name: "scripts", main: true },
  { route: "/samples", name: "samples" },
  { route: "/new-script", name: "new-script" },
  {
    route: "/new-script",
    name: "new-script-mistakes",
    before: async (page) => {
      await page.locator("script-editor").getByRole("textbox").click();
      await page.keyboard.insertText(MISTAKES);
      await button(page, "Check").click();
      await page
        .getByText(/did you mean/)
        .first()
        .waitFor();
    },
  },
  {
    route: "/scripts/{name}",
    name: "script",
    at: "/scripts/move-plan",
    main: true,
    before: async (page) => {
      await page.getByLabel(/^User\b/).fill("yusuf.gruber1");
      await page.getByLabel(/^from_plan\b/).fill("basic");
      await page.getByLabel(/^to_plan\b/).fill("pro");
      await button(page, "Test").click();
      await page.getByRole("status").filter({ hasText: "yusuf.gruber1" }).waitFor();
    },
  },
  { route: "/scripts/{name}/history", name: "script-history", at: "/scripts/move-plan/history" },
  { route: "/runs", name: "runs", main: true },
  { route: "/runs/new", name: "new-run", main: true },
  {
    route: "/runs/new",
    name: "new-run-told",
    at: '/runs/new?who=filter&filter=klass eq "student"&script=extend-by-days',
  },
  {
    route: "/runs/new",
    name: "new-run-rows",
    at: "/runs/new?script=set-klass",
    before: async (page) => {
      const rows = "username,klass\nyusuf.gruber1,gold\nnadia.berg2,gold\nnobody,gold\nyusuf.gruber1,silver\n";
      const file = { name: "klasses.csv", mimeType: "text/csv", buffer: Buffer.from(rows) };
      await page.getByLabel("Those in the rows of a file").check();
      await page.getByLabel(/^CSV or Excel/).setInputFiles(file);
      await button(page, "Send").click();
      await page
        .getByText(/1 unmatched/)
        .first()
        .waitFor();
    },
  },
  { route: "/runs/{run}", name: "run-preview", at: "/runs/4", main: true },
  { route: "/runs/{run}", name: "run-applied", at: "/runs/3" },
  { route: "/runs/{run}", name: "run-failed", at: "/runs/1?outcome=failed" },
  { route: "/runs/{run}", name: "run-stopped", at: "/runs/5" },
  { route: "/runs/{run}", name: "run-held", at: "/runs/6" },
  { route: "/runs/{run}", name: "run-of-rows", at: "/runs/7" },
  {
    route: "/runs/{run}",
    name: "run-running",
    at: "/runs/8",
    // It takes some commits before there is anything to be drawn.
    before: (page) =>
      until("its outcomes are drawn over time", async () => {
        await page.reload();
        return (await page.getByRole("heading", { name: "Over time" }).count()) > 0;
      }),
  },
  { route: "/runs/{run}/script", name: "run-script", at: "/runs/1/script#line-7" },
  { route: "/filters", name: "filters" },
  { route: "/filters", name: "filter", at: "/filters?name=expired" },
  { route: "/profiles", name: "profiles" },
  { route: "/profiles/{short_name}", name: "profile", at: "/profiles/plus" },
  { route: "/organizations", name: "organizations" },
  { route: "/administration", name: "administration", main: true },
  { route: "/administrators/{name}", name: "administrator", at: "/administrators/olga" },
  {
    route: "/account",
    name: "account",
    main: true,
    before: async (page) => {
      await page.locator("#token").fill("the portal");
      await button(page, "Create token").click();
      await page.getByText(/not shown again/).waitFor();
    },
  },
  { route: "/audit", name: "audit", main: true },
  {
    route: "/audit",
    name: "audit-verified",
    before: async (page) => {
      await page.getByText(/^The chain: /).click();
      await page.getByRole("button", { name: /^Verify/ }).click();
      await page
        .getByText(/verified/)
        .first()
        .waitFor();
    },
  },
  { route: "a page that is not there", name: "not-there", at: "/users/nobody", status: 404 },
  { route: "the API's description", name: "api", at: "/api/v1" },
];
/** Whoever is not signed in sees these. */
const OUTSIDE = [
  { route: "/login", name: "login", main: true },
  {
    route: "/login",
    name: "login-refused",
    before: async (page) => {
      await page.getByLabel("Name").fill("ana");
      await page.getByLabel("Password").fill("not-the-right-one");
      await button(page, "Sign in").click();
      await page.getByRole("alert").waitFor();
    },
  },
];
/** Where there is nothing yet. */
const EMPTY = [
  { name: "empty-start", at: "/", main: true },
  { name: "empty-users", at: "/users" },
  { name: "empty-scripts", at: "/scripts" },
  { name: "empty-runs", at: "/runs" },
  { name: "empty-profiles", at: "/profiles" },
];
/** Pages that the documentation shows, and as which picture: PICTURES=1 npm --prefix web test writes them anew. */
const SHOWN = { "run-preview": "run", script: "script", "users-build": "users", "new-run-rows": "rows" };
/** What is at an address, and no page. */
const NO_PAGES = ["/style.css", "/favicon.svg", "/runs/{run}/progress"];

/** @type {Site} */
let site;
before(() => mkdirSync(pictures, { recursive: true }));
after(() => site?.end());

/** More of what there can be. */
async function furnish() {
  site.rollcall(["administrators", "grant", "olga", "operator@Campus Net"]);
  site.rollcall(["filters", "save", "expired", "expiration lt now and is_active eq true"]);
  site.rollcall(["filters", "save", "students", 'klass eq "student"']);
  for (const name of ["extend-by-days", "report-no-email", "set-klass", "move-plan"]) {
    site.rollcall(["scripts", "save", name, "--sample", name, "--note", "from the sample"]);
  }
  site.write("moved.py", site.rollcall(["scripts", "show", "move-plan"]).replace("# Somebody", "# Whoever"));
  site.rollcall(["scripts", "save", "move-plan", "moved.py", "--note", "say it shorter"]);
  site.write("stops.py", 'if not user.email:\n    fail("no e-mail address")\nuser.klass = user.klass or "basic"\n');
  site.write("rows.csv", "username,klass\nyusuf.gruber1,gold\nnadia.berg2,\nfelix.almeida3,silver\n");
  site.write("slow.py", 'import time\ntime.sleep(0.3)\nuser.description = "seen"\n');
  const basic = ["--param", "from_plan=basic", "--param", "to_plan=plus"];
  site.rollcall(["run", "move-plan", "--filter", "is_active eq true", ...basic]);
  site.rollcall(["run", "stops.py", "--all", "--max-failures", "3"], "", { status: 1 });
  site.rollcall(["run", "move-plan", "--filter", 'klass eq "student"', ...basic, "--apply", "--hold", "--yes"]);
  site.rollcall(["run", "set-klass", "--csv", "rows.csv"]);
  site.rollcall(["run", "slow.py", "--all", "--queue"]);
}

/** Looks at a page in both themes. */
async function look({ page, wrong }, { name, main, before: prepare, status = 200, at }) {
  await page.setViewportSize(WIDE);
  const answer = await page.goto(site.at + at);
  assert.equal(answer.status(), status);
  await prepare?.(page);
  const found = [];
  const picture = (suffix) => page.screenshot({ path: join(pictures, `${name}${suffix}.png`), fullPage: true });
  if (process.env.PICTURES && SHOWN[name]) {
    await page.emulateMedia({ colorScheme: "light", reducedMotion: "reduce" });
    await page.setViewportSize(SMALL);
    await page.screenshot({ path: join(root, "docs/img", `${SHOWN[name]}.png`) });
    await page.setViewportSize(WIDE);
  }
  for (const theme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme: theme, reducedMotion: "reduce" });
    found.push(...(await faults(page)));
    await picture(`-${theme}`);
  }
  if (main) {
    await page.emulateMedia({ colorScheme: "light", reducedMotion: "reduce" });
    await page.setViewportSize(NARROW);
    found.push(...(await faults(page)));
    const wider = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    if (wider > 0) found.push(`${wider} pixels wider than a phone`);
    await picture("-phone");
  }
  // What is refused, the browser tells by itself.
  found.push(...wrong.splice(0).filter((text) => !/status of 4\d\d/.test(text)));
  assert.deepEqual(found, []);
}

test("an installation with nothing in it", async (t) => {
  site = await Site.start({ users: 0, administrators: [] });
  const link = new URL(site.link).pathname;
  await t.test("set-up", async () => look(await site.visit(), { name: "set-up", main: true, at: link }));
  site.administrator("ana");
  const visit = await site.page();
  for (const screen of EMPTY) await t.test(screen.name, () => look(visit, screen));
  await site.end();
  site = undefined;
});

test("pages for nobody in particular", async (t) => {
  site = await Site.start({ demo: 2_000, administrators: ["ana", "olga", "ben"] });
  await furnish();
  const visit = await site.visit();
  for (const screen of OUTSIDE) await t.test(screen.name, () => look(visit, { at: screen.route, ...screen }));
});

test("pages for an administrator", async (t) => {
  const visit = await site.page();
  for (const screen of SCREENS) await t.test(screen.name, () => look(visit, { at: screen.route, ...screen }));
});

test("each route of a page is looked at", () => {
  const routes = readFileSync(join(root, "crates/web/src/pages/mod.rs"), "utf8");
  const found = [...routes.matchAll(/\.route\(\s*"([^"]+)",\s*(\w+)\(/g)];
  assert.ok(found.length > 20);
  const pages = found.filter(([, , method]) => method === "get").map(([, route]) => route);
  const looked = [...SCREENS, ...OUTSIDE].map(({ route }) => route).concat(NO_PAGES);
  assert.deepEqual(
    pages.filter((route) => !looked.includes(route)),
    [],
  );
});
