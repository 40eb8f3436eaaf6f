// The first script, as somebody works on it: from the gallery of samples over Save and Test to an applied run; and what
// the page of a script does without being left.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { Site, until } from "./site.mjs";

const CSV = "username,organization,klass,expiration\nann,default,gold,2030-01-01\nben,default,gold,2030-01-01\n";

/** @type {Site} */
let site;
before(async () => (site = await Site.start({ csv: CSV })));
after(() => site?.end());

const editorOf = (page) => page.getByRole("textbox", { name: "Python" });
const press = (page, name) => page.getByRole("button", { name, exact: true }).first().click();
const message = (page, text) => page.locator("[data-part=messages]").getByText(text).first().waitFor();
const result = (page) => page.locator("[data-part=result]");

/** Writes a script into the editor, in place of what is there. */
async function write(page, text) {
  await editorOf(page).click();
  await page.keyboard.press("Control+a");
  await page.keyboard.insertText(text);
}

/** From the gallery to the saved script. */
async function use(page, sample, name, save) {
  await page.goto(`${site.at}/scripts`);
  await page.getByRole("link", { name: "Samples", exact: true }).click();
  const link = page.getByRole("link", { name: sample });
  await link.first().click();
  await editorOf(page).waitFor();
  await page.getByLabel(/^Name\b/).fill(name);
  await save(page);
  await message(page, "Saved as version 1.");
  await page.waitForURL(`${site.at}/scripts/${name}`);
  await page.getByRole("heading", { level: 1, name }).waitFor();
}

/** From the finished preview to the applied run. */
async function apply(page, users) {
  await press(page, `Preview for ${users} users`);
  await page.getByRole("button", { name: new RegExp(`^Change ${users} users`) }).click();
  await page.getByRole("heading", { name: /^Run \d+: [^,]*$/ }).waitFor();
  await page
    .getByRole("main")
    .getByText(/^(\S+ )?finished$/)
    .first()
    .waitFor();
  await page.getByRole("link", { name: new RegExp(`changed.* ${users}$`) }).waitFor();
}

const byButton = (page) => press(page, "Save");
const byKey = async (page) => {
  await editorOf(page).click();
  await page.keyboard.press("Control+s");
};

test("the first sample of the gallery becomes an applied run", async () => {
  const { page, wrong } = await site.page();
  await use(page, /^Use this script/, "first", byButton);
  // Its rows are those of a file.
  await page.getByLabel(/^User\b/).fill("ann");
  await page.getByText("A row of a file").click();
  await page.getByLabel(/^Row\b/).fill("Framed-IP-Address=10.0.0.7");
  await press(page, "Test");
  await result(page)
    .getByText(/On ann:/)
    .waitFor();
  await result(page)
    .getByText(/10\.0\.0\.7/)
    .waitFor();
  await page.getByRole("link", { name: "Run", exact: true }).click();
  await page.getByLabel("Those in the rows of a file").check();
  const rows = "username,Framed-IP-Address\nann,10.0.0.7\nben,10.0.0.8\n";
  await page
    .getByLabel(/^CSV or Excel/)
    .setInputFiles({ name: "rows.csv", mimeType: "text/csv", buffer: Buffer.from(rows) });
  await press(page, "Send");
  await page
    .getByText(/2 matched/)
    .first()
    .waitFor();
  if (await page.getByRole("button", { name: "Continue" }).count()) await press(page, "Continue");
  await apply(page, 2);
  assert.match(JSON.stringify(site.user("ben")), /10\.0\.0\.8/);
  assert.deepEqual(wrong, []);
});

for (const [how, save] of [
  ["the button", byButton],
  ["Ctrl+S", byKey],
]) {
  test(`a sample with a required parameter becomes an applied run, saved by ${how}`, async () => {
    const { page, wrong } = await site.page();
    await use(page, "Use this script: extend-by-days", how === "Ctrl+S" ? "by-key" : "by-button", save);
    await page.getByLabel(/^User\b/).fill("ann");
    await page.getByLabel(/^days\b/).fill("30");
    await press(page, "Test");
    await result(page)
      .getByText(/On ann:/)
      .waitFor();
    const before = site.user("ann").expiration;
    assert.match(await result(page).textContent(), /expiration/);
    assert.equal(await page.getByLabel(/^days\b/).inputValue(), "30");
    await page.getByRole("link", { name: "Run", exact: true }).click();
    await page.getByLabel("Every user").check();
    await press(page, "Continue");
    await page.getByLabel(/^days\b/).fill("30");
    await apply(page, 2);
    assert.equal(Date.parse(site.user("ann").expiration) - Date.parse(before), 30 * 24 * 60 * 60 * 1000);
    assert.deepEqual(wrong, []);
  });
}

