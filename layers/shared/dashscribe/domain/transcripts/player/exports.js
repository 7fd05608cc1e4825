/** The menu that saves the corrected transcript as a file. Nothing is sent anywhere. */

import { cuesOf } from "./cues.js";
import { byId, element } from "./dom.js";
import { jsonFile } from "./json_file.js";
import { fileName } from "./recording.js";
import { announce } from "./status.js";
import { srtFile, vttFile } from "./subtitle_files.js";
import { markdownFile, textFile } from "./text_files.js";

/** @type {{name: string, label: string, type: string, isOfTimes?: boolean, write: (parts: object) => string}[]} */
const FORMATS = [
  { name: "txt", label: "Text", type: "text/plain", write: ({ view, voices }) => textFile(view, voices) },
  { name: "md", label: "Markdown", type: "text/markdown", write: ({ view, voices, transcript }) => markdownFile(view, voices, transcript) },
  { name: "srt", label: "SubRip subtitles", type: "application/x-subrip", isOfTimes: true, write: ({ ordered, voices }) => srtFile(cuesOf(ordered, voices)) },
  { name: "vtt", label: "WebVTT subtitles", type: "text/vtt", isOfTimes: true, write: ({ ordered, voices, transcript }) => vttFile(cuesOf(ordered, voices), transcript) },
  { name: "json", label: "JSON", type: "application/json", write: ({ transcript, voices }) => jsonFile(transcript, voices) },
];

export class Exports {
  #menu = byId("export");
  #parts;

  /** @param {{transcript: object, ordered: object[], voices: Map, view: object, editor: object}} parts */
  constructor(parts) {
    this.#parts = parts;
    byId("export-list").replaceChildren(...FORMATS.map((format) => this.#button(format)));
    document.addEventListener("click", ({ target }) => {
      if (!this.#menu.contains(target)) this.#menu.open = false;
    });
    this.#menu.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      this.#menu.open = false;
      this.#menu.querySelector("summary").focus();
    });
  }

  #button(format) {
    const isPossible = !format.isOfTimes || this.#parts.transcript.isTimed;
    const button = element("button", { type: "button", data: { format: format.name }, disabled: !isPossible }, [
      element("span", { textContent: format.label }),
      element("span", { className: "small", textContent: isPossible ? `.${format.name}` : "no times" }),
    ]);
    button.addEventListener("click", () => this.#save(format));
    return button;
  }

  #save({ name, type, write }) {
    this.#parts.editor.close();
    const blob = new Blob([write(this.#parts)], { type: `${type};charset=utf-8` });
    const address = URL.createObjectURL(blob);
    const saved = `${safeName(this.#parts.transcript)}.${name}`;
    element("a", { href: address, download: saved }).click();
    setTimeout(() => URL.revokeObjectURL(address), 60_000);
    this.#menu.open = false;
    announce(`Saved ${saved}.`);
  }
}

/** The recording's name without its ending, so that players find the subtitles; else the title. */
function safeName({ media, title }) {
  const base = fileName(media).replace(/\.[A-Za-z0-9]{1,5}$/, "") || title;
  return base.replace(/[\p{Cc}\p{Cf}\p{Cs}/\\:*?"<>|]+/gu, "_").replace(/^\.+/, "_").slice(0, 100) || "transcript";
}
