/** Gives a corrected text the times of the words that it keeps. */

import { needsSegmenter } from "./scripts.js";

/**
 * The words of the new text. Words that stayed keep their times. New words share the time of the words they replace.
 * @param {import("./data.js").Span[]} spans the words of the old text
 * @returns {import("./data.js").Span[]}
 */
export function retimed(spans, before, after) {
  if (!spans.length) return [];
  const [prefix, suffix] = commonEnds(before, after);
  const shift = after.length - before.length;
  const head = spans.filter((span) => span.to <= prefix);
  const tail = spans.filter((span) => span.from >= before.length - suffix && span.to > prefix);
  const middle = spans.slice(head.length, spans.length - tail.length);
  const from = head.at(-1)?.to ?? 0;
  const to = tail.length ? tail[0].from + shift : after.length;
  return [
    ...head,
    ...between(middle, before, after, from, to, head.at(-1)?.end ?? spans[0].begin, tail[0]?.begin ?? spans.at(-1).end),
    ...tail.map((span) => ({ ...span, from: span.from + shift, to: span.to + shift })),
  ];
}

/** How many characters two texts share at their beginnings and at their ends. */
export function commonEnds(before, after) {
  const shorter = Math.min(before.length, after.length);
  let prefix = 0;
  while (prefix < shorter && before[prefix] === after[prefix]) prefix += 1;
  let suffix = 0;
  while (suffix < shorter - prefix && before.at(-1 - suffix) === after.at(-1 - suffix)) suffix += 1;
  return [prefix, suffix];
}

/** Where an offset in the old text is in the new text. */
export function movedOffset(offset, before, after) {
  const [prefix, suffix] = commonEnds(before, after);
  if (offset <= prefix) return offset;
  if (offset >= before.length - suffix) return offset + after.length - before.length;
  return Math.min(offset, after.length - suffix);
}

/** Words between two that stayed: those that occur once in both texts keep their times, the others share the rest. */
function between(old, before, after, from, to, begin, end) {
  const words = [];
  let position = from;
  let clock = begin;
  let replaced = [];
  const fill = (until, next) => {
    const last = Math.max(clock, replaced.at(-1)?.end ?? next);
    words.push(...shared(after, position, until, replaced[0]?.begin ?? clock, last));
    replaced = [];
  };
  for (const span of old) {
    const text = before.slice(span.from, span.to);
    const found = after.indexOf(text, position);
    const isAnchor = text.length > 1 && found >= 0 && found + text.length <= to && isOnce(text, after.slice(from, to));
    if (!isAnchor) {
      replaced.push(span);
      continue;
    }
    fill(found, span.begin);
    words.push({ ...span, from: found, to: found + text.length });
    [position, clock] = [found + text.length, span.end];
  }
  fill(to, end);
  return words;
}

function isOnce(part, text) {
  return text.indexOf(part) === text.lastIndexOf(part);
}

/** The words of a part of the text, with the time shared out by length. */
function shared(text, from, to, begin, end) {
  const tokens = tokensOf(text.slice(from, to));
  const total = tokens.reduce((sum, token) => sum + token.text.length, 0);
  let spent = 0;
  return tokens.map((token) => {
    const start = begin + Math.round(((end - begin) * spent) / total);
    spent += token.text.length;
    return {
      begin: start,
      end: begin + Math.round(((end - begin) * spent) / total),
      from: from + token.index,
      to: from + token.index + token.text.length,
    };
  });
}

/** Words with their punctuation. @returns {{index: number, text: string}[]} */
export function tokensOf(text) {
  if (!needsSegmenter(text) || !Intl.Segmenter) {
    return [...text.matchAll(/\S+/g)].map((match) => ({ index: match.index, text: match[0] }));
  }
  const tokens = [];
  for (const { segment, index, isWordLike } of new Intl.Segmenter(undefined, { granularity: "word" }).segment(text)) {
    if (!segment.trim()) continue;
    const last = tokens.at(-1);
    if (!isWordLike && last && last.index + last.text.length === index) last.text += segment;
    else tokens.push({ index, text: segment });
  }
  return tokens;
}
