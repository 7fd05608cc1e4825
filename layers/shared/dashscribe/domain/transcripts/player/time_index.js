/** Which sentence and which word is spoken at a time. */

const OVERLAPS = 40;

export class TimeIndex {
  #timed;
  #latestEnd;

  constructor(sentences) {
    this.#timed = sentences.filter(({ isTimed }) => isTimed).sort((a, b) => a.begin - b.begin);
    let latest = 0;
    this.#latestEnd = this.#timed.map(({ begin, end }) => (latest = Math.max(latest, end ?? begin)));
  }

  /** The last sentence that begins at or before a time; the first one before the beginning. */
  lastBefore(ms) {
    return this.#timed[Math.max(0, this.#indexBefore(ms))] ?? null;
  }

  /** The sentences spoken at a time. With several channels they may overlap. */
  at(ms) {
    const found = [];
    const last = this.#indexBefore(ms);
    for (let index = last; index >= 0 && last - index < OVERLAPS && this.#latestEnd[index] >= ms; index -= 1) {
      const { begin, end } = this.#timed[index];
      if ((end ?? begin) >= ms) found.push(this.#timed[index]);
    }
    return found;
  }

  #indexBefore(ms) {
    let [low, high] = [0, this.#timed.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#timed[middle].begin <= ms) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}

/** The last word of a sentence that begins at or before a time. */
export function spanDuring(sentence, ms) {
  return sentence.spans.findLast((span) => span.begin <= ms) ?? null;
}
