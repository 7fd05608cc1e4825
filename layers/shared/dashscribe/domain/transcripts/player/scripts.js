/** Facts about writing systems: direction, language, blanks between sentences. */

const RTL = /[\p{Script=Arabic}\p{Script=Hebrew}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}\p{Script=Adlam}]/gu;
const LETTER = /\p{L}/gu;
const NO_BLANKS = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\u3000-\u303f\uff01-\uff60]/u;
const WITHOUT_BLANKS_BETWEEN_WORDS =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u;
const SAMPLE = 2000;

/** Scripts that only one widespread language uses. Han alone is taken for Chinese. */
const LANGUAGES = [
  [/[\p{Script=Hiragana}\p{Script=Katakana}]/u, "ja"],
  [/\p{Script=Hangul}/u, "ko"],
  [/\p{Script=Han}/u, "zh"],
  [/\p{Script=Thai}/u, "th"],
  [/\p{Script=Hebrew}/u, "he"],
  [/\p{Script=Arabic}/u, "ar"],
  [/\p{Script=Devanagari}/u, "hi"],
  [/\p{Script=Greek}/u, "el"],
];

/** @returns {"ltr" | "rtl"} the direction of most letters */
export function directionOf(text) {
  const sample = text.slice(0, SAMPLE);
  const letters = sample.match(LETTER)?.length ?? 0;
  const rtl = sample.match(RTL)?.length ?? 0;
  return rtl * 2 > letters ? "rtl" : "ltr";
}

/** The language tag for a text: the model's where it is one, else a guess by script, else "" (unknown). */
export function languageOf(text, named) {
  if (named && /^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$/.test(named)) return named;
  const sample = text.slice(0, SAMPLE);
  return LANGUAGES.find(([script]) => script.test(sample))?.[1] ?? "";
}

/** Whether the sign belongs to a script that has no blanks between sentences. */
export function isWithoutBlanks(sign) {
  return NO_BLANKS.test(sign);
}

/** Whether words in the text are not separated by blanks, so that a dictionary must find them. */
export function needsSegmenter(text) {
  return WITHOUT_BLANKS_BETWEEN_WORDS.test(text);
}

/** What stands between two sentences of one paragraph. */
export function joinerBetween(before, after) {
  if (!before || !after || /\s$/.test(before) || /^\s/.test(after)) return "";
  return isWithoutBlanks(before.at(-1)) ? "" : " ";
}

/** Sentences as one text. */
export function joined(texts) {
  return texts.reduce((whole, text) => whole + joinerBetween(whole, text) + text, "");
}

/** One blank where there are several. A no-break space stays what it is, because no line ends there. */
export function withSingleBlanks(text) {
  return text.replace(/[^\S\u00a0\u2007\u202f]+/g, " ");
}
