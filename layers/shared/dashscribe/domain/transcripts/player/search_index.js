/** Finds texts: any script, any case, whatever the form of the characters (NFKC). */

const PLAIN = /^[\x20-\x7e]*$/;
const CLUSTER = /[\u1100-\u11ff]+|\P{M}[\p{M}\uff9e\uff9f]*|[\p{M}\uff9e\uff9f]+/gsu;
const INVISIBLE = /^\p{Cf}+$/u;
export const MOST_HITS = 5000;

/**
 * The text in the form that is compared, and for each of its signs where it was in the text (null: at the same place).
 * @returns {{folded: string, places: number[] | null}}
 */
export function fold(text) {
  if (PLAIN.test(text) && !text.includes("  ")) return { folded: text.toLowerCase(), places: null };
  let folded = "";
  const places = [];
  for (const match of text.matchAll(CLUSTER)) {
    const cluster = match[0];
    if (INVISIBLE.test(cluster)) continue;
    let part = /^\s/.test(cluster) ? " " : cluster.normalize("NFKC").toUpperCase().toLowerCase();
    if (part === " " && folded.endsWith(" ")) part = "";
    for (let index = 0; index < part.length; index += 1) places.push(match.index);
    folded += part;
  }
  places.push(text.length);
  return { folded, places };
}

/** The paragraphs as they are searched. A phrase may go over the end of a sentence. */
export class SearchIndex {
  #view;
  #known = new WeakMap();

  constructor(view) {
    this.#view = view;
  }

  forget(sentence) {
    for (const { paragraph } of this.#view.piecesOf(sentence)) this.#known.delete(paragraph);
  }

  /**
   * @typedef {{paragraph: import("./paragraphs.js").Paragraph, from: number, to: number}} Hit offsets in its shown text
   * @returns {Hit[]} at most MOST_HITS
   */
  find(query) {
    const wanted = fold(query).folded.trim();
    const hits = [];
    if (!wanted) return hits;
    for (const paragraph of this.#view.paragraphs) {
      const { folded, places } = this.#textOf(paragraph);
      for (let at = folded.indexOf(wanted); at >= 0; at = folded.indexOf(wanted, at + wanted.length)) {
        const end = at + wanted.length;
        hits.push({ paragraph, from: places ? places[at] : at, to: places ? endOf(places, end) : end });
        if (hits.length >= MOST_HITS) return hits;
      }
    }
    return hits;
  }

  #textOf(paragraph) {
    let known = this.#known.get(paragraph);
    if (!known) {
      known = fold(this.#view.textOfParagraph(paragraph));
      this.#known.set(paragraph, known);
    }
    return known;
  }
}

/** The end of a hit: where the next cluster begins, so that marks stay with their letters. */
function endOf(places, end) {
  const last = places[end - 1];
  let next = end;
  while (places[next] === last) next += 1;
  return places[next];
}
