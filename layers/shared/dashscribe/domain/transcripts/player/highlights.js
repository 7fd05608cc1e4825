/** Marks in the text, painted by the browser without elements. Browsers that cannot do so show no marks. */

const PRIORITY = { corrected: 0, sentence: 1, hit: 2, "hit-current": 3, word: 4 };
const isSupported = typeof Highlight === "function" && Boolean(globalThis.CSS?.highlights);

/** Replaces the ranges of a mark. Ranges that are null are left out. */
export function mark(name, ranges) {
  if (!isSupported) return;
  const highlight = new Highlight(...ranges.filter(Boolean));
  highlight.priority = PRIORITY[name];
  CSS.highlights.set(name, highlight);
}
