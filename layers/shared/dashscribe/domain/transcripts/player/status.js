/** Short messages: shown for some seconds, and read by screen readers. */

import { byId } from "./dom.js";

const SHOWN = 5000;
let hideTimer = 0;

export function announce(text, { quiet = false } = {}) {
  const status = byId("status");
  status.textContent = text;
  status.classList.toggle("quiet", quiet);
  status.classList.add("shown");
  clearTimeout(hideTimer);
  hideTimer = setTimeout(() => status.classList.remove("shown"), SHOWN);
}
