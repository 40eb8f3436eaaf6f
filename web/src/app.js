// What pages of Rollcall load: elements that make what is already there quicker to work with. Each page works without.

import { RunProgress } from "./run-progress.js";
import { ScriptEditor } from "./script-editor.js";

customElements.define("run-progress", RunProgress);
customElements.define("script-editor", ScriptEditor);
