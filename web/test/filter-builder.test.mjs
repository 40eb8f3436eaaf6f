// `<filter-builder>` on the real pages that have it.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { faults, Site, until } from "./site.mjs";

/** @type {Site} */
let site;
before(async () => {
  site = await Site.start({ users: 12 });
  site.write("more.csv", "username,organization,klass\ngold1,default,gold\ngold2,default,gold\nplain,default,basic\n");
  site.rollcall(["users", "import", "more.csv"]);
  site.rollcall(["profiles", "add", "gold-plan"]);
  site.rollcall(["filters", "save", "golden", 'klass eq "gold"']);
});
after(() => site?.end());

/** The list of users with its rows opened. */
async function builder(filter = "", options = {}) {
  const { page, wrong, context } = await site.page(options);
  await page.goto(`${site.at}/users${filter ? `?filter=${encodeURIComponent(filter)}` : ""}`);
  await page.getByRole("button", { name: "Build" }).click();
  const rows = page.locator(".filter-rows");
  await page.locator(".filter-panel").waitFor();
  const text = page.getByRole("textbox", { name: /^Filter/ });
  const count = page.locator("filter-builder").getByRole("status");
  return { page, wrong, context, rows, text, count };
}

/** What a text means, as the server reads it. */
async function tree(context, filter) {
  const answer = await context.request.post(`${site.at}/api/v1/filters/parse`, { data: { filter } });
  const read = await answer.json();
  assert.ok(read.tree, `${filter}: ${JSON.stringify(read)}`);
  return read.tree;
}

test("rows write the text, and the count follows", async () => {
  const { page, wrong, text, count, rows } = await builder();
  await rows.getByLabel("Field", { exact: true }).selectOption("klass");
  await rows.getByLabel("Value", { exact: true }).fill("gold");
  assert.equal(await text.inputValue(), 'klass eq "gold"');
  await until("two are counted", async () => (await count.textContent()) === "2 users");
  await rows.getByRole("button", { name: "Add a group" }).click();
  const inner = rows.getByRole("group", { name: "Group of conditions" });
  assert.ok(await inner.getByLabel("How the conditions join").evaluate((each) => each === document.activeElement));
  await inner.getByLabel("How the conditions join").selectOption({ label: "None of these holds" });
  await inner.getByLabel("Field", { exact: true }).selectOption("expiration");
  await inner.getByLabel("Comparison", { exact: true }).selectOption({ label: "is before" });
  await inner.getByLabel("Value", { exact: true }).fill("now+30d");
  assert.equal(await text.inputValue(), 'klass eq "gold" and not (expiration lt now+30d)');
  await inner.getByRole("button", { name: "Add a condition" }).click();
  await inner.getByRole("group", { name: "Condition 2" }).getByLabel("Field").selectOption("profiles");
  const list = rows.getByRole("group", { name: "Conditions on profiles" });
  await list.getByLabel("Value", { exact: true }).fill("gold-plan");
  const written = 'klass eq "gold" and not (expiration lt now+30d or profiles[short_name eq "gold-plan"])';
  assert.equal(await text.inputValue(), written);
  await list.getByLabel("What the list has").selectOption({ label: "has none" });
  assert.equal(await text.inputValue(), 'klass eq "gold" and not (expiration lt now+30d or not (profiles pr))');
  await inner.getByRole("button", { name: "Remove this group" }).click();
  assert.equal(await text.inputValue(), 'klass eq "gold"');
  // Enter sends it; the rows are still there.
  await rows.getByLabel("Value", { exact: true }).press("Enter");
  await page.waitForURL(/filter=klass/);
  await page.getByRole("link", { name: "gold1" }).waitFor();
  assert.ok(await rows.getByLabel("Value", { exact: true }).evaluate((each) => each === document.activeElement));
  assert.deepEqual(wrong, []);
});

test("a text comes back from the rows with the same meaning", async () => {
  const { page, wrong, context, text, rows } = await builder();
  for (const filter of [
    'klass eq "gold"',
    'not (klass co "a") and username ne "b \\"c\\" \\u00e9"',
    "is_active eq false or obj_id le 7 and (expiration eq null or expiration gt now-1y)",
    'not (not (klass pr)) and not (not (klass eq "a" or email pr))',
    'expiration ge "2026-12-01T00:00:00Z" and not (username_length gt 3)',
    'attributes[attr eq "Session-Timeout" and value gt 3600] or profiles.short_name ne "x"',
    'check_attributes[not (attr sw "NAS" or value eq "1")] and attributes pr and not (profiles pr)',
    '((((((klass eq "deep" or klass eq "er") and email pr) or email pr) and klass pr) or klass pr) and email pr) or klass eq "z"',
    'organization eq "default" and not (klass eq "gold")',
    "golden",
  ]) {
    await text.fill(filter);
    const before = await tree(context, filter);
    await until(`the rows of ${filter}`, () => rows.evaluate((each) => !each.hidden && !each.inert));
    // A condition that is added and removed again changes nothing; until then nothing is written.
    const settled = page.waitForResponse((answer) => answer.url().endsWith("/filters/count"));
    await page
      .locator(".filter-rows > .filter-group > .filter-add")
      .getByRole("button", { name: "Add a condition" })
      .click();
    await page
      .locator(".filter-rows > .filter-group > .filter-row")
      .last()
      .getByRole("button", { name: /^Remove/ })
      .click();
    await settled;
    assert.deepEqual(await tree(context, await text.inputValue()), before, `${filter}: ${await text.inputValue()}`);
  }
  assert.deepEqual(wrong, []);
});

