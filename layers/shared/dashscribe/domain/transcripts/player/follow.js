/** Scrolls with the recording, until the reader scrolls. */

import { byId } from "./dom.js";

const SETTLED = 600;

export class Follow {
  #button = byId("follow");
  #ownScroll = 0;
  #current;
  isOn = true;
  /** The page does not scroll while this is true: a sentence is being corrected. */
  isHeld = () => false;

  constructor(current, playback) {
    this.#current = current;
    current.addEventListener("range", () => this.isOn && !this.isHeld() && this.scrollTo(current.range));
    playback.addEventListener("seek", () => this.set(true));
    this.#button.addEventListener("click", () => this.set(!this.isOn, { isAsked: true }));
    for (const type of ["wheel", "touchmove"]) {
      window.addEventListener(type, () => this.set(false), { passive: true });
    }
    window.addEventListener("scroll", () => performance.now() - this.#ownScroll > SETTLED && this.set(false), { passive: true });
  }

  set(isOn, { isAsked = false } = {}) {
    if (isOn && isAsked && this.#current.range) this.scrollTo(this.#current.range, { isForced: true });
    if (this.isOn === isOn) return;
    this.isOn = isOn;
    this.#button.setAttribute("aria-pressed", String(isOn));
  }

  /** Brings a range into the middle of the page, if it is not well in view. */
  scrollTo(range, { isForced = false } = {}) {
    if (!range) return;
    const top = byId("correcting").getBoundingClientRect().bottom || document.querySelector(".toolbar").getBoundingClientRect().bottom;
    const bottom = byId("player").getBoundingClientRect().top;
    const box = boxOf(range);
    if (!isForced && box.top >= top + 16 && box.bottom <= bottom - 48) return;
    this.#ownScroll = performance.now();
    this.#scroll(box, top, bottom);
    // Paragraphs that come into view get their true height, so the place may have moved.
    requestAnimationFrame(() => {
      const moved = boxOf(range);
      this.#ownScroll = performance.now();
      if (moved.top < top || moved.bottom > bottom) this.#scroll(moved, top, bottom);
    });
  }

  #scroll(box, top, bottom) {
    const place = top + (bottom - top) * 0.3;
    window.scrollBy({ top: box.top - place, behavior: "instant" });
  }
}

/** Where a range is. A range in a paragraph that is not laid out has no box; then it is the paragraph's. */
function boxOf({ startContainer, startOffset, endContainer, endOffset }) {
  const range = document.createRange();
  range.setStart(startContainer, startOffset);
  range.setEnd(endContainer, endOffset);
  const box = range.getBoundingClientRect();
  return box.height ? box : startContainer.parentElement.getBoundingClientRect();
}
