// Two administrators at the same time, and a server that is gone for a moment: nobody writes over anybody, everybody is
// told, and pages that are open go on.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { Site, until } from "./site.mjs";

const USERS = 300;
const LONG = { timeout: 60_000 };

const slow = (text) => `import time\ntime.sleep(0.1)\nuser.description = "${text}"\n`;
const button = (page, name) => page.getByRole("button", { name, exact: true });
const CHANGE = /^Change \d+ users$/;
const finished = (page) =>
  page
    .getByRole("main")
    .getByText(/^(\S+ )?finished$/)
    .first()
    .waitFor(LONG);

/** @type {Site} */
let site;
before(async () => {
  site = await Site.start({ users: USERS, administrators: ["ana", "ben"] });
  site.write("quick.py", 'user.klass = "gold"\n');
  site.rollcall(["scripts", "save", "quick", "quick.py"]);
  site.write("slow.py", slow("seen"));
  site.rollcall(["scripts", "save", "slow", "slow.py"]);
});
after(() => site?.end());

/** Pages of both, and what went wrong on them but for what was refused: that the browser tells by itself. */
async function both() {
  const [ana, ben] = [await site.page({}, "ana"), await site.page({}, "ben")];
  const wrong = () => [...ana.wrong, ...ben.wrong].filter((text) => !/status of 4\d\d/.test(text));
  return { ana: ana.page, ben: ben.page, wrong };
}

/** Makes the preview of a saved script for a filter, and shows it. */
async function preview(page, script, filter) {
  await page.goto(`${site.at}/runs/new?who=filter&filter=${encodeURIComponent(filter)}&script=${script}`);
  await page.getByRole("button", { name: /^Preview for/ }).click();
  await page.getByRole("heading", { level: 1, name: /^Run \d+/ }).waitFor();
  await finished(page);
}

/** Applies the plan of the preview that a page shows. Its own "finished" is not that of the run that writes. */
async function apply(page) {
  const preview = new URL(page.url()).pathname;
  await button(page, CHANGE).click();
  await page.waitForURL((url) => url.pathname !== preview);
  await finished(page);
}

test("of two who edit a user the second is told, and nothing of either is lost", async () => {
  const { ana, ben, wrong } = await both();
  for (const page of [ana, ben]) await page.goto(`${site.at}/users/u1`);
  await ana.getByLabel("klass").fill("gold");
  await ana.getByLabel("email").fill("ana@example.net");
  await button(ana, "Save").click();
  await ana.getByRole("status").getByText("Saved.").waitFor();

  await ben.getByLabel("last_name").fill("Berg");
  await ben.getByLabel("email").fill("ben@example.net");
  await ben.getByLabel("description").fill("written at length\nby ben");
  await button(ben, "Save").click();
  await ben
    .getByRole("alert")
    .getByText(/changed|meanwhile/)
    .first()
    .waitFor();
  assert.equal(site.user("u1").last_name, "");
  assert.equal(await ben.getByLabel("last_name").inputValue(), "Berg");
  assert.equal(await ben.getByLabel("description").inputValue(), "written at length\nby ben");
  // What the first has written is shown to the second, who does not take it back by saving again.
  assert.equal(await ben.getByLabel("klass").inputValue(), "gold");
  // Where both have written, the second sees both, and decides.
  await ben.getByText("By now it is ana@example.net").waitFor();
  assert.equal(await ben.getByLabel("email").inputValue(), "ben@example.net");
  await button(ben, "Save").click();
  await ben.getByRole("status").getByText("Saved.").waitFor();
  const { klass, last_name, email, description } = site.user("u1");
  const now = [klass, last_name, email, description];
  assert.deepEqual(now, ["gold", "Berg", "ben@example.net", "written at length\nby ben"]);
  assert.deepEqual(wrong(), []);
});

test("of two who apply a preview one does, and the other is told", async () => {
  const { ana, ben, wrong } = await both();
  await preview(ana, "quick", 'username sw "u2"');
  await ben.goto(ana.url());
  await button(ben, CHANGE).waitFor();
  await apply(ana);
  await button(ben, CHANGE).click();
  await ben
    .getByRole("alert")
    .getByText(/applied/)
    .first()
    .waitFor();
  assert.equal(await button(ben, CHANGE).count(), 0);
  // The other one finds the way to what was done.
  await ben
    .getByRole("link", { name: /^run \d+$/ })
    .first()
    .click();
  await ben.getByRole("heading", { level: 1, name: /^Run \d+: quick/ }).waitFor();
  assert.equal(ben.url(), ana.url());
  assert.deepEqual(wrong(), []);
});

test("what takes four eyes is applied when the second administrator has approved it", async () => {
  const { ana, ben, wrong } = await both();
  await ana.goto(`${site.at}/administration`);
  const limit = ana.getByLabel(/second administrator/);
  await limit.fill("10");
  await Promise.all([ana.waitForEvent("load"), limit.press("Enter")]);
  await until("it is kept", () => /four_eyes_above\W+10\b/.test(site.rollcall(["settings", "list"])));
  await preview(ana, "quick", 'username sw "u3"');
  assert.equal(await button(ana, CHANGE).count(), 0);
  // One is not two.
  await button(ana, "Approve this plan").click();
  await ana.getByRole("alert").first().waitFor();
  assert.equal(await button(ana, CHANGE).count(), 0);
  await ben.goto(ana.url().replace(/#.*/, ""));
  await button(ben, "Approve this plan").click();
  await ben.getByText(/^ben, /).waitFor();
  await ana.goto(ben.url());
  await apply(ana);
  assert.equal(site.user("u30").klass, "gold");
  await ben.goto(`${site.at}/administration`);
  await ben.getByLabel(/second administrator/).fill("");
  await ben.getByLabel(/second administrator/).press("Enter");
  await until("it is taken back", () => !/four_eyes_above\W+10\b/.test(site.rollcall(["settings", "list"])));
  assert.deepEqual(wrong(), []);
});

test("a server that is killed in the middle of a run comes back, and so does the page", async () => {
  const { page } = await site.page();
  await page.goto(`${site.at}/runs/new?who=all&script=slow`);
  await page.getByRole("button", { name: /^Preview for/ }).click();
  const bar = page.getByRole("progressbar");
  const value = () => bar.evaluate((bar) => bar.value).catch(() => 0);
  await until("some are done", async () => (await value()) > 0);
  const place = page.url();
  await site.stop("SIGKILL");
  assert.ok(await bar.isVisible());
  await site.serve();
  await finished(page);
  assert.equal(page.url(), place);
  await page.getByRole("link", { name: new RegExp(`changed.* ${USERS}$`) }).waitFor();
  await page.getByRole("button", { name: `Change ${USERS} users` }).waitFor();
});
