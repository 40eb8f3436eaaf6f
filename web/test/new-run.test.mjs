// The way of a file to a run: sent, mapped, matched.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { faults, line, Site, until } from "./site.mjs";

/** @type {Site} */
let site;
before(async () => {
  site = await Site.start({ users: 5 });
  site.write("set.py", "user.klass = row['class']\n");
  site.rollcall(["scripts", "save", "set", "set.py"]);
});
after(() => site?.end());

const FILE = {
  name: "list.csv",
  mimeType: "text/csv",
  buffer: Buffer.from("who;class\nu1;a\nu2;b\nnobody;c\nu1;d\nu9;e\n"),
};

for (const colorScheme of ["light", "dark"]) {
  test(`a file is sent, its column chosen, its rows looked at and run, ${colorScheme}`, async () => {
    const { page, wrong, context } = await site.page({ colorScheme });
    await page.goto(`${site.at}/runs/new?script=set&who=rows`);
    await page.getByLabel(/^CSV or Excel/).setInputFiles(FILE);
    await page.getByRole("button", { name: "Send" }).click();
    await page.getByRole("heading", { name: "Key column" }).waitFor();
    assert.match(page.url(), /upload=\d+/);
    // No header is known, so nothing is matched yet; it says why, and shows what the file is like.
    assert.match(await page.getByRole("alert").first().textContent(), /no column is known to name the users/);
    const sample = page.getByRole("region", { name: "How the file begins" });
    assert.equal(await sample.locator("tbody tr").count(), 5);
    await sample.getByRole("button", { name: "who" }).click();
    assert.equal(await page.getByLabel("Column", { exact: true }).inputValue(), "who");
    assert.equal(await sample.getByRole("button", { name: "who" }).getAttribute("aria-pressed"), "true");
    const status = page.locator("csv-map").getByRole("status");
    await until(
      "it asks which field that is",
      async () =>
        (await status.textContent()) ===
        'which field does the column "who" hold: username, external_id, email, obj_id? Choose it above.',
    );
    await page.getByLabel("It holds the users'").selectOption("username");
    await until("it is known how many match", async () => (await status.textContent()) === "3 of 5 rows would match.");
    await page.getByRole("button", { name: "Use this column" }).click();
    const rows = page.locator("#rows");
    await rows.waitFor();
    assert.deepEqual(
      (await rows.getByRole("list").getByRole("link").allTextContents()).map((text) => text.trim()),
      ["✓ 3 matched", "✕ 2 unmatched", "? 0 ambiguous", "= 1 duplicate"],
    );
    // Those in the way are shown first.
    assert.match(await rows.locator("tbody").textContent(), /no user has the username "nobody"/);
    assert.deepEqual(await faults(page), []);
    await rows.getByRole("link", { name: "duplicate" }).click();
    await until("the duplicates", async () => /named by line 2, too/.test(await rows.locator("tbody").textContent()));
    const bad = await context.request.get(
      new URL(await rows.getByRole("link", { name: "Export 2 bad rows" }).getAttribute("href"), site.at).href,
    );
    assert.match(await bad.text(), /nobody/);
    await rows.getByRole("link", { name: "Skip 2 rows" }).click();
    await page.getByRole("button", { name: "Preview for 2 users" }).waitFor();
    assert.equal(await line(page.locator(".steps [aria-current]")), "2 Parameters");
    assert.equal(await line(page.locator(".steps-for")), "2 users · all organizations · set@1");
    await page.getByRole("button", { name: "Preview for 2 users" }).click();
    await page
      .getByRole("heading", { name: /preview/i })
      .first()
      .waitFor();
    assert.match(await page.locator(".steps [aria-current]").textContent(), /Preview/);
    // That a column alone is not enough, the browser tells, too.
    assert.deepEqual(
      wrong.filter((text) => !text.includes("422")),
      [],
    );
  });
}

test("a file that the server does not take is told, and can be sent again", async () => {
  const { page, wrong } = await site.page();
  await page.goto(`${site.at}/runs/new?who=rows`);
  let times = 0;
  await page.route("**/api/v1/uploads?*", (route) => {
    times += 1;
    if (times > 1) return route.continue();
    return route.fulfill({
      status: 503,
      contentType: "application/problem+json",
      body: '{"detail": "the database is busy."}',
    });
  });
  await page.getByLabel(/^CSV or Excel/).setInputFiles(FILE);
  await page.getByRole("button", { name: "Send" }).click();
  await page.getByText("the database is busy. Send it again.").waitFor();
  await page.getByRole("button", { name: "Send" }).click();
  await page.getByRole("heading", { name: "Key column" }).waitFor();
  assert.deepEqual(
    wrong.filter((text) => !text.includes("503")),
    [],
  );
});

test("whoever changes the list sees it before they go on", async () => {
  const { page, wrong } = await site.page();
  await page.goto(`${site.at}/runs/new?script=set&who=all`);
  const go = page.getByRole("button", { name: "Preview for 5 users" });
  await go.waitFor();
  await page.getByRole("radio", { name: "Users selected by a filter or a search" }).check();
  await page.locator("#filter").fill('username eq "u1"');
  await page.getByText("The list or the script was changed. Press “Continue” to go on with it.").waitFor();
  assert.ok(await page.locator("form[action='/runs/new'][method=post]").evaluate((each) => each.inert));
  await page.getByRole("button", { name: "Continue" }).click();
  await page.getByRole("button", { name: "Preview for 1 user" }).click();
  await page.locator(".steps [aria-current]", { hasText: "Preview" }).waitFor();
  assert.deepEqual(wrong, []);
});

test("all of it works without JavaScript", async () => {
  const { page, wrong } = await site.page({ javaScriptEnabled: false });
  await page.goto(`${site.at}/runs/new?script=set&who=rows`);
  await page.getByLabel(/^CSV or Excel/).setInputFiles(FILE);
  await page.getByRole("button", { name: "Send" }).click();
  await page.getByLabel("Column", { exact: true }).selectOption("who");
  await page.getByLabel("It holds the users'").selectOption("username");
  await page.getByRole("button", { name: "Use this column" }).click();
  await page.getByRole("link", { name: "Skip 2 rows" }).click();
  await page.getByRole("button", { name: "Preview for 2 users" }).waitFor();
  assert.deepEqual(wrong, []);
});
