// Whoever writes what pages show is not trusted: users, files, scripts and what scripts say. Every page shows it as it
// was written, and nothing of it is executed.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { Site, until } from "./site.mjs";

const SCRIPT = "<script>hurt=1</script>";
const IMAGE = "<img src=x onerror=hurt=2>";
const SVG = '"><svg onload=hurt=3>';
const TEXTAREA = "</textarea></title></style><script>hurt=4</script><b>&lt<i>";
// biome-ignore lint/suspicious/noTemplateCurlyInString: an attack on templates of every kind.
const QUOTE = "' autofocus onfocus=hurt=5 x='{{7*7}}${7*7}<%=7*7%>";
const ADDRESS = "javascript:hurt=6";
const RIGHT_TO_LEFT = "\u202Eevil";
const HOSTILE = [SCRIPT, IMAGE, SVG, TEXTAREA, QUOTE, ADDRESS, RIGHT_TO_LEFT];
/** The username of a hostile user: no user has one with characters that are not seen. */
const nameOf = (text) => (text === RIGHT_TO_LEFT ? "evil" : text);

/** What a script does with what it finds. */
const SAYS = `"""${TEXTAREA} is what it is about."""
# ${TEXTAREA} ${SVG}
PARAMS = {
    "kind": {"type": str, "choices": ["change", "skip", "fail", "raise", ${JSON.stringify(SVG)}]},
    "text": {"type": str, "help": ${JSON.stringify(IMAGE)}, "default": ${JSON.stringify(SCRIPT)}},
}
text = user.first_name
print(text, params.text)
log(text)
result[text] = {text: [text]}
if params.kind == "skip":
    skip(text)
if params.kind == "fail":
    fail(text)
if params.kind == "raise":
    raise ValueError(text)
user.description = text + text
print(user.attribute_add("X-" + text, text))
print(user.profile_add(short_name=text + text))
`;

const quoted = (text) => `"${text.replaceAll('"', '""')}"`;
const table = (...rows) => rows.map((cells) => cells.map(quoted).join(",")).join("\n");
const at = (...parts) => `/${parts.map(encodeURIComponent).join("/")}`;

/** @type {Site} */
let site;
before(async () => {
  const fields = ["first_name", "last_name", "email", "external_id", "klass", "avatar_url", "description"];
  const header = ["username", "organization", ...fields, "attributes", "check_attributes"];
  const user = (text) => [
    nameOf(text),
    text,
    ...fields.map(() => text),
    `Reply-Message = ${text}`,
    `NAS-Identifier == ${text}`,
  ];
  site = await Site.start({ csv: table(header, ...HOSTILE.map(user)) });
  for (const text of HOSTILE) {
    site.rollcall([
      "profiles",
      "add",
      text,
      "--reply",
      `Reply-Message := ${text}`,
      "--check",
      `NAS-Identifier == ${text}`,
    ]);
  }
  site.write("says.py", SAYS);
  site.write("gives.py", `user.profile_add(short_name=user.first_name)\nuser.klass += ' ${IMAGE}'\n`);
  site.rollcall(["scripts", "save", "says", "says.py", "--note", SVG]);
  site.rollcall(["scripts", "save", "says", "gives.py", "--note", IMAGE]);
  site.rollcall(["scripts", "save", "says", "says.py", "--note", SCRIPT]);
  site.rollcall(["scripts", "save", `${TEXTAREA}:theirs`, "says.py"]);
  site.rollcall(["filters", "save", `${SVG}:theirs`, `klass eq ${JSON.stringify(IMAGE)}`]);
  site.rollcall(["run", "gives.py", "--all", "--apply", "--yes"]);
  site.write(
    "rows.csv",
    table(["username", ...HOSTILE], ...HOSTILE.map((text) => [nameOf(text), ...HOSTILE.map(() => text)])),
  );
  for (const kind of ["change", "skip", "fail", "raise"]) {
    site.rollcall(["run", "says", "--csv", "rows.csv", "--param", `kind=${kind}`], "", {
      status: kind === "change" || kind === "skip" ? 0 : 3,
    });
  }
});
after(() => site?.end());

