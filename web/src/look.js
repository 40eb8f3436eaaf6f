// How the editor looks: by the page's tokens, in whichever theme the page is.

import { HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { EditorView } from "@codemirror/view";
import { tags } from "@lezer/highlight";

// What a page does not say is as readable on white as on near black (WCAG 2.2, 1.4.3).
const ink = "var(--ink, light-dark(#1c2330, #e8ebf0))";
const card = "var(--card, light-dark(#fff, #1b212b))";
const line = "var(--line, light-dark(#d4d9e1, #38414f))";
const act = "var(--act, light-dark(#1f5fbf, #7fb0ff))";
const quiet = "var(--soft, light-dark(#5a6474, #a2acba))";
const bad = "var(--bad, light-dark(#a3231c, #ff9a92))";
const doubtful = "var(--warn, light-dark(#8a5300, #f0b75e))";
const keyword = "var(--code-keyword, light-dark(#8a2fa0, #d59bef))";
const text = "var(--code-text, light-dark(#22663c, #93d3a2))";
const number = "var(--code-number, light-dark(#8a4b08, #e9b46d))";
const called = "var(--code-called, light-dark(#1f5fbf, #8fbcff))";
const selected = `color-mix(in srgb, ${act} 24%, transparent)`;

const look = EditorView.theme({
  "&": {
    color: ink,
    backgroundColor: card,
    border: `1px solid ${line}`,
    borderRadius: "8px",
    minHeight: "12rem",
    maxHeight: "var(--editor-height, min(40rem, 70vh))",
    fontSize: "0.875rem",
  },
  "&.cm-focused": { outline: `3px solid ${act}`, outlineOffset: "2px" },
  ".cm-scroller": { fontFamily: "var(--mono, ui-monospace, Menlo, Consolas, monospace)", lineHeight: "1.55" },
  ".cm-content": { caretColor: ink, minHeight: "12rem" },
  ".cm-cursor": { borderLeftColor: ink },
  ".cm-gutters": { color: quiet, backgroundColor: card, borderRight: `1px solid ${line}` },
  ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: `color-mix(in srgb, ${act} 7%, transparent)` },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": {
    background: selected,
  },
  "&.cm-focused .cm-matchingBracket": { backgroundColor: selected, outline: `1px solid ${act}` },
  // The colours of the text must stay readable on these.
  ".cm-searchMatch": { backgroundColor: `color-mix(in srgb, ${doubtful} 16%, transparent)` },
  ".cm-searchMatch-selected": { outline: `2px solid ${doubtful}` },
  ".cm-panels": { color: ink, backgroundColor: card, borderColor: line },
  ".cm-textfield, .cm-button": {
    color: ink,
    background: card,
    border: `1px solid ${line}`,
    borderRadius: "6px",
    minHeight: "24px",
  },
  ".cm-panel.cm-search": { padding: "6px 40px 6px 6px" },
  ".cm-panel.cm-search label": { display: "inline-flex", alignItems: "center", minHeight: "24px" },
  ".cm-panel.cm-search [name=close]": { minWidth: "24px", minHeight: "24px", color: "inherit", cursor: "pointer" },
  ".cm-panel :focus-visible, .cm-panel.cm-search [name=close]:focus-visible": { outline: `2px solid ${act}` },
  ".cm-tooltip": {
    color: ink,
    backgroundColor: card,
    border: `1px solid ${line}`,
    borderRadius: "8px",
    boxShadow: "0 4px 16px rgb(0 0 0 / 0.18)",
  },
  ".cm-tooltip.cm-tooltip-autocomplete > ul": { fontFamily: "inherit", minWidth: "16rem" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li": { padding: "2px 8px", lineHeight: "24px" },
  ".cm-tooltip-autocomplete ul li[aria-selected]": {
    color: "var(--on-act, light-dark(#fff, #10151c))",
    background: act,
  },
  ".cm-completionDetail": { fontStyle: "normal", opacity: "0.8", marginLeft: "1rem" },
  ".cm-tooltip .about, .cm-completionInfo .about": { padding: "6px 10px", maxWidth: "26rem", whiteSpace: "normal" },
  ".about p": { margin: "4px 0 0" },
  ".about small": { color: quiet },
  ".cm-diagnostic": { padding: "4px 10px", borderLeft: "4px solid" },
  ".cm-diagnostic-error": { borderLeftColor: bad },
  ".cm-diagnostic-warning": { borderLeftColor: doubtful },
  // By shape and not by colour alone, and without the pictures that the page's policy does not let in.
  ".cm-lint-marker": { width: "auto", textAlign: "center", lineHeight: "1", cursor: "default" },
  ".cm-lint-marker-error, .cm-lint-marker-warning": { content: "normal" },
  ".cm-lint-marker-error::before": { content: '"✕"', color: bad, fontWeight: "bold" },
  ".cm-lint-marker-warning::before": { content: '"▲"', color: doubtful },
  ".cm-lintRange-error": { backgroundImage: "none", textDecoration: `underline wavy ${bad} 1.5px` },
  ".cm-lintRange-warning": { backgroundImage: "none", textDecoration: `underline wavy ${doubtful} 1.5px` },
});

const colours = HighlightStyle.define([
  { tag: [tags.keyword, tags.operatorKeyword, tags.controlKeyword, tags.definitionKeyword], color: keyword },
  { tag: [tags.modifier, tags.moduleKeyword, tags.self, tags.bool, tags.null], color: keyword },
  { tag: [tags.string, tags.special(tags.string), tags.character], color: text },
  { tag: [tags.escape, tags.number], color: number },
  { tag: [tags.function(tags.variableName), tags.function(tags.propertyName), tags.className], color: called },
  { tag: [tags.function(tags.definition(tags.variableName)), tags.meta], color: called },
  { tag: tags.comment, color: quiet, fontStyle: "italic" },
  { tag: tags.invalid, color: bad },
]);

/** What lies around the editor itself. */
export const frame = `
:host { display: block; }
::slotted(textarea) { display: none !important; }
footer { display: flex; flex-wrap: wrap; justify-content: space-between; gap: .25rem 1.5rem; margin: .35rem 0 0;
  color: ${quiet}; font-size: .8125rem; }
footer p { margin: 0; }
footer .wrong { color: ${bad}; }
`;

export const appearance = [look, syntaxHighlighting(colours)];
