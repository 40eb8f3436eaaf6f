// How the comparisons of filters are called.

/** @type {Record<string, Record<string, string>>} */
const WORDS = {
  text: {
    eq: "is",
    ne: "is not",
    co: "contains",
    sw: "starts with",
    ew: "ends with",
    gt: "sorts after",
    ge: "sorts after or is",
    lt: "sorts before",
    le: "sorts before or is",
  },
  int: { eq: "is", ne: "is not", gt: "is more than", ge: "is at least", lt: "is less than", le: "is at most" },
  time: { eq: "is", ne: "is not", lt: "is before", le: "is at or before", gt: "is after", ge: "is at or after" },
  bool: { eq: "is", ne: "is not" },
};

/** Comparisons whose denial is offered: there is no other way to say it. */
const DENIED = ["co", "sw", "ew", "pr"];

/** @param {string} words */
function denied(words) {
  if (words === "is not") return "is not other than";
  if (words.startsWith("is")) return words.replace(/^is/, "is not");
  return `does not ${words.replace(/^(\w+)s\b/, "$1")}`;
}

/** One choice: `not` and a comparison. @typedef {{value: string, text: string}} Choice */

/**
 * What can be chosen for values of a kind, in the order in which people look for it.
 * @param {string} kind
 * @param {string[]} possible
 * @param {string} now What is chosen, which is offered in any case.
 * @returns {Choice[]}
 */
export function comparisons(kind, possible, now) {
  /** @type {Record<string, string>} */
  const words = { ...(WORDS[kind] ?? WORDS.text), pr: "is set" };
  const known = Object.keys(words).filter((each) => possible.includes(each));
  const plain = known.map((each) => ({ value: each, text: words[each] }));
  const not = known.map((each) => ({ value: `not ${each}`, text: denied(words[each]) }));
  const offered = not.filter(({ value }) => value === now || DENIED.includes(value.slice(4)));
  return [...plain, ...offered];
}

/** What can be asked of a list. @type {Choice[]} */
export const OF_LISTS = [
  { value: "all", text: "has one with all of" },
  { value: "any", text: "has one with any of" },
  { value: "not all", text: "has none with all of" },
  { value: "not any", text: "has none with any of" },
  { value: "pr", text: "has at least one" },
  { value: "not pr", text: "has none" },
];

/** How conditions join. @type {Choice[]} */
export const OF_GROUPS = [
  { value: "all", text: "All of these hold" },
  { value: "any", text: "Any of these holds" },
  { value: "not all", text: "Not all of these hold" },
  { value: "not any", text: "None of these holds" },
];