/** A page of somebody whose browser is hostile, too. */
async function open() {
  const opened = await site.page({ userAgent: IMAGE });
  opened.page.on("dialog", (dialog) => {
    opened.wrong.push(`a dialog: ${dialog.message()}`);
    return dialog.dismiss();
  });
  await opened.page.exposeFunction("tellHurt", (what) => opened.wrong.push(`executed: ${what}`));
  await opened.page.addInitScript(() => {
    Object.defineProperty(globalThis, "hurt", { set: (what) => globalThis.tellHurt(String(what)) });
  });
  return opened;
}

/** Whatever can be read on a page: its texts, and what its fields hold. What could act is told as wrong. */
async function read(page, wrong) {
  const { texts, acting } = await page.evaluate(() => {
    const texts = [];
    const acting = [];
    const walk = (root) => {
      for (const each of root.querySelectorAll("*")) {
        for (const { name, value } of each.attributes) {
          const runs =
            name.startsWith("on") || (/^(href|src|action|formaction)$/.test(name) && /^\s*javascript:/i.test(value));
          if (runs) acting.push(each.outerHTML);
        }
        const ours = each.localName !== "script" || (each.hasAttribute("src") && each.textContent === "");
        if (!ours || /^(img|iframe|object|embed|base|b|i)$/.test(each.localName)) acting.push(each.outerHTML);
        if ("value" in each && typeof each.value === "string") texts.push(each.value);
        if (each.shadowRoot) walk(each.shadowRoot);
        for (const child of each.childNodes) if (child.nodeType === Node.TEXT_NODE) texts.push(child.data);
      }
    };
    walk(document);
    return { texts, acting };
  });
  wrong.push(...acting.map((html) => `${page.url()}: ${html}`));
  return texts;
}

/** Whether each of these stands there as it was written. */
function verbatim(texts, hostile, where) {
  const missing = hostile.filter((text) => !texts.some((each) => each.includes(text)));
  assert.deepEqual(missing, [], where);
}

test("every page that links lead to shows it, and executes nothing", async (t) => {
  const { page, wrong } = await open();
  const waiting = ["/", "/add-user", "/new-script", "/samples", "/runs/new", "/account"];
  const shown = new Map();
  const kinds = new Set(waiting);
  for (let path = waiting.shift(); path !== undefined; path = waiting.shift()) {
    const answer = await page.goto(site.at + path);
    assert.equal(answer.status(), 200, path);
    shown.set(decodeURIComponent(path), await read(page, wrong));
    const links = await page
      .locator("a[href]")
      .evaluateAll((all) => all.map((each) => new URL(each.getAttribute("href"), document.baseURI).href));
    for (const link of links.map((each) => new URL(each)).filter((each) => each.origin === site.at)) {
      const next = link.pathname + link.search;
      // What is hostile by itself is looked at wherever it is, of the others one of each kind. Programs have no pages.
      const hostile = [...HOSTILE, nameOf(RIGHT_TO_LEFT)].some((text) => decodeURIComponent(next).includes(text));
      const kind = hostile ? next : `${link.pathname}?${[...link.searchParams.keys()]}`;
      if (link.pathname.startsWith("/api/") || next.endsWith("?tab=overview") || kinds.has(kind)) continue;
      kinds.add(kind);
      waiting.push(next);
    }
  }
  t.diagnostic(`${shown.size} pages`);
  assert.deepEqual(wrong, []);

  const on = (path) =>
    shown.get(decodeURIComponent(path)) ?? assert.fail(`no link leads to ${path}: ${[...shown.keys()].join("\n")}`);
  for (const path of ["/users", "/profiles", "/organizations"]) verbatim(on(path), HOSTILE, path);
  for (const text of HOSTILE) {
    const user = on(at("users", nameOf(text)));
    assert.ok(user.filter((each) => each === text).length >= 7, `fields of ${text}`);
    for (const tab of ["profiles", "attributes", "check-attributes", "history"]) {
      verbatim(on(`${at("users", nameOf(text))}?tab=${tab}`), [text], tab);
    }
    assert.ok(on(at("profiles", text)).filter((each) => each.includes(text)).length >= 4, `the profile ${text}`);
  }
  verbatim(on("/filters"), [SVG, IMAGE], "filters");
  verbatim(on("/scripts"), [`${TEXTAREA}:theirs`, `${TEXTAREA} is what it is about.`], "scripts");
  verbatim(on("/scripts/says"), [TEXTAREA, SVG, IMAGE, SCRIPT], "a script");
  verbatim(on("/scripts/says/history"), [SCRIPT, IMAGE, SVG], "its history");
  verbatim(on(at("scripts", `${TEXTAREA}:theirs`)), [TEXTAREA], "a script of an organization");
  for (const run of [2, 3, 4, 5]) verbatim(on(at("runs", `${run}`)), HOSTILE, `run ${run}`);
  verbatim(on("/runs/2/script"), [TEXTAREA, SVG], "the script of a run");
  verbatim(on("/audit"), HOSTILE, "the audit log");
  verbatim(on("/account"), [IMAGE], "sessions");

  // If something were executed, it would have been told.
  await page.evaluate("hurt = 0");
  await until("it is told", () => wrong.length > 0);
  assert.deepEqual(wrong, ["executed: 0"]);
});

