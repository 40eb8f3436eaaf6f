// What was typed is not lost: drafts in the browser, and signing in over the page.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { faults, PASSWORD, Site, until } from "./site.mjs";

/** @type {Site} */
let site;
before(async () => (site = await Site.start({ administrators: ["ana", "olga"] })));
after(() => site?.end());

const note = (page) => page.locator(".draft");
const press = (page, name) => page.getByRole("button", { name, exact: true }).first().click();
const drafts = (page) =>
  page.evaluate(() => Object.entries(localStorage).filter(([key]) => key.startsWith("rollcall-draft:")));
const kept = (page, text) => until(`${text} is kept`, async () => JSON.stringify(await drafts(page)).includes(text));
const source = (page) => page.locator("textarea#source");

async function write(page, text) {
  await page.getByRole("textbox", { name: "Python" }).click();
  await page.keyboard.press("Control+a");
  await page.keyboard.insertText(text);
}

/** Leaves a page as somebody does who does not care that the browser asks. */
async function leave(page, to) {
  page.once("dialog", (dialog) => dialog.accept());
  await page.goto(to);
}

test("a script that was left is offered, and given back only when asked for", async () => {
  const { page, wrong } = await site.page();
  await page.goto(`${site.at}/new-script`);
  await page.getByLabel(/^Name\b/).fill("left");
  await write(page, "user.klass = 'left'\n");
  await kept(page, "user.klass = 'left'");
  await leave(page, `${site.at}/users`);
  await page.goto(`${site.at}/new-script`);
  await note(page)
    .getByText(/^You have an unsaved draft from/)
    .waitFor();
  assert.equal(await source(page).inputValue(), "");
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    assert.deepEqual(await faults(page), []);
  }
  await press(page, "Restore draft");
  assert.equal(await source(page).inputValue(), "user.klass = 'left'\n");
  assert.equal(await page.getByLabel(/^Name\b/).inputValue(), "left");
  assert.equal(await note(page).count(), 0);
  // Done, it is no draft.
  await page.keyboard.press("Control+s");
  await page.getByText("Saved as version 1.").first().waitFor();
  await until("there is no draft", async () => (await drafts(page)).length === 0);
  await page.goto(`${site.at}/new-script`);
  await page.getByRole("textbox", { name: "Python" }).waitFor();
  assert.equal(await note(page).count(), 0);
  assert.deepEqual(wrong, []);
});

test("Back after a form that was done loses nothing that was typed since", async () => {
  const { page } = await site.page();
  site.write("back.py", "user.klass = 'one'\n");
  site.rollcall(["scripts", "save", "back", "back.py"]);
  await page.goto(`${site.at}/scripts/back`);
  await write(page, "user.klass = 'two'\n");
  await page.keyboard.press("Control+s");
  await page.getByText("Saved as version 2.").first().waitFor();
  await write(page, "user.klass = 'three'\n");
  await kept(page, "'three'");
  await leave(page, `${site.at}/scripts`);
  await page.goBack();
  await page.getByRole("textbox", { name: "Python" }).waitFor();
  if ((await source(page).inputValue()) !== "user.klass = 'three'\n") await press(page, "Restore draft");
  assert.equal(await source(page).inputValue(), "user.klass = 'three'\n");
});

test("a draft of another form is kept until it is done or discarded; passwords never", async () => {
  const { page } = await site.page();
  await page.goto(`${site.at}/add-user`);
  await page.getByLabel("Name", { exact: true }).fill("new.user");
  await page.getByLabel(/^Password/).fill("not-to-be-kept");
  await kept(page, "new.user");
  assert.ok(!JSON.stringify(await drafts(page)).includes("not-to-be-kept"));
  await leave(page, `${site.at}/users`);
  await page.goto(`${site.at}/add-user`);
  await press(page, "Discard");
  assert.deepEqual(await drafts(page), []);
  // A form that is done leaves none; one that is refused does.
  await page.getByLabel("Name", { exact: true }).fill("u1");
  await page.locator("main form button").last().click();
  await page.getByRole("alert").waitFor();
  await kept(page, "u1");
  await page.getByLabel("Name", { exact: true }).fill("new.user");
  await kept(page, "new.user");
  await page.locator("main form button").last().click();
  await page.waitForURL(/\/users\/new\.user/);
  await until("there is no draft", async () => (await drafts(page)).length === 0);
});

test("another account on the same browser sees no draft, and signing out removes them", async () => {
  const { page, context } = await site.page();
  await page.goto(`${site.at}/new-script`);
  await write(page, "user.klass = 'secret'\n");
  await kept(page, "'secret'");
  const signedIn = await context.request.post(`${site.at}/api/v1/sessions`, {
    data: { name: "olga", password: PASSWORD },
  });
  assert.equal(signedIn.status(), 201);
  await leave(page, `${site.at}/new-script`);
  await page.getByRole("textbox", { name: "Python" }).waitFor();
  await page.getByRole("link", { name: "olga" }).waitFor();
  assert.equal(await note(page).count(), 0);
  await context.request.post(`${site.at}/api/v1/sessions`, { data: { name: "ana", password: PASSWORD } });
  await page.goto(`${site.at}/new-script`);
  await note(page).waitFor();
  await press(page, "Sign out");
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  assert.deepEqual(await drafts(page), []);
});

const dialog = (page) => page.getByRole("dialog", { name: "Sign in to continue" });

async function signIn(page) {
  await dialog(page).waitFor();
  assert.deepEqual(await faults(page), []);
  await dialog(page).getByLabel("Password").fill("wrong");
  await dialog(page).getByRole("button", { name: "Sign in" }).click();
  await dialog(page).getByRole("alert").getByText(/wrong/i).waitFor();
  await dialog(page).getByLabel("Password").fill(PASSWORD);
  await page.keyboard.press("Enter");
}

test("a script is saved when the session has ended, after signing in over the page", async () => {
  const { page, context } = await site.page();
  await page.goto(`${site.at}/new-script`);
  await page.getByLabel(/^Name\b/).fill("ended");
  await write(page, "user.klass = 'ended'\n");
  await context.clearCookies();
  await page.keyboard.press("Control+s");
  await signIn(page);
  await page.getByText("Saved as version 1.").first().waitFor();
  assert.match(site.rollcall(["scripts", "show", "ended"]), /'ended'/);
});

test("every form is sent after signing in over the page", async () => {
  const { page, context } = await site.page();
  await page.goto(`${site.at}/users/u1`);
  await page.getByLabel(/^description\b/i).fill("typed in vain?");
  await context.clearCookies();
  await page.locator("form.card").first().getByRole("button").last().click();
  await dialog(page).getByRole("button", { name: "Cancel" }).click();
  assert.equal(await page.getByLabel(/^description\b/i).inputValue(), "typed in vain?");
  await page.locator("form.card").first().getByRole("button").last().click();
  await signIn(page);
  await until("it is written", () => site.user("u1").description === "typed in vain?");
});
