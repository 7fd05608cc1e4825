/** Subtitles by simple rules: two lines of the script's width, at most 7 s, no overlap, breaks between words. */

import { tokensOf } from "./align.js";
import { isWithoutBlanks } from "./scripts.js";
import { nameOf, voiceKey } from "./voices.js";

/** The width of a line in cells. A full-width character has two cells, a combining mark none. */
const LINE = 42;
const LINE_SOUTH_EAST_ASIAN = 35;
const LINE_EAST_ASIAN = 32;
const LONGEST = 7000;
const SHORTEST = 833;
const FRAMES = 83;
const CLOSED = 500;
const SILENCE = 1500;
const EAST_ASIAN = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}]/gu;
const SOUTH_EAST_ASIAN = /[\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/gu;
const LETTERS_TO_AN_IDEOGRAPH = 3;
const NOT_FIRST = /^[\p{Pe}\p{Pf}、。，．！？；：…ー々〜·%％,.!?;:)\]]/u;

/**
 * @typedef {{begin: number, end: number, text: string, voice: string, isFirst: boolean, line: number, label: string}} Atom
 * A word with the blanks that follow it; `isFirst` is true for the first of a sentence. `line` is the width of a line in
 * cells. `label` is what the cue that the word begins says of the speaker.
 * @typedef {{begin: number, end: number, lines: string[], voice: string}} Cue
 */

/** The cues of the present transcript, in order. Sentences without times have none. @returns {Cue[]} */
export function cuesOf(sentences, voices) {
  const cues = [];
  let open = [];
  let shown = "";
  const close = () => {
    if (open.length) cues.push(cueOf(open));
    open = [];
  };
  const start = (atom) => {
    const name = voices.size > 1 && atom.voice !== shown ? nameOf(voices.get(atom.voice)) : "";
    shown = atom.voice;
    return { ...atom, label: name ? `${name}: ` : "" };
  };
  for (const sentence of sentences) {
    if (!sentence.isTimed || !sentence.text.trim()) continue;
    const atoms = atomsOf(sentence);
    if (open.length && !staysOpen(open, atoms[0])) close();
    for (const atom of atoms) {
      if (open.length && !fits(open, atom)) close();
      open.push(open.length ? atom : start(atom));
    }
  }
  close();
  return labelled(inOrder(cues), voices);
}

/** The words of a sentence with their times. Without word times, each has a share of the sentence's by length. */
function atomsOf(sentence) {
  const { text, begin } = sentence;
  const voice = voiceKey(sentence);
  const end = Math.max(begin, sentence.end ?? begin);
  const { spans } = sentence;
  const line = lineWidth(text);
  const starts = spans.length ? spans : tokensOf(text).map(({ index, text: part }) => ({ from: index, to: index + part.length }));
  return starts.map((span, index) => {
    const from = index ? span.from : 0;
    const to = starts[index + 1]?.from ?? text.length;
    const share = (offset) => begin + ((end - begin) * offset) / text.length;
    return { begin: span.begin ?? share(from), end: span.end ?? share(to), text: text.slice(from, to).replace(/\s+/g, " "), voice, isFirst: index === 0, line, label: "" };
  });
}

function staysOpen(open, next) {
  const last = open.at(-1);
  const isShort = last.end - open[0].begin < SHORTEST * 2;
  return last.voice === next.voice && isShort && next.begin - last.end < CLOSED;
}

function fits(open, atom) {
  const last = open.at(-1);
  if (NOT_FIRST.test(atom.text)) return true;
  if (atom.end - open[0].begin > LONGEST || atom.begin - last.end >= SILENCE) return false;
  return linesOf([...open, atom]) !== null;
}

function cueOf(atoms) {
  const begin = Math.max(0, atoms[0].begin);
  const end = atoms.reduce((latest, atom) => Math.max(latest, atom.end), begin);
  const lines = linesOf(atoms) ?? [textOf(atoms)];
  return { begin, end, lines, voice: atoms[0].voice };
}

function textOf(atoms) {
  return atoms.reduce((text, atom) => {
    const needsBlank = text && !/\s$/.test(text) && !/^\s/.test(atom.text) && !isWithoutBlanks(text.at(-1)) && atom.isFirst;
    return text + (needsBlank ? " " : "") + atom.text;
  }, "").trim();
}

/** One line, or the two most even lines; null if they do not fit. */
function linesOf(atoms) {
  const [{ line, label }] = atoms;
  const whole = textOf(atoms);
  const labelCells = cellsOf(label);
  if (labelCells + cellsOf(whole) <= line) return [whole];
  let best = null;
  for (let index = 1; index < atoms.length; index += 1) {
    if (NOT_FIRST.test(atoms[index].text)) continue;
    const lines = [textOf(atoms.slice(0, index)), textOf(atoms.slice(index))];
    const longest = Math.max(labelCells + cellsOf(lines[0]), cellsOf(lines[1]));
    if (longest <= line && (!best || longest < best.longest)) best = { longest, lines };
  }
  return best?.lines ?? null;
}

/** The width of a line for the script that most of a text is written in. */
function lineWidth(text) {
  if (/^[\x20-\x7e]*$/.test(text)) return LINE;
  const letters = text.match(/\p{L}/gu)?.length ?? 0;
  const eastAsian = text.match(EAST_ASIAN)?.length ?? 0;
  if (eastAsian && eastAsian * LETTERS_TO_AN_IDEOGRAPH >= letters - eastAsian) return LINE_EAST_ASIAN;
  return (text.match(SOUTH_EAST_ASIAN)?.length ?? 0) * 2 > letters ? LINE_SOUTH_EAST_ASIAN : LINE;
}

function cellsOf(text) {
  if (/^[\x20-\x7e]*$/.test(text)) return text.length;
  let cells = 0;
  for (const sign of text) {
    if (/[\p{M}\p{Cf}]/u.test(sign)) continue;
    cells += isWithoutBlanks(sign) || /\p{Script=Hangul}|\p{Emoji_Presentation}/u.test(sign) ? 2 : 1;
  }
  return cells;
}

/** Cues that do not overlap: long enough to be read, two frames apart, small gaps closed. */
function inOrder(cues) {
  const sorted = cues.sort((a, b) => a.begin - b.begin);
  let free = 0;
  sorted.forEach((cue, index) => {
    cue.begin = Math.round(Math.max(cue.begin, free));
    const next = sorted[index + 1]?.begin ?? Infinity;
    let end = Math.max(cue.end, cue.begin + SHORTEST);
    if (end > next - CLOSED) end = Math.max(next - FRAMES, cue.begin + SHORTEST);
    cue.end = Math.round(Math.min(end, cue.begin + LONGEST));
    free = cue.end + FRAMES;
  });
  return sorted;
}

/** The name of the voice on the first cue and wherever the voice changes. */
function labelled(cues, voices) {
  if (voices.size < 2) return cues.map((cue) => ({ ...cue, name: "" }));
  return cues.map((cue, index) => ({
    ...cue,
    name: nameOf(voices.get(cue.voice)),
    isNewVoice: cue.voice !== cues[index - 1]?.voice,
  }));
}
