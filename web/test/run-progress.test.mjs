// `<run-progress>` in a real browser, at a real run.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { Site, until } from "./site.mjs";

/** @type {Site} */
let site;
before(async () => (site = await Site.start({ users: 400 })));
after(() => site?.end());

/** Starts a run that takes a while; whoever has seen enough of it ends it. */
async function begin(context) {
  const started = await context.request.post(`${site.at}/api/v1/runs`, {
    data: { script: "slow", source: "import time\ntime.sleep(0.2)", targets: { all: true } },
  });
  assert.ok(started.ok(), await started.text());
  return started.json();
}

/** As the server would write it. */
async function shown(context, run) {
  const now = await (await context.request.get(`${site.at}/api/v1/runs/${run}`)).json();
  return `<h1>${now.state}</h1><run-progress data-run="${run}" data-state="${now.state}">
    <progress aria-label="Progress"></progress><span data-field="done"></span> of <span data-field="targets"></span>,
    <span data-field="rate"></span>/s, <span data-field="left"></span> left, <span data-field="state"></span></run-progress>`;
}

/** Shows a run's page, and what it loads; keeps all that was said to whoever listens. */
async function follow(prepare = async () => {}) {
  const { page, wrong, context } = await site.page();
  const { run } = await begin(context);
  const said = [];
  await page.exposeFunction("tellSaid", (text) => said.push(text));
  await page.addInitScript(() => {
    addEventListener("DOMContentLoaded", () => {
      const told = (changes) => {
        for (const { target } of changes) {
          if (target.getAttribute?.("role") === "status") globalThis.tellSaid(target.textContent);
        }
      };
      new MutationObserver(told).observe(document, { childList: true, subtree: true });
    });
  });
  await prepare(page);
  let loads = 0;
  let first = await shown(context, run);
  await site.show(page, () => {
    loads += 1;
    return first;
  });
  const field = (name) => page.locator(`[data-field=${name}]`);
  await until("it is known how long it takes", async () => /\d/.test(await field("left").textContent()));
  const [rate, targets] = [await field("rate").textContent(), await field("targets").textContent()];
  assert.ok(Number(rate) > 0 && targets === "400", `${rate} ${targets}`);
  assert.equal(await field("state").textContent(), "running");
  const { max, value } = await page.locator("progress").evaluate(({ max, value }) => ({ max, value }));
  assert.ok(max === 400 && value > 0 && value <= 400, `${value} of ${max}`);
  await until("a tenth is told", () => said.length > 0);
  first = "<h1>cancelled</h1>" + (await shown(context, run)).replace(/data-state="\w+"/, 'data-state="cancelled"');
  const cancelled = await context.request.post(`${site.at}/api/v1/runs/${run}/cancel`);
  assert.ok(cancelled.ok(), await cancelled.text());
  await page.locator("h1", { hasText: "cancelled" }).first().waitFor();
  // The page that is loaded then knows the end, and follows nothing.
  const asked = [];
  page.on("request", (request) => asked.push(request.url()));
  await page.evaluate(() => customElements.whenDefined("run-progress"));
  assert.deepEqual(asked.filter((url) => url.includes("/api/")), []);
  return { loads, said, wrong, run };
}

test("a run is followed by its events until it ends, and then its page is loaded once", async () => {
  const { loads, said, wrong, run } = await follow();
  assert.equal(loads, 2);
  assert.deepEqual(wrong, []);
  assert.ok(said.length >= 2, `${said}`);
  // Each tenth at most once, in order.
  const percents = said.flatMap((text) => /^Run (\d+): (\d+)0 % done$/.exec(text)?.slice(1) ?? []).map(Number);
  const tenths = percents.filter((_, at) => at % 2 === 1);
  assert.ok(tenths.every((tenth, at) => at === 0 || tenth > tenths[at - 1]), `${said}`);
  assert.equal(said.at(-1), `Run ${run}: cancelled`);
});

test("where no events come it asks", async () => {
  let refused = 0;
  const { loads, wrong } = await follow((page) =>
    page.route("**/events", (route) => {
      refused += 1;
      return route.fulfill({ status: 503, body: "" });
    }),
  );
  assert.deepEqual([loads, refused], [2, 1]);
  // That events were refused, the browser tells by itself.
  assert.ok(wrong.every((text) => text.includes("503")), `${wrong}`);
});
