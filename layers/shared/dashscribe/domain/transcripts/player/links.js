/** Deep links (`#t=754`) and quotes with their time. */

import { clock, readClock } from "./clock.js";
import { joined } from "./scripts.js";
import { areNamed, nameOf, voiceKey } from "./voices.js";

/** The time that an address names, in ms, or null. */
export function timeInAddress(hash) {
  const named = new URLSearchParams(hash.replace(/^#/, "")).get("t");
  return named === null ? null : readClock(named.replace(/^npt:/, "").split(",")[0]);
}

/**
 * The time that a reader means. Links have whole seconds, so a sentence that begins within the second is meant.
 * @param {import("./data.js").Sentence[]} sentences
 */
export function meantTime(ms, sentences) {
  const begins = sentences.filter(({ begin }) => begin !== null && begin >= ms && begin < ms + 1000);
  return begins.length && ms % 1000 === 0 ? Math.min(...begins.map(({ begin }) => begin)) : ms;
}

/** A link to a time. A page that was opened as a file has none: its address tells where it is on the reader's disk. */
export function linkTo(ms, location) {
  if (location.protocol === "file:") return "";
  return `${location.origin}${location.pathname}${location.search}#t=${Math.floor(ms / 1000)}`;
}

/** A text with who said it and when, ready to be pasted. */
export function quoteOf(text, sentence, voices, title, location) {
  const source = [];
  if (areNamed(voices)) source.push(nameOf(voices.get(voiceKey(sentence))));
  source.push(title);
  if (sentence.isTimed) source.push(clock(sentence.begin));
  const link = sentence.isTimed ? linkTo(sentence.begin, location) : "";
  return `“${joined([text.trim()])}”\n— ${source.join(", ")}${link ? `\n${link}` : ""}\n`;
}

/** Puts a text on the clipboard. @returns {Promise<boolean>} whether the browser allowed it */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyBySelection(text);
  }
}

function copyBySelection(text) {
  const field = document.createElement("textarea");
  field.value = text;
  field.className = "hidden";
  document.body.append(field);
  field.select();
  const isCopied = document.execCommand("copy");
  field.remove();
  return isCopied;
}
