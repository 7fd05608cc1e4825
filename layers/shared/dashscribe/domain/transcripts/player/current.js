/** The current sentence and word: what is spoken, or what the reader selected last. */

import { mark } from "./highlights.js";
import { spanDuring } from "./time_index.js";

/** Sends "sentence" when another sentence becomes the current one. */
export class Current extends EventTarget {
  #view;
  #index;
  #order;
  #shown = "";
  #ms = null;
  sentence = null;
  /** The range of the current word, else of the current sentence. */
  range = null;

  constructor(view, index, sentences, playback) {
    super();
    this.#view = view;
    this.#index = index;
    this.#order = sentences;
    playback.addEventListener("time", ({ detail }) => this.#follow(detail));
  }

  /** Selects a sentence that has no time of its own. */
  select(sentence) {
    this.#ms = null;
    this.#set(sentence);
    this.#paint([sentence], []);
  }

  /** The sentence before or after the current one. */
  neighbour(step) {
    const index = this.#order.indexOf(this.sentence);
    for (let at = index + step; at >= 0 && at < this.#order.length; at += step) {
      if (this.#order[at].text.trim()) return this.#order[at];
    }
    return index < 0 ? (this.#order[0] ?? null) : null;
  }

  /** Paints again, after text nodes were replaced. */
  repaint() {
    this.#shown = "";
    if (this.#ms !== null) this.#follow(this.#ms);
  }

  #follow(ms) {
    this.#ms = ms;
    const spoken = this.#index.at(ms);
    const sentence = spoken[0] ?? this.#index.lastBefore(ms);
    if (!sentence) return;
    const words = spoken.map((each) => [each, spanDuring(each, ms)]).filter(([, span]) => span);
    const shown = [sentence.key, ...words.map(([each, span]) => `${each.key}@${span.from}`)].join(" ");
    if (shown === this.#shown) return;
    this.#shown = shown;
    this.#set(sentence);
    this.#paint(spoken, words);
  }

  #set(sentence) {
    if (sentence === this.sentence) return;
    for (const piece of this.sentence ? this.#view.piecesOf(this.sentence) : []) {
      piece.paragraph.element?.removeAttribute("aria-current");
    }
    this.#view.ensure(sentence);
    this.sentence = sentence;
    this.#view.piecesOf(sentence)[0]?.paragraph.element.setAttribute("aria-current", "true");
    this.dispatchEvent(new CustomEvent("sentence", { detail: sentence }));
  }

  #paint(spoken, words) {
    const sentences = spoken.map((each) => this.#view.rangeOf(each));
    const marked = words.map(([each, { from, to }]) => this.#view.rangeOf(each, from, to));
    mark("sentence", sentences);
    mark("word", marked);
    this.range = marked[0] ?? sentences[0] ?? this.#view.rangeOf(this.sentence);
    this.dispatchEvent(new Event("range"));
  }
}
