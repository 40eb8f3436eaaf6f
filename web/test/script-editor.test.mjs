// `<script-editor>` in a real browser, on a real server.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { faults, Site, until } from "./site.mjs";

/** @type {Site} */
let site;
before(async () => (site = await Site.start()));
after(() => site?.end());

const escaped = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");

/** A page with an editor of `source`; what the form has sent, and what went wrong. */
async function editor(source, { options, place, area = "" } = {}) {
  const { page, wrong, context } = await site.page(options);
  const { sent, action } = await site.forms(page);
  const form = `<form method="post" action="${action}">
    <button name="act" value="save">Save</button><button name="act" value="try" data-try>Try</button>
    <label for="source">The script</label>
    <script-editor><textarea id="source" name="source" ${area}>${escaped(source)}</textarea></script-editor>
    <a href="#after" id="after">After</a></form>`;
  await site.show(page, form, { hash: place });
  const text = page.getByRole("textbox", { name: "The script" });
  await text.waitFor();
  const status = page.locator("script-editor").getByRole("status");
  return { page, wrong, context, sent, text, status, textarea: page.locator("textarea") };
}

/** Places the cursor at the end and types there. */
async function type(page, text, keys) {
  await text.click();
  await page.keyboard.press("Control+End");
  await page.keyboard.type(keys);
}

/** The colour of the first place that is written so. */
const colour = (page, text) =>
  page.evaluate((text) => {
    const root = document.querySelector("script-editor").shadowRoot;
    const found = [...root.querySelectorAll(".cm-line span")].find((each) => each.textContent === text);
    return getComputedStyle(found).color;
  }, text);

for (const colorScheme of ["light", "dark"]) {
  test(`Python is shown in colours that can be read, ${colorScheme}`, async () => {
    const source = "# why\ndef f(x):\n    return 'text', 12\n";
    const { page, wrong, text } = await editor(source, { options: { colorScheme } });
    assert.match(await text.textContent(), /def f\(x\):/);
    const places = ["# why", "def", "'text'", "12"];
    // It is read from its beginning, and in bits where that takes long.
    await page.locator("script-editor .cm-line span", { hasText: /^12$/ }).waitFor();
    const colours = await Promise.all(places.map((each) => colour(page, each)));
    const ground = await page.evaluate(
      () =>
        getComputedStyle(document.querySelector("script-editor").shadowRoot.querySelector(".cm-editor"))
          .backgroundColor,
    );
    assert.equal(new Set([...colours, ground]).size, 5, `${colours} on ${ground}`);
    for (const each of colours) assert.ok(contrast(each, ground) >= 4.5, `${each} on ${ground}`);
    assert.deepEqual(await page.locator("script-editor .cm-lineNumbers .cm-gutterElement:visible").allTextContents(), [
      "1",
      "2",
      "3",
      "4",
    ]);
    assert.ok(!(await page.locator("textarea").isVisible()));
    assert.deepEqual(wrong, []);
  });
}

