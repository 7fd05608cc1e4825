/** The search field: hits are marked in the text and on the timeline. */

import { spanAt } from "./caret.js";
import { byId, setText } from "./dom.js";
import { mark } from "./highlights.js";
import { MOST_HITS } from "./search_index.js";

const DELAY = 120;

export class Search {
  #field = byId("search-text");
  #hits = [];
  #position = -1;
  #timer = 0;
  #query = "";
  #parts;

  /** @param {{index: object, view: object, timeline: object, follow: object, playback: object}} parts */
  constructor(parts) {
    this.#parts = parts;
    this.#field.addEventListener("input", () => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.run(), DELAY);
    });
    this.#field.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.clear();
      if (event.key !== "Enter" || event.isComposing) return;
      event.preventDefault();
      this.go(event.shiftKey ? -1 : 1);
    });
    parts.view.addEventListener("rendered", () => this.#hits.length && this.#mark());
    byId("search").addEventListener("submit", (event) => event.preventDefault());
    byId("search-next").addEventListener("click", () => this.go(1));
    byId("search-previous").addEventListener("click", () => this.go(-1));
  }

  focus() {
    this.#field.focus();
    this.#field.select();
  }

  clear() {
    this.#field.value = "";
    this.run();
    this.#field.blur();
  }

  /** Searches for what is in the field. The first hit at or after what is on the screen becomes the current one. */
  run() {
    clearTimeout(this.#timer);
    this.#query = this.#field.value;
    this.#hits = this.#parts.index.find(this.#query);
    this.#position = this.#firstInView();
    this.#show();
    if (this.#hits.length) this.#reveal();
  }

  /** The hits again, after a correction, without moving. */
  refresh() {
    if (!this.#query) return;
    this.#hits = this.#parts.index.find(this.#query);
    this.#position = Math.min(this.#position, this.#hits.length - 1);
    this.#show();
  }

  go(step) {
    if (this.#field.value !== this.#query) {
      this.run();
      return;
    }
    if (!this.#hits.length) return;
    this.#position = (this.#position + step + this.#hits.length) % this.#hits.length;
    this.#show();
    this.#reveal();
  }

  #firstInView() {
    if (!this.#hits.length) return -1;
    const top = document.querySelector(".toolbar").getBoundingClientRect().bottom;
    const found = this.#hits.findIndex(({ paragraph }) => {
      const shown = paragraph.element ?? paragraph.block.element;
      return shown.getBoundingClientRect().bottom > top;
    });
    return Math.max(0, found);
  }

  #show() {
    const current = this.#hits[this.#position];
    if (current) this.#parts.view.ensure(current.paragraph.pieces[0].sentence);
    this.#mark();
    const times = this.#hits.map((hit) => this.#timeOf(hit)).filter((time) => time !== null);
    this.#parts.timeline.showHits(times, current ? this.#timeOf(current) : null);
    setText(byId("search-count"), this.#countText());
    for (const id of ["search-previous", "search-next"]) byId(id).disabled = !this.#hits.length;
  }

  /** Marks the hits that are on the page. */
  #mark() {
    const ranges = this.#hits.map((hit) => this.#rangeOf(hit));
    mark("hit", ranges);
    mark("hit-current", [ranges[this.#position]]);
  }

  #countText() {
    if (!this.#query.trim()) return "";
    if (!this.#hits.length) return "No hits";
    const total = this.#hits.length >= MOST_HITS ? `${MOST_HITS}+` : this.#hits.length;
    return `${this.#position + 1} of ${total}`;
  }

  #reveal() {
    const { follow } = this.#parts;
    follow.set(false);
    follow.scrollTo(this.#rangeOf(this.#hits[this.#position]));
  }

  #rangeOf({ paragraph, from, to }) {
    const [start, end] = [placeOf(paragraph, from), placeOf(paragraph, to, true)];
    return start && end && new StaticRange({ startContainer: start.node, startOffset: start.offset, endContainer: end.node, endOffset: end.offset });
  }

  #timeOf({ paragraph, from }) {
    const [piece, offset] = this.#parts.view.placeIn(paragraph, from);
    if (!piece.sentence.isTimed) return null;
    return spanAt(piece.sentence, piece.from + offset)?.begin ?? piece.sentence.begin;
  }
}

/** The text node of a paragraph at an offset in its text. */
function placeOf(paragraph, offset, isEnd = false) {
  let rest = offset;
  if (!paragraph.body) return null;
  for (const node of paragraph.body.childNodes) {
    const length = node.textContent.length;
    if (rest < length || (isEnd && rest === length)) {
      return node.nodeType === Node.TEXT_NODE ? { node, offset: rest } : null;
    }
    rest -= length;
  }
  return null;
}
