/** Reads the inlined transcript. The Python module `player_data` describes the form. */

import { retimed } from "./align.js";

const LENGTH_SIGNS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const LENGTH_OF = new Map([...LENGTH_SIGNS].map((sign, index) => [sign, index]));

/**
 * @typedef {{begin: number, end: number, from: number, to: number}} Span
 * A word: when it is spoken, and which characters of the sentence's text it is.
 * @typedef {{begin_ms: number, end_ms: number, text: string, punctuation: string}} Word as in transcript.json
 */

export class Sentence {
  #packed;
  #spans = null;

  constructor(fields) {
    Object.assign(this, fields);
    this.#packed = fields.packed;
    delete this.packed;
    this.original = this.text;
  }

  get isCorrected() {
    return this.text !== this.original;
  }

  get isTimed() {
    return this.begin !== null;
  }

  correct(text) {
    this.text = text;
    this.#spans = null;
  }

  /** The words as the model gave them. @returns {Word[] | null} */
  get words() {
    if (!this.#packed) return null;
    const [times, texts] = this.#packed;
    const parts = typeof texts === "string" ? this.#cut(texts) : texts;
    let clock = this.begin ?? this.clock;
    return parts.map(([text, punctuation], index) => {
      const begin_ms = clock + times[2 * index] * this.unit;
      clock = begin_ms + times[2 * index + 1] * this.unit;
      return { begin_ms, end_ms: clock, text, punctuation };
    });
  }

  /** The words of the present text. @returns {Span[]} */
  get spans() {
    this.#spans ??= this.isCorrected
      ? retimed(located(this.words ?? [], this.original), this.original, this.text)
      : located(this.words ?? [], this.text);
    return this.#spans;
  }

  #cut(lengths) {
    const parts = [];
    let position = 0;
    const next = (sign) => {
      const start = position;
      position += LENGTH_OF.get(sign);
      return this.original.slice(start, position);
    };
    for (let index = 0; index < lengths.length; index += 3) {
      next(lengths[index]);
      parts.push([next(lengths[index + 1]), next(lengths[index + 2])]);
    }
    return parts;
  }
}

/** Where each word stands in the text. Empty if one of them does not. @returns {Span[]} */
function located(words, text) {
  const spans = [];
  let position = 0;
  for (const word of words) {
    const core = word.text.trim();
    if (!core) continue;
    const from = text.indexOf(core, position);
    if (from < 0 || /[\p{L}\p{N}]/u.test(text.slice(position, from))) return [];
    position = from + core.length;
    const punctuation = word.punctuation.trim();
    if (punctuation && text.startsWith(punctuation, position)) position += punctuation.length;
    spans.push({ begin: word.begin_ms, end: word.end_ms, from, to: position });
  }
  return spans;
}

/** The transcript as the rest of the page uses it. */
export function readTranscript(json) {
  const data = JSON.parse(json);
  const channels = data.channels.map((channel) => ({ ...channel, sentences: sentencesOf(channel, data.unit) }));
  const sentences = channels.flatMap((channel) => channel.sentences);
  const last = sentences.reduce((latest, { begin, end }) => Math.max(latest, begin ?? 0, end ?? 0), 0);
  return { ...data, channels, sentences, isTimed: sentences.some(({ isTimed }) => isTimed), lastTime: last };
}

function sentencesOf(channel, unit) {
  const { id, texts, times, more, words, parts, text } = channel;
  let clock = 0;
  const sentences = texts.map((sentenceText, index) => {
    const [gap, duration] = [times[2 * index], times[2 * index + 1]];
    const begin = gap === null ? null : clock + gap * unit;
    const end = duration === null ? null : (begin ?? clock) + duration * unit;
    const sentence = new Sentence({
      key: `${id}:${index}`,
      channel: id,
      id: more[index].id ?? index + 1,
      begin,
      end,
      text: sentenceText,
      packed: parts[index] === 0 ? null : [words[index], parts[index]],
      unit,
      clock,
      speaker: more[index].s ?? null,
      language: more[index].l ?? null,
      emotion: more[index].e ?? null,
    });
    clock = end ?? clock;
    return sentence;
  });
  return sentences.length || !text?.trim() ? sentences : [wholeChannel(id, text)];
}

/** The text of a channel that has no sentences. */
function wholeChannel(id, text) {
  const nothing = { begin: null, end: null, speaker: null, language: null, emotion: null, packed: null };
  return new Sentence({ ...nothing, key: `${id}:text`, channel: id, id: 1, text, unit: 1, clock: 0, isWholeChannel: true });
}
