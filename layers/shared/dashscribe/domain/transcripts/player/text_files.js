/** The corrected transcript as plain text and as Markdown. */

import { clock, longClock } from "./clock.js";
import { joined, withSingleBlanks } from "./scripts.js";
import { areNamed, nameOf } from "./voices.js";

/** Paragraphs; with several voices `[00:12:31] Anna` above each turn. */
export function textFile(view, voices) {
  const isNamed = areNamed(voices);
  const blocks = paragraphTexts(view).map(({ paragraph, text, isTurn }) => {
    const time = paragraph.begin === null ? "" : `[${longClock(paragraph.begin)}] `;
    return isNamed && isTurn ? `${time}${nameOf(voices.get(paragraph.voice))}\n${text}` : text;
  });
  return blocks.length ? `${blocks.join("\n\n")}\n` : "";
}

export function markdownFile(view, voices, { title, facts }) {
  const isNamed = areNamed(voices);
  const blocks = [`# ${markdown(title)}`];
  if (facts.length) blocks.push(facts.map(([label, value]) => `- ${markdown(label)}: ${markdown(value)}`).join("\n"));
  for (const { paragraph, text, isTurn } of paragraphTexts(view)) {
    const name = isNamed && isTurn ? markdown(nameOf(voices.get(paragraph.voice))) : "";
    const time = paragraph.begin === null ? "" : `[${clock(paragraph.begin)}](#t=${Math.floor(paragraph.begin / 1000)})`;
    if (name) blocks.push(`## ${[name, time].filter(Boolean).join(" · ")}`, markdown(text));
    else blocks.push(time && !isNamed ? `${time} ${markdown(text)}` : markdown(text));
  }
  return `${blocks.join("\n\n")}\n`;
}

function paragraphTexts(view) {
  let voice = null;
  return view.paragraphs.flatMap((paragraph) => {
    const text = withSingleBlanks(joined(paragraph.pieces.map((piece) => view.textOf(piece)))).trim();
    if (!text) return [];
    const isTurn = paragraph.voice !== voice;
    voice = paragraph.voice;
    return [{ paragraph, text, isTurn }];
  });
}

/** A text in which no sign is taken for Markdown or HTML. */
function markdown(text) {
  return text
    .replace(/\s+/g, " ")
    .replace(/[\\`*_[\]<>|~&]/g, "\\$&")
    .replace(/^(#{1,6}(?=\s)|[-+](?=\s)|=+$|-+$)/, "\\$&")
    .replace(/^(\d+)([.)])(?=\s)/, "$1\\$2");
}