test("what is typed comes back as it was, and so does what is wrong with it", async () => {
  const { page, wrong } = await open();
  const shows = async (hostile, where) => verbatim(await read(page, wrong), hostile, where);
  for (const text of [SCRIPT, SVG, TEXTAREA, QUOTE, RIGHT_TO_LEFT]) {
    const query = encodeURIComponent(text);
    for (const path of [
      `/users?search=${query}`,
      `/users?filter=${query}`,
      `/runs?script=${query}`,
      `/audit?actor=${query}`,
    ]) {
      await page.goto(site.at + path);
      await shows([text], path);
    }
    await page.goto(`${site.at}${at("users", `no ${text}`)}`);
    await shows([`no ${text}`.replaceAll('"', '\\"').replaceAll("\u202E", "\\u{202e}")], "an error");
    await page.goto(`${site.at}/add-user`);
    await page.getByLabel(/^Name\b/).fill(text);
    await page.getByLabel(/^Class\b/).fill(text);
    await page.getByLabel(/^Expires\b/).fill(text);
    await page.getByRole("button", { name: "Add the user" }).click();
    await page.getByRole("alert").first().waitFor();
    await shows([text], "a refused form");
  }
  // That pages were refused, the browser tells by itself.
  assert.deepEqual(
    wrong.filter((each) => !/status of 4\d\d/.test(each)),
    [],
  );
});

test("a file is hostile in its header and in its cells", async () => {
  const { page, wrong } = await open();
  const rows = HOSTILE.map((text) => [`no ${text}`, ...HOSTILE.map(() => text)]);
  await page.goto(`${site.at}/runs/new`);
  const buffer = Buffer.from(table(["username", ...HOSTILE], ...rows));
  await page.getByLabel("Those in the rows of a file").check();
  await page.getByLabel(/^CSV or Excel/).setInputFiles({ name: `${IMAGE}.csv`, mimeType: "text/csv", buffer });
  await page.getByRole("button", { name: "Send" }).click();
  await page
    .getByText(/7 unmatched/)
    .first()
    .waitFor();
  const texts = await read(page, wrong);
  verbatim(texts, [...HOSTILE, `${IMAGE}.csv`], "rows that cannot be used");
  assert.deepEqual(wrong, []);
});

test("what a script says to its author is text", async () => {
  const { page, wrong } = await open();
  await page.goto(`${site.at}/scripts/says`);
  for (const [kind, text] of [
    ["change", SCRIPT],
    ["fail", IMAGE],
    ["raise", SVG],
    ["skip", TEXTAREA],
  ]) {
    await page.getByLabel(/^User\b/).fill(text);
    await page.getByLabel(/^kind\b/).selectOption(kind);
    await page.getByRole("button", { name: "Test", exact: true }).click();
    await page
      .getByRole("status")
      .filter({ hasText: `On ${text}` })
      .getByText("Output")
      .waitFor();
    const texts = await read(page, wrong);
    assert.ok(
      texts.some((each) => each.includes(`${text} ${SCRIPT}`)),
      `the output of ${kind} for ${text}`,
    );
    assert.equal(await page.getByLabel(/^User\b/).inputValue(), text);
  }
  assert.deepEqual(wrong, []);
});