test("saving and testing keep the page, the focus, the cursor and what can be undone", async () => {
  const { page, wrong } = await site.page();
  await page.goto(`${site.at}/new-script`);
  await page.getByLabel(/^Name\b/).fill("kept");
  await write(page, "user.klass = 'one'\n");
  await page.evaluate(() => (globalThis.sameDocument = true));
  await page.keyboard.press("Control+s");
  await message(page, "Saved as version 1.");
  // The cursor is where it was, and the editor has the focus.
  await page.keyboard.type("print('x')");
  assert.equal(await page.locator("textarea#source").inputValue(), "user.klass = 'one'\nprint('x')");
  await page.keyboard.press("Control+s");
  await message(page, "Saved as version 2.");
  await page.getByLabel(/^User\b/).fill("ann");
  await page.keyboard.press("Enter");
  await result(page).getByText("x", { exact: true }).waitFor();
  // Enter in the user tests; it saves nothing.
  assert.equal(await page.locator("input[name=version]").inputValue(), "2");
  await editorOf(page).click();
  await page.keyboard.press("Control+Enter");
  await until("it is tested again", async () => (await page.locator("form[aria-busy]").count()) === 0);
  // A test of a text with errors keeps what was typed for it.
  await write(page, "PARAMS = {'days': int}\n");
  await press(page, "Check");
  await page.getByLabel(/^days\b/).fill("7");
  await write(page, "PARAMS = {'days': int\n");
  await page.keyboard.press("Control+Enter");
  await page.locator("main").getByRole("alert").first().waitFor();
  assert.equal(await page.getByLabel(/^days\b/).inputValue(), "7");
  await write(page, "user.klass = 'two'\n");
  await page.keyboard.press("Control+z");
  assert.ok(!(await page.locator("textarea#source").inputValue()).includes("'two'"));
  assert.equal(await page.evaluate(() => globalThis.sameDocument), true);
  assert.equal(new URL(page.url()).pathname, "/scripts/kept");
  // That a text was refused, the browser tells by itself.
  assert.deepEqual(
    wrong.filter((text) => !/status of 422/.test(text)),
    [],
  );
});

test("somebody else's version is not overwritten, and the text stays", async () => {
  const { page } = await site.page();
  site.write("theirs.py", "user.klass = 'theirs'\n");
  site.rollcall(["scripts", "save", "shared", "theirs.py"]);
  await page.goto(`${site.at}/scripts/shared`);
  await write(page, "user.klass = 'mine'\n");
  site.rollcall(["scripts", "save", "shared", "theirs.py", "--note", "meanwhile"]);
  await page.keyboard.press("Control+s");
  await page.locator("main").getByRole("alert").first().waitFor();
  assert.equal(await page.locator("textarea#source").inputValue(), "user.klass = 'mine'\n");
  assert.match(site.rollcall(["scripts", "show", "shared"]), /theirs/);
});

test("a script with a syntax error is saved as a draft, which cannot run", async () => {
  const { page, context } = await site.page();
  await page.goto(`${site.at}/new-script`);
  await page.getByLabel(/^Name\b/).fill("unfinished");
  await write(page, "if user.klass ==\n");
  await page.keyboard.press("Control+s");
  await page.locator("main").getByRole("alert").first().waitFor();
  assert.equal(new URL(page.url()).pathname, "/new-script");
  await press(page, "Save as draft");
  await message(page, "Saved as version 1, a draft: it has errors and cannot run.");
  // It is there on another machine.
  const other = await site.page();
  await other.page.goto(`${site.at}/scripts`);
  await other.page.getByRole("row", { name: /unfinished.*draft, has errors/ }).waitFor();
  await other.page.getByRole("link", { name: "unfinished", exact: true }).click();
  assert.equal(await other.page.locator("textarea#source").inputValue(), "if user.klass ==\n");
  assert.equal(await other.page.getByRole("link", { name: "Run", exact: true }).count(), 0);
  // No run takes it.
  const run = await context.request.post(`${site.at}/api/v1/runs`, {
    data: { script: "unfinished", targets: { all: true } },
  });
  assert.equal(run.status(), 422);
  assert.match(await run.text(), /SyntaxError/);
  // Mended, it is a script.
  await write(page, "user.klass = 'done'\n");
  await page.keyboard.press("Control+s");
  await message(page, "Saved as version 2.");
  await page.getByRole("link", { name: "Run", exact: true }).waitFor();
});

test("without JavaScript, a test and a refused save show the typed text again", async () => {
  const { context } = await site.page();
  const plain = await site.browser.newContext({ javaScriptEnabled: false, storageState: await context.storageState() });
  const page = await plain.newPage();
  await page.goto(`${site.at}/new-script?sample=extend-by-days`);
  const text = `${await page.getByLabel("Python").inputValue()}\n# typed\n`;
  await page.getByLabel("Python").fill(text);
  await page.getByLabel(/^User\b/).fill("ann");
  await page.getByLabel(/^days\b/).fill("3");
  await press(page, "Test");
  await page.getByText(/On ann:/).waitFor();
  assert.equal(await page.getByLabel("Python").inputValue(), text);
  await page.getByLabel("Python").fill(`${text}if`);
  await press(page, "Save");
  await page.getByRole("alert").first().waitFor();
  assert.equal(await page.getByLabel("Python").inputValue(), `${text}if`);
  // The parameters of a test do not keep a script from being saved.
  await page.goto(`${site.at}/new-script?sample=extend-by-days`);
  await page.getByLabel(/^Name\b/).fill("plain");
  await press(page, "Save");
  await page.getByText("Saved as version 1.").waitFor();
});