test("rows that are older than the text write nothing", async () => {
  const { page, wrong, text, rows } = await builder('klass eq "gold"');
  const value = rows.getByLabel("Value", { exact: true });
  await value.waitFor();
  // The answer is held back until somebody has tried to write the old rows.
  let release;
  const held = new Promise((resolve) => (release = resolve));
  await page.route("**/filters/parse", async (route) => {
    await held;
    await route.continue();
  });
  await text.fill('klass eq "plus" or email pr');
  await value.evaluate((each) => {
    each.value = "old";
    each.dispatchEvent(new Event("input", { bubbles: true }));
  });
  assert.equal(await text.inputValue(), 'klass eq "plus" or email pr');
  release();
  await until(
    "the rows are new",
    async () => (await rows.getByLabel("How the conditions join").inputValue()) === "any",
  );
  assert.deepEqual(wrong, []);
});

test("a mistake is told in its place, in the text and in the row, and the rows stay", async () => {
  const { page, wrong, text, rows, count } = await builder('klass eq "gold"');
  await rows.getByLabel("Value", { exact: true }).waitFor();
  await text.fill('klass eq "gold" and klas pr');
  const fault = page.locator(".filter-fault");
  await until("it is told", async () => /did you mean klass/.test((await fault.textContent()) ?? ""));
  assert.equal(await fault.locator("mark").textContent(), "k");
  assert.equal(await text.getAttribute("aria-invalid"), "true");
  assert.ok(!(await rows.isVisible()), "no rows are shown of what cannot be read");
  await fault.getByRole("button", { name: "Go to column 21" }).click();
  assert.deepEqual(await text.evaluate((each) => [each.selectionStart, each.selectionEnd]), [20, 21]);
  await text.fill('klass eq "gold"');
  await until("the rows are back", () => rows.isVisible());
  await rows.getByLabel("Field", { exact: true }).selectOption("obj_id");
  await until(
    "the row is marked",
    async () => (await rows.getByLabel("Value", { exact: true }).getAttribute("aria-invalid")) === "true",
  );
  assert.equal(
    await rows.getByLabel("Value", { exact: true }).getAttribute("aria-describedby"),
    await fault.getAttribute("id"),
  );
  await rows.getByLabel("Value", { exact: true }).fill("3");
  await until("it is right", async () => (await count.textContent()) === "1 user");
  assert.ok(!(await fault.isVisible()));
  assert.equal(await text.getAttribute("aria-invalid"), null);
  assert.deepEqual(wrong, []);
});

test("rows are in a new run and in saved filters, too", async () => {
  const { page, wrong } = await site.page();
  await page.goto(`${site.at}/runs/new?who=all`);
  await page.getByRole("radio", { name: "Users selected by a filter or a search" }).check();
  await page.getByRole("button", { name: "Build" }).click();
  const rows = page.locator(".filter-rows");
  await page.getByRole("radio", { name: "Every user" }).check();
  await page.getByRole("radio", { name: "Users selected by a filter or a search" }).check();
  await rows.getByLabel("Field", { exact: true }).selectOption("klass");
  await rows.getByLabel("Value", { exact: true }).fill("basic");
  assert.equal(await page.locator("#filter").inputValue(), 'klass eq "basic"');
  await until("one is counted", async () => (await page.locator(".filter-count").textContent()) === "1 user");
  await page.goto(`${site.at}/filters?name=golden`);
  await rows.getByLabel("Value", { exact: true }).fill("silver");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("Saved.").waitFor();
  assert.equal(
    JSON.parse(site.rollcall(["filters", "show", "golden", "--format", "json"])).filter,
    'klass eq "silver"',
  );
  site.rollcall(["filters", "save", "golden", 'klass eq "gold"']);
  assert.deepEqual(wrong, []);
});

for (const colorScheme of ["light", "dark"]) {
  test(`everybody can use the rows, ${colorScheme}`, async () => {
    const { page, wrong, rows } = await builder(
      'klass eq "gold" and (expiration lt now or attributes[attr eq "x" and value gt "7"] or is_active eq true)',
      { colorScheme },
    );
    await rows.getByRole("group", { name: "Conditions on attributes" }).waitFor();
    const found = await faults(page);
    assert.deepEqual(found, []);
    await page.getByRole("textbox", { name: /^Filter/ }).fill("klas pr");
    await page.locator(".filter-fault mark").waitFor();
    assert.deepEqual(await faults(page), []);
    assert.deepEqual(wrong, []);
  });
}
