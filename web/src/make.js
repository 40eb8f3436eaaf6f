// Elements that are made here; none has a name, so no form sends them.

/**
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Partial<HTMLElementTagNameMap[K]>} [given]
 * @returns {HTMLElementTagNameMap[K]}
 */
export function make(tag, given = {}) {
  return Object.assign(document.createElement(tag), given);
}

/**
 * A button that sends no form.
 * @param {string} text
 * @param {() => void} pressed
 * @param {string} [className]
 */
export function pressable(text, pressed, className = "") {
  const button = make("button", { type: "button", textContent: text, className });
  button.addEventListener("click", pressed);
  return button;
}

/** @typedef {{value: string, text: string}} Choice */

/**
 * @param {string} label
 * @param {Choice[]} choices
 * @param {string} now
 * @param {{text: string, choices: Choice[]}} [more] Choices of another kind.
 */
export function selectOf(label, choices, now, more) {
  const option = (/** @type {Choice} */ { value, text }) => new Option(text, value, value === now, value === now);
  const select = make("select", { ariaLabel: label });
  select.append(...choices.map(option));
  if (more) {
    const apart = make("optgroup", { label: more.text });
    apart.append(...more.choices.map(option));
    select.append(apart);
  }
  return select;
}
