/** Who speaks: one voice for each speaker of each channel. People read speakers and channels from 1. */

const COLOURS = 8;

/**
 * @typedef {{key: string, id: string, label: string, given: string, number: number, colour: number}} Voice
 * `id` is how people name it ("1", "2.1"); `label` is the name without a correction; `given` is a reader's name or "".
 */
export function voicesOf(transcript, ordered) {
  const isManyChannels = transcript.channels.length > 1;
  const voices = new Map();
  for (const sentence of ordered) {
    const key = voiceKey(sentence);
    if (voices.has(key)) continue;
    const id = readersId(sentence, isManyChannels);
    voices.set(key, {
      key,
      id,
      number: voices.size + 1,
      colour: (voices.size % COLOURS) + 1,
      label: oneLine(transcript.names[id] ?? "") || defaultLabel(sentence, isManyChannels),
      given: "",
      isTold: sentence.speaker !== null || isManyChannels || Boolean(transcript.names[id]),
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
  return all.length > 1 || all.some((voice) => voice.given || voice.isTold);
}

/** A name is one line, whatever was pasted. */
export function oneLine(name) {
  return name.replace(/\s+/g, " ").trim();
}

function readersId({ channel, speaker }, isManyChannels) {
  const parts = [];
  if (isManyChannels) parts.push(channel + 1);
  if (isSpeaker(speaker)) parts.push(speaker + 1);
  return parts.join(".") || (speaker === null ? "1" : "");
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
