/** Cues as SubRip and WebVTT. */

import { cueClock } from "./clock.js";

const WORD_JOINER = "\u2060";
/** What a player takes for markup when a certain sign follows, which is then kept apart from it. */
const MARKUP =
  /<(?=\p{White_Space}*\/?\p{White_Space}*[A-Za-z/!?])|\\(?=[Nnh{}])|&(?=#?[\p{L}\p{N}_]+;)|\p{Nd}:(?=\p{Nd}{1,2}:\p{Nd}{1,2}[.,]\p{Nd})|--(?=>)/gu;

/** Signs that have a direction: letters, vowel signs, marks of direction, Arabic `؟` and `؛`, digits of Indic scripts. */
const DIRECTED = /[\p{L}\p{Mc}\u200e\u200f\u061b-\u061f]|(?=\p{Nd})[\u07c0-\u1c59\ua620-\uabf9]/u;
const RIGHT_TO_LEFT = /[\u0590-\u08ff\u200f\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;

/** SubRip has no escapes. `subtitle_files.py` has the same rules and says why each is needed. */
export function srtFile(cues) {
  return cues
    .map((cue, index) => {
      const label = cue.isNewVoice ? `${cue.name}: ` : "";
      const times = `${cueClock(cue.begin, ",")} --> ${cueClock(cue.end, ",")}`;
      return `${index + 1}\n${times}\n${srtText(label + cue.lines.join("\n"))}\n`;
    })
    .join("\n");
}

/** WebVTT. Without cues it is still a valid file. */
export function vttFile(cues, { isTimed }) {
  const head = isTimed ? "WEBVTT\n" : "WEBVTT\n\nNOTE The model gave no times, so there are no subtitles.\n";
  const blocks = cues.map((cue, index) => {
    const voice = cue.name ? `<v ${vttText(cue.name)}>` : "";
    const times = `${cueClock(cue.begin, ".")} --> ${cueClock(cue.end, ".")}`;
    return `\n${index + 1}\n${times}\n${voice}${cue.lines.map(vttText).join("\n")}\n`;
  });
  return head + blocks.join("");
}

function srtText(text) {
  const braces = /\{[^]*\}/;
  const shown = withoutControls(text).replace(braces, (pair) => pair.replaceAll("{", "｛").replaceAll("}", "｝"));
  const safe = shown.replace(MARKUP, (sign) => sign + WORD_JOINER);
  const isNumber = /^\p{Nd}+\p{White_Space}*$/u.test(safe.slice(safe.lastIndexOf("\n") + 1));
  return (isNumber ? safe + WORD_JOINER : safe).split("\n").map(embedded).join("\n");
}

/** libass lays out a line from left to right unless an embedding says otherwise. */
function embedded(line) {
  const [first] = line.match(DIRECTED) ?? [""];
  return RIGHT_TO_LEFT.test(first) ? `\u202b${line}\u202c` : line;
}

function withoutControls(text) {
  return text.replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, "");
}

function vttText(text) {
  return withoutControls(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
