/** Light, dark, or as the system has it. */

import { byId } from "./dom.js";

const KEY = "dashscribe theme";
const THEMES = ["", "light", "dark"];
const NAMES = { "": "as the system", light: "light", dark: "dark" };

export function startTheme(changed) {
  const button = byId("theme");
  let theme = "";
  const show = () => {
    document.documentElement.dataset.theme = theme;
    button.setAttribute("aria-label", `Colours: ${NAMES[theme]}`);
    button.title = `Colours: ${NAMES[theme]}`;
    changed();
  };
  try {
    theme = THEMES.find((name) => name === localStorage.getItem(KEY)) ?? "";
  } catch {
    // The browser forbids storage: the system's colours are right.
  }
  button.addEventListener("click", () => {
    theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
    try {
      localStorage.setItem(KEY, theme);
    } catch {
      // The choice lasts for this visit.
    }
    show();
  });
  show();
}
