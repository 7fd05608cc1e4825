/**
 * Puts paragraphs on the page in blocks. The first block is there at once, what comes into view or is asked for comes
 * next, and the rest follows while the browser is idle. So a page of many short turns opens as fast as any other.
 */

import { element } from "./dom.js";

const PARAGRAPHS = 40;
const SLICE_MS = 12;

/** @typedef {{element: HTMLElement, paragraphs: object[], isRendered: boolean}} Block */
export class Blocks {
  #blocks;
  #make;
  #rendered;
  #next = 0;

  /**
   * @param {object[]} paragraphs
   * @param {{height: (paragraph) => number, make: (paragraph) => HTMLElement, rendered: () => void}} how
   */
  constructor(paragraphs, { height, make, rendered }) {
    this.#make = make;
    this.#rendered = rendered;
    this.#blocks = [];
    for (let at = 0; at < paragraphs.length; at += PARAGRAPHS) {
      const part = paragraphs.slice(at, at + PARAGRAPHS);
      const block = { element: element("div", { className: "block" }), paragraphs: part, isRendered: false };
      const pixels = part.reduce((sum, paragraph) => sum + height(paragraph), 0);
      block.element.style.containIntrinsicSize = `auto ${pixels}px`;
      block.element.style.minHeight = `${pixels}px`;
      for (const paragraph of part) paragraph.block = block;
      this.#blocks.push(block);
    }
  }

  show(root) {
    root.replaceChildren(...this.#blocks.map((block) => block.element));
    if (this.#blocks.length) this.ensure(this.#blocks[0].paragraphs[0]);
    const observer = new IntersectionObserver((entries) => this.#seen(entries), { rootMargin: "100%" });
    for (const block of this.#blocks) observer.observe(block.element);
    window.addEventListener("beforeprint", () => this.#blocks.forEach((block) => this.#render(block)));
    this.#whenIdle();
  }

  /** Makes sure that a paragraph is on the page. */
  ensure(paragraph) {
    if (this.#render(paragraph.block)) this.#rendered();
  }

  #seen(entries) {
    const found = entries.filter(({ isIntersecting }) => isIntersecting).map(({ target }) => target);
    const isNew = this.#blocks.filter(({ element: shown }) => found.includes(shown)).map((block) => this.#render(block));
    if (isNew.includes(true)) this.#rendered();
  }

  #whenIdle() {
    const later = globalThis.requestIdleCallback ?? ((run) => setTimeout(run, SLICE_MS));
    later(() => {
      const end = performance.now() + SLICE_MS;
      while (this.#next < this.#blocks.length && performance.now() < end) {
        this.#render(this.#blocks[this.#next]);
        this.#next += 1;
      }
      if (this.#next < this.#blocks.length) this.#whenIdle();
      else this.#rendered();
    });
  }

  #render(block) {
    if (block.isRendered) return false;
    block.isRendered = true;
    block.element.append(...block.paragraphs.map((paragraph) => this.#make(paragraph)));
    block.element.style.minHeight = "";
    return true;
  }
}
