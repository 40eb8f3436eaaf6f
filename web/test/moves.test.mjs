// Listings that move without being loaded anew, and the keys of all pages.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { faults, Site, until } from "./site.mjs";

/** @type {Site} */
let site;
before(async () => {
  site = await Site.start({ users: 250 });
  site.rollcall(["filters", "save", "one", 'username eq "u7"']);
});
after(() => site?.end());

/** The list of users; `loads` are the documents that the browser has loaded. */
async function users(options = {}) {
  const { page, wrong, context } = await site.page(options);
  const loads = [];
  page.on("request", (request) => {
    if (request.isNavigationRequest()) loads.push(new URL(request.url()).pathname + new URL(request.url()).search);
  });
  await page.goto(`${site.at}/users`);
  await page.evaluate(() => customElements.whenDefined("filter-builder"));
  return { page, wrong, context, loads };
}

const first = (page) => page.locator("tbody tr").first().getByRole("rowheader");

test("the next part, a tab and a filter are shown without loading the page, and the way back works", async () => {
  const { page, wrong, loads } = await users();
  assert.equal(await first(page).textContent(), "u1");
  await page.getByRole("link", { name: "Next" }).click();
  await until("the next part", async () => (await first(page).textContent()) === "u101");
  const second = page.url();
  assert.match(second, /cursor=/);
  assert.ok(await page.getByRole("link", { name: "Next" }).evaluate((each) => each === document.activeElement));
  await page.getByRole("link", { name: "one" }).focus();
  await page.keyboard.press("Enter");
  await until("the tab", async () => (await first(page).textContent()) === "u7");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "one");
  assert.equal(await page.locator("main").getAttribute("aria-busy"), null);
  assert.equal(await page.locator("body > [role=status]").textContent(), "1 user");
  const filter = page.getByRole("textbox", { name: /^Filter/ });
  await filter.fill('username sw "u24"');
  await filter.press("Enter");
  await until("the filter", async () => (await first(page).textContent()) === "u24");
  assert.ok(await filter.evaluate((each) => each === document.activeElement));
  assert.equal(new URL(page.url()).searchParams.get("filter"), 'username sw "u24"');
  await page.goBack();
  await until("the tab again", async () => (await first(page).textContent()) === "u7");
  assert.equal(await filter.inputValue(), "one");
  await page.goBack();
  await until("the second part again", async () => (await first(page).textContent()) === "u101");
  assert.equal(page.url(), second);
  await page.goForward();
  await until("forward", async () => (await first(page).textContent()) === "u7");
  // A form of the header leads back to what is shown.
  await page.getByLabel("Theme").selectOption("dark");
  await page.getByRole("button", { name: "Set theme" }).click();
  await page.locator(":root[data-theme=dark]").waitFor();
  assert.equal(new URL(page.url()).searchParams.get("filter"), "one");
  assert.deepEqual(loads, ["/users", "/theme", "/users?filter=one"]);
  assert.deepEqual(wrong, []);
});

test("the outcomes of a run are looked at in place", async () => {
  const { page, wrong, context, loads } = await users();
  const source = "if user.username == 'u1': skip('not this one')\nuser.klass = 'x'";
  const targets = { filter: 'username eq "u1" or username eq "u2" or username eq "u3"' };
  const started = await context.request.post(`${site.at}/api/v1/runs`, { data: { script: "some", source, targets } });
  const { run_id: run } = await started.json();
  await until("the run has ended", async () => {
    return (await (await context.request.get(`${site.at}/api/v1/runs/${run}`)).json()).state === "finished";
  });
  await page.goto(`${site.at}/runs/${run}`);
  const table = page.getByRole("region", { name: "Targets" });
  assert.equal(await table.locator("tbody tr").count(), 3);
  await page
    .getByRole("link", { name: /skipped/ })
    .first()
    .click();
  await until("the one that was skipped", async () => (await table.locator("tbody tr").count()) === 1);
  assert.match(await table.textContent(), /not this one/);
  assert.match(page.url(), /outcome=skipped/);
  assert.deepEqual(loads, ["/users", `/runs/${run}`]);
  assert.deepEqual(wrong, []);
});

