// The whole product, as somebody meets it who has never seen it: from the link of the first start to a run that is taken
// back, by clicks and keys alone.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { PASSWORD, Site } from "./site.mjs";

/** Each step of a run waits for its end, however long that takes here. */
const LONG = { timeout: 60_000 };
/** From the page after signing in to the finished preview of a sample. */
const FEW_CLICKS = 8;
const GOLD = 5_000;

/** Half of the users are gold: most of them expire in years, some have, a few never do. */
function subscribers() {
  const until = (n) => (n < 10 ? "" : n < 100 ? "2020-06-01" : "2030-01-01");
  const gold = Array.from({ length: GOLD }, (_, n) => `gold${n + 1},default,gold,${until(n)}`);
  const basic = Array.from({ length: GOLD }, (_, n) => `basic${n + 1},default,basic,`);
  return ["username,organization,klass,expiration", ...gold, ...basic].join("\n");
}

/** Who works with a page, and how often they had to click. */
class Hand {
  clicks = 0;

  constructor(page) {
    this.page = page;
  }

  async click(place) {
    this.clicks += 1;
    await place.click();
  }

  async press(name) {
    await this.click(this.page.getByRole("button", { name }));
  }

  async follow(name) {
    await this.click(this.page.getByRole("link", { name, exact: true }).first());
  }

  /** Clicks into a field and writes there. */
  async write(label, text) {
    await this.click(this.page.getByLabel(label).first());
    await this.page.keyboard.press("Control+a");
    await this.page.keyboard.type(text);
  }

  /** Opens a list and takes a line of it. */
  async choose(label, line) {
    this.clicks += 2;
    await this.page.getByLabel(label).first().selectOption(line);
  }
}

const heading = (page, name) => page.getByRole("heading", { level: 1, name });
/** Until the page says so itself: it is loaded anew by then. */
const ended = (page, state = /^(\S+ )?finished$/) => page.getByRole("main").getByText(state).first().waitFor(LONG);
const row = (page, name) => page.getByRole("row", { name });

/** @type {Site} */
let site;
before(async () => (site = await Site.start({ users: 0, administrators: [] })));
after(() => site?.end());

test("from the first start to a run that is taken back", async () => {
  const { page, wrong } = await site.visit();
  const hand = new Hand(page);
  const rail = page.getByRole("navigation", { name: "Main" });

  // The link makes the first administrator.
  await page.goto(site.link);
  await hand.write("Name", "ana");
  await hand.write("Password", PASSWORD);
  await hand.press("Create account");
  await hand.follow("Sign in");
  await hand.write("Name", "ana");
  await hand.write("Password", PASSWORD);
  await page.keyboard.press("Enter");
  await rail.waitFor();

  // Users come in a file, which is looked at first.
  await hand.follow("Import a CSV file");
  const file = { name: "subscribers.csv", mimeType: "text/csv", buffer: Buffer.from(subscribers()) };
  await page.getByLabel(/^CSV or Excel file/).setInputFiles(file);
  await hand.press("Check file");
  await hand.press("Import 10,000 users");
  await page.getByText("The users were imported.").waitFor();

  // A sample is changed and tried on a user by keys.
  await hand.click(rail.getByRole("link", { name: "Users" }));
  await heading(page, "Users").waitFor();
  await hand.click(rail.getByRole("link", { name: "Scripts" }));
  await heading(page, "Scripts").waitFor();
  await hand.follow("Samples");
  await hand.follow("Use this script: extend-by-days");
  // Not the text field that it is made of.
  const editor = page.locator("script-editor .cm-content");
  await hand.write(/^User\b/, "gold200");
  await hand.write(/^days\b/, "30");
  await hand.click(editor);
  await page.keyboard.press("Control+End");
  await page.keyboard.type('print("extended", user.username)');
  await page.keyboard.press("Control+Enter");
  const trial = page.getByRole("status").filter({ hasText: "gold200" });
  await trial.getByText(/2030-01-31/).waitFor();
  await trial.getByText("extended gold200").waitFor();
  await trial.getByText(/nothing was written/i).waitFor();

  // It is saved.
  await hand.write(/^Name\b/, "longer");
  await hand.press("Save");
  await page
    .getByRole("status")
    .getByText(/Saved as version 1/)
    .waitFor();
  await heading(page, "longer").waitFor();

  // Its preview says what it would change.
  await hand.follow("Run");
  await heading(page, "New run").waitFor();
  await hand.write(/^Filter/, 'klass eq "gold"');
  await hand.press("Continue");
  await hand.write(/^days\b/, "30");
  await hand.press("Preview for 5,000 users");
  await ended(page);
  // Equal changes are one line each, the largest first.
  await row(page, /^4,900 .*expiration \+30 days/).waitFor();
  await row(page, /^90 .*expiration/).waitFor();
  await page.getByRole("link", { name: /skipped.* 10$/ }).waitFor();

  // Applying it takes the typed count.
  const preview = page.url();
  await hand.write(/^Type 4,990/, "4,989");
  await hand.press("Change 4,990 users");
  await page
    .getByRole("alert")
    .getByText(/type their number: 4,990/)
    .waitFor();
  await hand.write(/^Type 4,990/, "4,990");
  await hand.press("Change 4,990 users");
  await heading(page, "Run 2").waitFor();
  await ended(page);
  assert.notEqual(page.url(), preview);
  await page.goto(preview);
  await hand.follow("run 2");

  // A user's history tells of it.
  await hand.click(rail.getByRole("link", { name: "Users" }));
  await hand.write(/^Search/, "gold200");
  await page.keyboard.press("Enter");
  await hand.follow("gold200");
  await hand.follow("History");
  await row(page, /ana.*longer.*2030-01-01.*2030-01-31/).waitFor();
  await hand.follow("2");
  await heading(page, "Run 2").waitFor();

  // It is taken back, after a preview of that.
  await hand.press("Preview the undo");
  await heading(page, /preview of the undo of run 2/).waitFor();
  await ended(page);
  await row(page, /^4,900 .*expiration [-−]30 days/).waitFor();
  await hand.write(/^Type 4,990/, "4990");
  await hand.press("Change 4,990 users");
  await heading(page, /undo of run 2/).waitFor();
  await ended(page);
  await page.getByRole("link", { name: /changed.* 4,990$/ }).waitFor();

  // The user is as before.
  await hand.follow("Users");
  await hand.write(/^Search/, "gold200");
  await page.keyboard.press("Enter");
  await row(page, /^gold200 .*2030-01-01/).waitFor();
  await hand.follow("gold200");
  await hand.follow("History");
  await row(page, /2030-01-31.*2030-01-01/).waitFor();
  await row(page, /2030-01-01.*2030-01-31/).waitFor();

  // That a form was refused, the browser tells by itself.
  assert.deepEqual(
    wrong.filter((text) => !/status of 422/.test(text)),
    [],
  );
});

