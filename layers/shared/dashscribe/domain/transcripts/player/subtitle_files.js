/** Cues as SubRip and WebVTT. */

import { cueClock } from "./clock.js";

const ZERO_WIDTH = "\u200b";

/** SubRip has no way to write `<`, `{\` or a time as text. A sign without width keeps players from taking them for markup. */
export function srtFile(cues) {
  return cues
    .map((cue, index) => {
      const [first, ...rest] = cue.lines.map(srtText);
      const label = cue.isNewVoice ? `${srtText(cue.name)}: ` : "";
      const times = `${cueClock(cue.begin, ",")} --> ${cueClock(cue.end, ",")}`;
      return `${index + 1}\n${times}\n${[label + first, ...rest].join("\n")}\n`;
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
  return text.replace(/<|\{(?=\\)|--(?=>)|\d:(?=\d+:\d+[.,])/g, (sign) => sign + ZERO_WIDTH);
}

function vttText(text) {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
