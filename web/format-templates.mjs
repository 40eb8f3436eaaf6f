// Formats the templates of pages as HTML with Jinja's blocks, with white space only where it says nothing. Without
// --write it lists the templates that are not in this format, and fails if there are any. A template that does not close
// what it opens is an error.
//
//     node web/format-templates.mjs [--write]

import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { createFromBuffer } from "@dprint/formatter";

const root = fileURLToPath(new URL("../", import.meta.url));
const wasm = fileURLToPath(import.meta.resolve("dprint-plugin-markup/plugin.wasm"));
const write = process.argv.includes("--write");

const formatter = createFromBuffer(readFileSync(wasm));
formatter.setConfig({ lineWidth: 120, indentWidth: 2 }, { doctypeKeywordCase: "lower" });

const folders = readdirSync(join(root, "crates")).map((crate) => join("crates", crate, "templates"));
const templates = folders
  .filter((folder) => existsSync(join(root, folder)))
  .flatMap((folder) => readdirSync(join(root, folder), { recursive: true }).map((name) => join(folder, name)))
  .filter((path) => path.endsWith(".html"))
  .sort();

let wrong = 0;
for (const path of templates) {
  const text = readFileSync(join(root, path), "utf8");
  try {
    const formatted = formatter.formatText({ filePath: path.replace(/html$/, "jinja"), fileText: text });
    if (formatted === text) continue;
    if (write) writeFileSync(join(root, path), formatted);
    else console.error(`${path}: not formatted`);
  } catch (error) {
    console.error(`${path}: ${error instanceof Error ? error.message : error}`);
    wrong += 1;
    continue;
  }
  if (!write) wrong += 1;
}
process.exitCode = wrong === 0 ? 0 : 1;
