/** The keys. The help shows this table. */

import { byId, element, isTextField } from "./dom.js";

/**
 * @typedef {{keys: string[], shown: string[], does: string, run: () => void}} Binding
 * A key is the event's `key`, with "Shift+" or "Ctrl+" in front where it matters. Ctrl is also Cmd.
 */
export class Keyboard {
  #bindings;

  /** @param {Binding[]} bindings */
  constructor(bindings) {
    this.#bindings = new Map(bindings.flatMap((binding) => binding.keys.map((key) => [key, binding])));
    byId("keys").replaceChildren(...bindings.map(row));
    document.addEventListener("keydown", (event) => this.#press(event));
  }

  #press(event) {
    if (event.defaultPrevented || event.isComposing || event.altKey) return;
    if (isTextField(event.target) || byId("help").open) return;
    const isActivation = event.key === " " || event.key === "Enter";
    if (isActivation && event.target.closest?.("button, a, summary, input:not([type=range])")) return;
    const binding = this.#bindings.get(nameOfKey(event));
    if (!binding) return;
    event.preventDefault();
    binding.run();
  }
}

function nameOfKey({ key, shiftKey, ctrlKey, metaKey }) {
  const isLetter = /^\p{L}$/u.test(key);
  const name = isLetter ? key.toLowerCase() : key;
  const isShiftPart = shiftKey && (isLetter || key.length > 1);
  return `${ctrlKey || metaKey ? "Ctrl+" : ""}${isShiftPart ? "Shift+" : ""}${name}`;
}

function row({ shown, does }) {
  const keys = shown.flatMap((key, index) => [...(index ? [" "] : []), element("kbd", { textContent: key })]);
  return element("div", {}, [element("dt", {}, keys), element("dd", { textContent: does })]);
}
