// A run's page while the run goes on.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { Site, until } from "./site.mjs";

/** @type {Site} */
let site;
before(async () => (site = await Site.start({ users: 400 })));
after(() => site?.end());

/** Starts a run that takes a while; whoever has seen enough of it ends it. */
async function begin(context, pause = 0.1) {
  const source = `import time\ntime.sleep(${pause})\nif user.obj_id % 5 == 0:\n    skip('fifth')\n`;
  const started = await context.request.post(`${site.at}/api/v1/runs`, {
    data: { script: "slow", source, targets: { all: true } },
  });
  assert.ok(started.ok(), await started.text());
  return (await started.json()).run_id;
}

async function end(context, run) {
  const cancelled = await context.request.post(`${site.at}/api/v1/runs/${run}/cancel`);
  assert.ok(cancelled.ok(), await cancelled.text());
}

/** What a page says of its progress: its title, and the texts of its parts. */
async function shown(page) {
  const part = (name) => page.locator(`[data-part=${name}]`).innerText();
  const texts = [await page.title(), await part("badge"), await part("progress"), await part("counters")];
  const bar = await page.getByRole("progressbar").evaluate(({ max, value }) => `${value} of ${max}`);
  return [...texts, bar].map((text) => text.replace(/\s+/g, " ").trim());
}

const percent = async (page) => Number(/(\d+) %/.exec(await page.title())?.[1] ?? 0);

/** Shows a run with JavaScript, and keeps what is said to a screen reader. */
async function follow(prepare = async () => {}) {
  const { page, wrong, context } = await site.page();
  const run = await begin(context);
  const said = [];
  await page.exposeFunction("tellSaid", (text) => said.push(text));
  await page.addInitScript(() => {
    addEventListener("DOMContentLoaded", () => {
      const told = (changes) => {
        for (const { target } of changes) {
          const status = target.closest?.("run-progress [role=status]");
          if (status) globalThis.tellSaid(status.textContent);
        }
      };
      new MutationObserver(told).observe(document, { childList: true, subtree: true });
    });
  });
  await prepare(page);
  let loads = 0;
  page.on("load", () => (loads += 1));
  await page.goto(`${site.at}/runs/${run}`);
  const first = await percent(page);
  await until("it is known how long it takes", async () => /per second.*left/.test((await shown(page))[2]));
  await until("more is done", async () => (await percent(page)) > Math.max(first, 10));
  const [title, badge, progress, counters] = await shown(page);
  assert.match(title, new RegExp(`^\\d+ % · run ${run} · slow · Rollcall$`));
  assert.match(badge, /running/);
  assert.match(progress, /running [\d,]+ of 400 done \d+ % [\d.,]+ per second about .* left/);
  assert.match(counters, /unchanged \d+ .*skipped \d+/);
  assert.equal(loads, 1);
  await end(context, run);
  await page
    .getByText(/^(\S+ )?cancelled$/)
    .first()
    .waitFor();
  await until("the page is loaded once more", () => loads === 2);
  assert.equal(await page.locator("run-progress").count(), 0);
  return { said, wrong, run };
}

test("a run is followed by its events until it ends, and then its page is loaded once", async () => {
  const { said, wrong, run } = await follow();
  assert.deepEqual(wrong, []);
  // Each tenth at most once, in order.
  const tenths = said.flatMap((text) => /^Run \d+: (\d+) % done$/.exec(text)?.slice(1) ?? []).map(Number);
  assert.ok(tenths.length > 0 && tenths.every((each) => each % 10 === 0), `${said}`);
  assert.ok(
    tenths.every((each, at) => at === 0 || each > tenths[at - 1]),
    `${said}`,
  );
  assert.ok(
    said.every((text) => text.startsWith(`Run ${run}: `)),
    `${said}`,
  );
});

test("where no events come, the page asks", async () => {
  let refused = 0;
  const { wrong } = await follow((page) =>
    page.route("**/events", (route) => {
      refused += 1;
      return route.fulfill({ status: 503, body: "" });
    }),
  );
  assert.equal(refused, 1);
  // That events were refused, the browser tells by itself.
  assert.ok(
    wrong.every((text) => text.includes("503")),
    `${wrong}`,
  );
});

test("with JavaScript a page shows what it shows without, at the same state", async () => {
  const { page, context } = await site.page();
  const plain = await site.browser.newContext({ javaScriptEnabled: false, storageState: await context.storageState() });
  const without = await plain.newPage();
  const run = await begin(context, 1);
  const at = `${site.at}/runs/${run}`;
  await page.goto(at);
  const began = (await shown(page))[2];
  await until(
    "it has moved by itself",
    async () => (await shown(page))[2] !== began && /left/.test((await shown(page))[2]),
  );
  let same = false;
  await until("both show the same", async () => {
    await without.goto(at);
    const [one, other] = [await shown(page), await shown(without)];
    // Time goes on between two looks: the figures made of it are compared by their form.
    const timeless = (texts) => texts.map((text) => text.replace(/[\d.,]+ per second about .* left/, "RATE"));
    same = JSON.stringify(timeless(one)) === JSON.stringify(timeless(other)) && timeless(other)[2].includes("RATE");
    return same;
  });
  assert.ok(same);
  await end(context, run);
  await plain.close();
});
