/** The list of speakers: their names, which the reader may change, and how long each one talks. */

import { clock } from "./clock.js";
import { byId, element, setText } from "./dom.js";
import { areNamed, nameOf, voiceKey } from "./voices.js";

export class Speakers {
  #fields = new Map();
  #turns = byId("turns");

  constructor(voices, sentences, corrections) {
    if (!areNamed(voices)) return;
    byId("speakers").hidden = false;
    byId("speakers").open = matchMedia("(min-width: 62rem)").matches;
    const times = talkTimes(sentences);
    const total = [...times.values()].reduce((sum, ms) => sum + ms, 0);
    byId("speaker-list").replaceChildren(
      ...[...voices.values()].map((voice) => this.#row(voice, times.get(voice.key) ?? 0, total, corrections)),
    );
    this.#turns.addEventListener("click", ({ target }) => {
      const button = target.closest?.(".voice");
      if (button) this.edit(Number(button.dataset.voice));
    });
  }

  /** Puts the cursor into the name of a voice. */
  edit(number) {
    byId("speakers").open = true;
    const field = this.#fields.get(number);
    field.focus();
    field.select();
  }

  refresh(voice) {
    const field = this.#fields.get(voice.number);
    if (field && field.value !== nameOf(voice)) field.value = nameOf(voice);
  }

  #row(voice, ms, total, corrections) {
    const field = element("input", {
      type: "text",
      className: "name-field",
      dir: "auto",
      value: nameOf(voice),
      autocomplete: "off",
      spellcheck: false,
      attributes: { "aria-label": `Name of voice ${voice.badge}` },
    });
    field.addEventListener("change", () => {
      corrections.setName(voice, field.value);
      field.value = nameOf(voice);
    });
    field.addEventListener("keydown", (event) => {
      if (event.key === "Enter") field.blur();
      if (event.key === "Escape") {
        field.value = nameOf(voice);
        field.blur();
      }
    });
    this.#fields.set(voice.number, field);
    const share = element("span", { className: "share" });
    if (total) setText(share, `${clock(ms)} · ${Math.round((100 * ms) / total)} %`);
    return element("li", { data: { colour: voice.colour } }, [
      element("span", { className: "badge", textContent: voice.badge, attributes: { "aria-hidden": "true" } }),
      field,
      share,
    ]);
  }
}

function talkTimes(sentences) {
  const times = new Map();
  for (const sentence of sentences) {
    const ms = sentence.isTimed && sentence.end !== null ? Math.max(0, sentence.end - sentence.begin) : 0;
    times.set(voiceKey(sentence), (times.get(voiceKey(sentence)) ?? 0) + ms);
  }
  return times;
}