test("what cannot take the place of the page is loaded by the browser", async () => {
  const { page, context, wrong, loads } = await users();
  await page.getByRole("link", { name: "u2", exact: true }).click();
  await page.getByRole("heading", { name: "u2" }).waitFor();
  assert.deepEqual(loads, ["/users", "/users/u2"]);
  await page.goBack();
  await page.getByRole("link", { name: "Next" }).waitFor();
  // Whoever was signed out signs in, and comes back.
  await context.clearCookies();
  await page.getByRole("link", { name: "Next" }).click();
  await page.getByRole("button", { name: "Sign in" }).waitFor();
  assert.match(page.url(), /\/login\?next=%2Fusers/);
  // What a browser is told of that is not for this test.
  assert.deepEqual(
    wrong.filter((text) => !text.includes("401")),
    [],
  );
});

test("where no answer comes, the browser asks once more", async () => {
  const { page, wrong, loads } = await users();
  let refused = 0;
  await page.route("**/users?*cursor=*", (route) => {
    refused += 1;
    return refused === 1 ? route.abort() : route.continue();
  });
  await page.getByRole("link", { name: "Next" }).click();
  await until("the next part", async () => (await first(page).textContent()) === "u101");
  assert.deepEqual([refused, loads.length], [2, 2]);
  assert.deepEqual(
    wrong.filter((text) => !text.includes("ERR_FAILED")),
    [],
  );
});

test("columns are chosen and kept", async () => {
  const { page, wrong } = await users();
  const heads = () => page.locator("thead th").allTextContents();
  assert.ok((await heads()).includes("Class"));
  await page.getByText("Columns", { exact: true }).click();
  await page.getByLabel("Class").uncheck();
  await page.getByLabel("Date joined").check();
  assert.deepEqual(await faults(page), []);
  await page.getByRole("button", { name: "Show these" }).click();
  await page.getByRole("columnheader", { name: "Date joined" }).waitFor();
  assert.ok(!(await heads()).includes("Class"));
  await page.goto(`${site.at}/users?filter=one`);
  assert.ok((await heads()).includes("Date joined"));
  await page.getByText("Columns", { exact: true }).click();
  await page.getByRole("button", { name: "As usual" }).click();
  await page.getByRole("columnheader", { name: "Class" }).waitFor();
  assert.equal(new URL(page.url()).searchParams.get("filter"), "one");
  assert.deepEqual(wrong, []);
});

for (const colorScheme of ["light", "dark"]) {
  test(`keys lead to what they say, and are letters in a field, ${colorScheme}`, async () => {
    const { page, wrong } = await users({ colorScheme });
    await page.keyboard.press("/");
    const search = page.getByRole("searchbox");
    assert.ok(await search.evaluate((each) => each === document.activeElement));
    await page.keyboard.type("?gr/");
    assert.equal(await search.inputValue(), "?gr/");
    await page.locator("main").focus();
    await page.keyboard.press("?");
    const dialog = page.getByRole("dialog", { name: "Keys" });
    await dialog.waitFor();
    assert.deepEqual(await faults(page), []);
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "hidden" });
    await page.keyboard.press("g");
    await page.keyboard.press("r");
    // A page hears no keys before it has its module.
    const heard = () => page.evaluate(() => customElements.whenDefined("filter-builder").then(() => true));
    await page.getByRole("heading", { name: "Runs" }).waitFor();
    await heard();
    await page.keyboard.press("g");
    await page.keyboard.press("f");
    await page.getByRole("heading", { name: "Filters" }).waitFor();
    await heard();
    await page.getByLabel("Name", { exact: true }).fill(`keys-${colorScheme}`);
    await page.getByRole("textbox", { name: /^Filter/ }).fill("klass pr");
    await page.keyboard.press("Control+Enter");
    await page.getByText("Saved.").waitFor();
    assert.deepEqual(wrong, []);
  });
}
