/** The corrected transcript as JSON, in the shape of `transcript.json`. */

import { joined } from "./scripts.js";
import { nameOf } from "./voices.js";

const JOINERS = ["", " ", "\n"];
const PUNCTUATION = /^(.*?)([\p{P}\s]*)$/su;

/** Uncorrected parts are as the model gave them. `speaker_names` has the name of each numbered voice. */
export function jsonFile(transcript, voices) {
  const { schema_version, job_id, model, media, duration_ms, audio_format, sample_rate, speech_ms, timing } = transcript;
  const channels = transcript.channels.map((channel) => ({
    channel_id: channel.id,
    speech_ms: channel.speech_ms,
    text: channelText(channel),
    sentences: channel.sentences.filter(({ isWholeChannel }) => !isWholeChannel).map(sentenceOf),
  }));
  const text = channels.map((channel) => channel.text.trim()).filter(Boolean).join("\n");
  const names = Object.fromEntries([...voices.values()].filter(({ id }) => id).map((voice) => [voice.id, nameOf(voice)]));
  const facts = { schema_version, job_id, model, media, duration_ms, audio_format, sample_rate, speech_ms };
  const whole = { ...facts, text, channels, timing, speaker_names: names };
  return `${JSON.stringify(whole)}\n`;
}

function channelText({ sentences, join, text }) {
  const isCorrected = sentences.some((sentence) => sentence.isCorrected);
  const texts = sentences.map((sentence) => sentence.text);
  if (join !== null) return texts.join(JOINERS[join]);
  return isCorrected ? joined(texts) : text;
}

function sentenceOf(sentence) {
  const { id, begin, end, text, speaker, language, emotion } = sentence;
  const words = sentence.isCorrected && sentence.words ? wordsOf(sentence) : sentence.words;
  return { sentence_id: id, begin_ms: begin, end_ms: end, text, speaker, language, emotion, words };
}

/** Words of a corrected text: texts and punctuation put together are the sentence. */
function wordsOf({ spans, text }) {
  return spans.map((span, index) => {
    const part = text.slice(index ? span.from : 0, spans[index + 1]?.from ?? text.length);
    const [, word, punctuation] = PUNCTUATION.exec(part);
    return { begin_ms: span.begin, end_ms: span.end, text: word, punctuation };
  });
}
