// What pages of Rollcall load: elements that make what is already there quicker to work with. Each page works without.

import { CsvMap } from "./csv-map.js";
import { keepDrafts } from "./drafts.js";
import { FilterBuilder } from "./filter-builder.js";
import { guardForms } from "./forms.js";
import { listen } from "./keys.js";
import { move } from "./moves.js";
import { RunProgress } from "./run-progress.js";
import { ScriptEditor } from "./script-editor.js";
import { workOnScript } from "./script-page.js";
import { UploadForm } from "./upload-form.js";
import { guard } from "./wizard.js";

customElements.define("csv-map", CsvMap);
customElements.define("filter-builder", FilterBuilder);
customElements.define("run-progress", RunProgress);
customElements.define("script-editor", ScriptEditor);
customElements.define("upload-form", UploadForm);

guard();
// Before the keys of all pages, and before forms are guarded: it sends its form by itself.
workOnScript();
listen();
move();
guardForms();
keepDrafts();