/** By WCAG 2.2. */
function contrast(one, other) {
  const light = (colour) => {
    const parts = /\(([\d., ]+)\)/
      .exec(colour)[1]
      .split(",")
      .slice(0, 3)
      .map((part) => Number(part) / 255);
    const [r, g, b] = parts.map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const [bright, dark] = [light(one), light(other)].sort((a, b) => b - a);
  return (bright + 0.05) / (dark + 0.05);
}

test("completions are what the server documents", async () => {
  const { page, wrong, context, text, textarea } = await editor("PARAMS = {'days': int}\n");
  const { items } = await (await context.request.get(`${site.at}/api/v1/script-api`)).json();
  const labels = () => page.locator("script-editor .cm-completionLabel").allTextContents();
  for (const [typed, of] of [
    ["user.", "User"],
    ["obj.", "User"],
    ["run.", "Run"],
  ]) {
    await type(page, text, typed);
    const documented = items
      .filter((each) => each.member_of === of)
      .map((each) => each.name)
      .sort();
    assert.ok(documented.length > 3);
    await until(`those of ${typed}`, async () => String((await labels()).sort()) === String(documented));
    await page.keyboard.press("Escape");
    await page.keyboard.press("Enter");
  }
  await type(page, text, "user.expir");
  const about = page.locator("script-editor .cm-completionInfo");
  await about.getByText("Until when the user may sign in").waitFor();
  // Not by a key: the editor takes none within a moment of a change, so that nobody chooses what they have not seen.
  await page.locator("script-editor .cm-completionLabel", { hasText: /^expiration$/ }).click();
  await until("it is completed", async () => (await textarea.inputValue()).endsWith("user.expiration"));
  // What the script declares, as the server has read it.
  await text.click();
  await page.keyboard.press("Control+a");
  await page.keyboard.insertText("PARAMS = {'days': int}\n");
  await page.locator("script-editor").getByText("No mistakes found.").waitFor();
  await type(page, text, "params.");
  await page.locator("script-editor .cm-completionLabel", { hasText: "days" }).waitFor();
  assert.deepEqual(await labels(), ["days"]);
  // By itself, what Rollcall has; in a text or a comment nothing.
  await page.keyboard.press("Escape");
  await type(page, text, "days");
  await page.keyboard.press("Escape");
  await type(page, text, "\nski");
  await until("skip comes first", async () => (await labels())[0] === "skip");
  await page.keyboard.press("Escape");
  await type(page, text, "p('')\n# user.");
  await page.keyboard.press("Control+Space");
  assert.match(await textarea.inputValue(), /# user\.$/);
  assert.deepEqual(await labels(), []);
  assert.deepEqual(wrong, []);
});

test("whoever points at a name is told what it is", async () => {
  const { page, wrong } = await editor("user.obj_id\nskip('x')\n");
  const told = page.locator("script-editor .cm-tooltip-hover");
  const word = (text) => page.locator("script-editor .cm-line", { hasText: text });
  // It is drawn once more when it was read: whoever points at it before points at nothing then.
  await page.locator("script-editor .cm-line span", { hasText: /^'x'$/ }).waitFor();
  await word("user.obj_id").hover({ position: { x: 60, y: 8 } });
  await told.getByText("read-only").waitFor();
  assert.match(await told.textContent(), /obj_id: int.*The user's number\./);
  await page.mouse.move(0, 0);
  await word("skip").hover({ position: { x: 12, y: 8 } });
  await told.getByText("Ends this user as skipped").waitFor();
  assert.deepEqual(wrong, []);
});

test("mistakes are marked where they are", async () => {
  const { page, wrong, text, status } = await editor("é = '𝒳'; user.usernam\n");
  const marked = (kind) => page.locator(`script-editor .cm-lintRange-${kind}`);
  await marked("warning").first().waitFor();
  assert.deepEqual(await marked("warning").allTextContents(), ["usernam"]);
  assert.match(await status.textContent(), /^1 warning\. Line 1: user\.usernam: .*did you mean username\?$/);
  await type(page, text, "if x:\nx = = 1");
  await marked("error").first().waitFor();
  assert.match(await status.textContent(), /^\d+ errors?\. Line \d: syntax error: /);
  await page.locator("script-editor .cm-lint-marker-error").first().waitFor();
  await text.click();
  await page.keyboard.press("Control+a");
  await page.keyboard.insertText("user.klass = 'gold'\n");
  await page.locator("script-editor").getByText("No mistakes found.").waitFor();
  assert.equal(await page.locator("script-editor .cm-lintRange").count(), 0);
  assert.deepEqual(wrong, []);
});

test("keys press the form's buttons, and the form sends what was written", async () => {
  const { page, wrong, sent, text } = await editor("a = 1\n");
  await type(page, text, "b = 'ä<&'");
  await page.keyboard.press("Control+Enter");
  await until("tried", () => sent.length === 1);
  await page.keyboard.press("Control+s");
  await until("saved", () => sent.length === 2);
  await page.getByRole("button", { name: "Save" }).click();
  await until("clicked", () => sent.length === 3);
  const source = "a = 1\r\nb = 'ä<&'";
  assert.deepEqual(
    sent,
    ["try", "save", "save"].map((act) => ({ act, source })),
  );
  assert.deepEqual(wrong, []);
});

test("the keyboard gets in, and out again", async () => {
  const { page, wrong, text, textarea } = await editor("x = 1", { area: "required" });
  await page.getByText("The script", { exact: true }).click();
  await text.and(page.locator(":focus")).waitFor();
  await page.keyboard.press("Control+Home");
  await page.keyboard.press("Tab");
  assert.equal(await textarea.inputValue(), "    x = 1");
  await page.keyboard.press("Escape");
  await page.keyboard.press("Tab");
  await page.locator("#after:focus").waitFor();
  assert.equal(await textarea.inputValue(), "    x = 1");
  // A form that wants something says so where it can be written.
  await text.click();
  await page.keyboard.press("Control+a");
  await page.keyboard.press("Delete");
  await page.getByRole("button", { name: "Save" }).click();
  await page.locator("script-editor footer .wrong").waitFor();
  await text.and(page.locator(":focus")).waitFor();
  assert.deepEqual(wrong, []);
});

test("a link leads to a line, and a form takes back", async () => {
  const source = Array.from({ length: 200 }, (_, n) => `x${n} = ${n}`).join("\n");
  const { page, wrong, textarea } = await editor(source, { place: "#line-150" });
  const active = page.locator("script-editor .cm-activeLine");
  await active.getByText("x149 = 149").waitFor();
  assert.ok(await active.isVisible());
  await page.keyboard.type("y");
  assert.ok((await textarea.inputValue()).includes("\nyx149"));
  await page.evaluate(() => document.querySelector("form").reset());
  assert.equal(await textarea.inputValue(), source);
  // The editor has it, too.
  await page.keyboard.type("z");
  assert.equal((await textarea.inputValue()).replace("z", ""), source);
  assert.deepEqual(wrong, []);
});

test("nobody loses what they have written by leaving", async () => {
  const { page, wrong, sent, text } = await editor("x = 1");
  let asked = 0;
  page.on("dialog", (dialog) => {
    asked += 1;
    return dialog.dismiss();
  });
  await type(page, text, "0");
  await page.close({ runBeforeUnload: true });
  await until("somebody is asked", () => asked === 1);
  await page.keyboard.press("Control+s");
  await until("it is saved", () => sent.length === 1);
  const closed = page.waitForEvent("close");
  await page.close({ runBeforeUnload: true });
  await closed;
  assert.equal(asked, 1);
  assert.deepEqual(wrong, []);
});

test("what may not be changed is not", async () => {
  const { page, wrong, text, textarea } = await editor("x = 1", { area: "readonly" });
  await type(page, text, "y");
  assert.equal(await textarea.inputValue(), "x = 1");
  assert.deepEqual(wrong, []);
});

test("who is signed out is told so", async () => {
  const { page, context, text, status } = await editor("x = 1");
  await until("it is checked", async () => (await status.textContent()) === "No mistakes found.");
  await context.clearCookies();
  await type(page, text, "\ny = = 1");
  await until("it is not", async () => (await status.textContent()) === "Sign in again to have it checked.");
  assert.equal(await page.locator("script-editor .cm-lintRange").count(), 0);
});

test("nothing moves for whoever wants it so", async () => {
  const { page, wrong, text } = await editor("x = 1", { options: { reducedMotion: "reduce" } });
  await text.click();
  const layer = page.locator("script-editor .cm-cursorLayer");
  assert.match(await layer.evaluate((each) => getComputedStyle(each).animationDuration), /^0m?s$/);
  assert.deepEqual(wrong, []);
});

for (const colorScheme of ["light", "dark"]) {
  test(`axe finds nothing, ${colorScheme}`, async () => {
    const { page, wrong, text } = await editor("# why\nif user.usernam:\n    skip('x')\n", {
      options: { colorScheme },
    });
    await page.locator("script-editor .cm-lintRange-warning").first().waitFor();
    await type(page, text, "user.pro");
    await page.locator("script-editor .cm-completionInfo").waitFor();
    assert.deepEqual(await faults(page), []);
    await page.keyboard.press("Escape");
    await page.keyboard.press("Control+f");
    await page.keyboard.type("skip");
    await page.locator("script-editor .cm-searchMatch").first().waitFor();
    assert.deepEqual(await faults(page), []);
    assert.deepEqual(wrong, []);
  });
}
