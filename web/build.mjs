// Makes what the binary embeds: crates/web/assets. The same sources and versions give the same bytes.

import { readdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const assets = join(here, "../crates/web/assets");

const built = await build({
  absWorkingDir: here,
  entryPoints: ["src/app.js"],
  outfile: "app.js",
  bundle: true,
  minify: true,
  format: "esm",
  target: ["chrome123", "firefox120", "safari17.5"], // the first ones with light-dark()
  charset: "utf8",
  legalComments: "external",
  banner: { js: "// Licences of what is in here: LICENSES.txt, beside this file." },
  metafile: true,
  write: false,
});

/** Packages with something in the bundle, by name. */
function packages() {
  const [output] = Object.values(built.metafile.outputs).filter((each) => each.entryPoint);
  const used = Object.entries(output.inputs).filter(([, input]) => input.bytesInOutput > 0);
  const names = used.flatMap(([path]) => /^node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1] ?? []);
  return [...new Set(names)].sort();
}

/** What a package says of itself, and its licence's text. */
async function licence(name) {
  const folder = join(here, "node_modules", name);
  const { version, license } = JSON.parse(await readFile(join(folder, "package.json"), "utf8"));
  const file = (await readdir(folder)).find((each) => /^licen[cs]e/i.test(each));
  if (!file || !license)
    throw new Error(`${name} says nothing of its licence: look at ${relative(here, folder)}${sep}`);
  const text = await readFile(join(folder, file), "utf8");
  return `${name} ${version} (${license})\n\n${text.trim()}\n`;
}

const rule = `\n${"-".repeat(80)}\n\n`;
const file = (end) => built.outputFiles.find((each) => each.path.endsWith(end));
const legal = file("LEGAL.txt")?.text.trim();
const licences = await Promise.all(packages().map(licence));
const parts = ["What app.js is made of, besides Rollcall's own code.\n", ...licences, ...(legal ? [`${legal}\n`] : [])];

await writeFile(join(assets, "LICENSES.txt"), parts.join(rule));
// Last: whatever goes wrong before leaves the old bundle with its licences.
await writeFile(join(assets, "app.js"), file("app.js").contents);
