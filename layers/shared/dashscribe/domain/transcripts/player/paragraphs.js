/** Sentences in reading order, and paragraphs made of them. */

import { movedOffset } from "./align.js";
import { directionOf, isWithoutBlanks, languageOf } from "./scripts.js";
import { voiceKey } from "./voices.js";

const PAUSE = 1200;
const SENTENCES = 3;
const WORD_LIMITS = { enough: 80, most: 150 };
const SIGN_LIMITS = { enough: 180, most: 350 };

/**
 * The sentences that have a text, in the order of time. Inside a channel the order is the model's.
 * @returns {import("./data.js").Sentence[]}
 */
export function inReadingOrder(transcript) {
  const placed = transcript.channels.flatMap(({ sentences }, channel) => {
    let clock = 0;
    return sentences
      .filter(({ text }) => text.trim())
      .map((sentence) => ({ sentence, channel, clock: (clock = Math.max(clock, sentence.begin ?? 0)) }));
  });
  if (transcript.channels.length > 1) placed.sort((a, b) => a.clock - b.clock || a.channel - b.channel);
  return placed.map(({ sentence }) => sentence);
}

/**
 * @typedef {{sentence: import("./data.js").Sentence, from: number, to: number, paragraph: Paragraph, node: Text}} Piece
 * A sentence, or a part of one that is too long for a paragraph.
 * @typedef {{voice: string, lang: string, dir: string, begin: number | null, pieces: Piece[]}} Paragraph
 * @returns {Paragraph[]}
 */
export function paragraphsOf(sentences) {
  const paragraphs = [];
  let current = null;
  let before = null;
  for (const sentence of sentences) {
    const traits = {
      voice: voiceKey(sentence),
      dir: directionOf(sentence.text),
      lang: languageOf(sentence.text, sentence.language),
    };
    for (const [from, to] of partsOf(sentence.text)) {
      const size = sizeOf(sentence.text.slice(from, to));
      if (!current || isOther(current, traits) || isFull(current, size, sentence, before)) {
        current = { ...traits, begin: null, pieces: [], size: { words: 0, signs: 0 }, sentences: 0 };
        paragraphs.push(current);
      }
      current.begin ??= from === 0 ? sentence.begin : null;
      current.pieces.push({ sentence, from, to, paragraph: current, node: null });
      current.size = { words: current.size.words + size.words, signs: current.size.signs + size.signs };
      current.sentences += 1;
    }
    before = sentence;
  }
  return paragraphs;
}

/** Moves the parts of a corrected sentence to where their text is now. */
export function refit(pieces, before, after) {
  if (pieces.length === 1) {
    pieces[0].to = after.length;
    return;
  }
  for (const piece of pieces) {
    piece.from = movedOffset(piece.from, before, after);
    piece.to = piece.to === before.length ? after.length : movedOffset(piece.to, before, after);
  }
}

function isOther(paragraph, { voice, dir, lang }) {
  return paragraph.voice !== voice || paragraph.dir !== dir || paragraph.lang !== lang;
}

function isFull(paragraph, size, sentence, before) {
  const { words, signs } = paragraph.size;
  if ((words + size.words) / WORD_LIMITS.most + (signs + size.signs) / SIGN_LIMITS.most > 1) return true;
  if (words / WORD_LIMITS.enough + signs / SIGN_LIMITS.enough >= 1) return true;
  const pause = sentence === before ? 0 : (sentence.begin ?? 0) - (before?.end ?? before?.begin ?? 0);
  return paragraph.sentences >= SENTENCES && pause >= PAUSE;
}

/** How long a text is: its words, and its signs of scripts that have no blanks between words. */
function sizeOf(text) {
  let signs = 0;
  const rest = [...text].map((sign) => (isWithoutBlanks(sign) ? ((signs += 1), " ") : sign)).join("");
  const words = (rest.match(/\S+/g) ?? []).reduce((sum, word) => sum + Math.max(1, Math.round(word.length / 12)), 0);
  return { words, signs };
}

/** A text that is too long for one paragraph, in parts that end at sentence ends or at least at blanks. */
function partsOf(text) {
  const size = sizeOf(text);
  if (size.words <= WORD_LIMITS.most && size.signs <= SIGN_LIMITS.most) return [[0, text.length]];
  const step = Math.max(40, Math.floor((text.length * 0.8) / (size.words / WORD_LIMITS.enough + size.signs / SIGN_LIMITS.enough)));
  const parts = [];
  let from = 0;
  while (text.length - from > step * 1.5) {
    const to = from + cutOf(text.slice(from + Math.floor(step / 2), from + Math.floor(step * 1.5))) + Math.floor(step / 2);
    parts.push([from, to]);
    from = to;
  }
  parts.push([from, text.length]);
  return parts;
}

function cutOf(text) {
  const middle = Math.floor(text.length / 2);
  for (const ending of [/[.!?؟।]["'”’)]*\s+|[。！？][”’」』）]*/gu, /[,;:،]\s+|[，、；：]/gu, /\s+/gu, /\P{M}(?=\P{M})/gu]) {
    const ends = [...text.matchAll(ending)].map((match) => match.index + match[0].length);
    if (ends.length) return ends.reduce((best, end) => (Math.abs(end - middle) < Math.abs(best - middle) ? end : best));
  }
  return middle;
}
