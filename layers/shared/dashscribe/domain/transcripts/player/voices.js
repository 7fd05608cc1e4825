/** Who speaks: one voice for each speaker of each channel. People read speakers and channels from 1. */

const COLOURS = 8;

/**
 * @typedef {{key: string, id: string, label: string, given: string, badge: string, number: number, colour: number}} Voice
 * `id` is how people number it ("1", "2.1"; "" if they cannot); `number` is its place in the list; `label` is the name without a correction; `given` is a reader's name or "".
 */
export function voicesOf(transcript, ordered) {
  const isManyChannels = transcript.channels.length > 1;
  const voices = new Map();
  const firsts = new Map(ordered.toReversed().map((sentence) => [voiceKey(sentence), sentence]));
  const bySpeaker = (a, b) => a.channel - b.channel || (a.speaker ?? -1) - (b.speaker ?? -1);
  for (const sentence of [...firsts.values()].sort(bySpeaker)) {
    const key = voiceKey(sentence);
    const id = readersId(sentence, isManyChannels) || (firsts.size === 1 ? "1" : "");
    voices.set(key, {
      key,
      id,
      badge: id || "?",
      number: voices.size + 1,
      colour: (voices.size % COLOURS) + 1,
      label: oneLine(transcript.names[id] ?? "") || defaultLabel(sentence, isManyChannels),
      given: "",
      isNamed: Boolean(oneLine(transcript.names[id] ?? "")),
    });
  }
  return voices;
}

export function voiceKey(sentence) {
  return `${sentence.channel}/${sentence.speaker ?? ""}`;
}

export function nameOf(voice) {
  return voice.given || voice.label;
}

/** Whether names are worth showing: more than one voice, or the only one has a name. */
export function areNamed(voices) {
  const all = [...voices.values()];
  return all.length > 1 || all.some((voice) => voice.given || voice.isNamed);
}

/** A name is one line without invisible control characters, which could turn the direction of the text. */
export function oneLine(name) {
  const visible = name.replace(/\s/g, " ").replace(/[\p{Cc}\p{Cs}\u202a-\u202e\u2066-\u2069]/gu, "");
  return visible.replace(/ +/g, " ").trim();
}

function readersId({ channel, speaker }, isManyChannels) {
  const parts = [];
  if (isManyChannels) parts.push(channel + 1);
  if (isSpeaker(speaker)) parts.push(speaker + 1);
  return parts.join(".");
}

function defaultLabel({ channel, speaker }, isManyChannels) {
  const parts = [];
  if (isManyChannels) parts.push(`Channel ${channel + 1}`);
  if (isSpeaker(speaker)) parts.push(`Speaker ${speaker + 1}`);
  return parts.join(", ") || "Unknown speaker";
}

/** Some models write -1 for a speaker that they do not tell apart. */
function isSpeaker(speaker) {
  return speaker !== null && speaker >= 0;
}