test("a sample is previewed for all 10,000 users with few clicks", async (t) => {
  const { page, wrong } = await site.page();
  await page.goto(site.at);
  const hand = new Hand(page);
  await hand.follow("Scripts");
  await hand.follow("Samples");
  await hand.follow("Use this script: report-no-email");
  await hand.press("Save");
  await hand.follow("Run");
  await hand.click(page.getByLabel("Every user"));
  await hand.press("Continue");
  await hand.press("Preview for 10,000 users");
  await ended(page);
  await page.getByRole("link", { name: /unchanged.* 10,000$/ }).waitFor();
  t.diagnostic(`${hand.clicks} clicks from the first page to the preview of a sample for 10,000 users`);
  assert.ok(hand.clicks <= FEW_CLICKS, `${hand.clicks} clicks`);
  assert.deepEqual(wrong, []);
});

test("without scripts, too, a run is started, watched, and cancelled", async () => {
  const signIn = async (page) => {
    await page.goto(`${site.at}/scripts`);
    await page.getByLabel("Name").fill("ana");
    await page.getByLabel("Password").fill(PASSWORD);
    await page.getByRole("button", { name: "Sign in" }).click();
    await heading(page, "Scripts").waitFor();
  };
  const { page } = await site.visit({ javaScriptEnabled: false });
  await signIn(page);
  await page.getByRole("link", { name: "New script" }).click();
  await page.getByLabel(/^Name\b/).fill("slow");
  await page
    .getByLabel("Python")
    .fill("import time\ntime.sleep(0.05)\nuser.description = params.text\nPARAMS = {'text': str}\n");
  // A mistake is told, and nothing that was typed is gone.
  await page.getByRole("button", { name: "Check" }).click();
  assert.match(await page.getByLabel("Python").inputValue(), /time\.sleep\(0\.05\)/);
  assert.equal(await page.getByLabel(/^Name\b/).inputValue(), "slow");
  await page.getByLabel(/^User\b/).fill("basic1");
  await page
    .getByLabel(/^text\b/)
    .first()
    .fill("seen");
  await page.getByRole("button", { name: "Test", exact: true }).click();
  await page.getByRole("status").filter({ hasText: "basic1" }).getByText("seen").waitFor();
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByRole("link", { name: "Run", exact: true }).click();
  await page.getByLabel("Every user").check();
  await page.getByRole("button", { name: "Continue" }).click();
  await page.getByLabel(/^text\b/).fill("seen");
  await page.getByRole("button", { name: "Preview for 10,000 users" }).click();
  await page.getByRole("progressbar").waitFor();
  // The page loads itself again: more is done each time.
  await page.getByText(/[1-9]\d* of 10,000 done/).waitFor();
  await page.getByRole("button", { name: "Cancel this run" }).click();
  await ended(page, /^(\S+ )?cancelled$/);
  await page.getByRole("link", { name: /not run.* [1-9],\d{3}$/ }).waitFor();
  assert.equal(await page.getByRole("progressbar").count(), 0);
});
