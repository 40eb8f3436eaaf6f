// What axe finds on a page.

import axe from "axe-core";

/** WCAG 2.2, levels A and AA. */
const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];

/** The faults of a page, by those rules or by the named ones. */
export async function faults(page, rules) {
  if (!(await page.evaluate("'axe' in globalThis"))) await page.evaluate(axe.source);
  const only = rules ? { type: "rule", values: rules } : { type: "tag", values: TAGS };
  const { violations } = await page.evaluate((runOnly) => globalThis.axe.run({ runOnly, resultTypes: ["violations"] }), only);
  return violations.flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => `${id}: ${html}\n${failureSummary}`));
}
