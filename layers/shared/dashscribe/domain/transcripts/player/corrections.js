/** What the reader changed: texts of sentences and names of voices, with undo and redo. */

import { oneLine } from "./voices.js";

/**
 * @typedef {{kind: "text" | "name", target: object, before: string, after: string}} Change
 * Sends "change" with the change's kind and target after each change, undo, redo and discard.
 */
export class Corrections extends EventTarget {
  #sentences;
  #voices;
  #done = [];
  #undone = [];

  constructor(sentences, voices) {
    super();
    this.#sentences = sentences;
    this.#voices = voices;
  }

  setText(sentence, text) {
    this.#make({ kind: "text", target: sentence, before: sentence.text, after: text });
  }

  /** An empty name brings the original name back. */
  setName(voice, name) {
    const given = oneLine(name);
    this.#make({ kind: "name", target: voice, before: voice.given, after: given === voice.label ? "" : given });
  }

  get canUndo() {
    return this.#done.length > 0;
  }

  get canRedo() {
    return this.#undone.length > 0;
  }

  undo() {
    const change = this.#done.pop();
    if (!change) return null;
    this.#undone.push(change);
    this.#apply(change, change.before);
    return change;
  }

  redo() {
    const change = this.#undone.pop();
    if (!change) return null;
    this.#done.push(change);
    this.#apply(change, change.after);
    return change;
  }

  /** The sentences whose text differs from the model's. */
  get corrected() {
    return this.#sentences.filter((sentence) => sentence.isCorrected);
  }

  get renamed() {
    return [...this.#voices.values()].filter((voice) => voice.given);
  }

  get count() {
    return this.corrected.length + this.renamed.length;
  }

  /** Back to the transcript as the model gave it. */
  discard() {
    const changes = [
      ...this.corrected.map((target) => ({ kind: "text", target, value: target.original })),
      ...this.renamed.map((target) => ({ kind: "name", target, value: "" })),
    ];
    this.#done = [];
    this.#undone = [];
    for (const { kind, target, value } of changes) this.#apply({ kind, target }, value);
  }

  /** @returns {{texts: Record<string, string>, names: Record<string, string>}} what a draft keeps */
  toDraft() {
    return {
      texts: Object.fromEntries(this.corrected.map(({ key, text }) => [key, text])),
      names: Object.fromEntries(this.renamed.map(({ key, given }) => [key, given])),
    };
  }

  restore({ texts = {}, names = {} }) {
    for (const sentence of this.#sentences) {
      if (typeof texts[sentence.key] === "string") this.#apply({ kind: "text", target: sentence }, texts[sentence.key]);
    }
    for (const [key, voice] of this.#voices) {
      if (typeof names[key] === "string") this.#apply({ kind: "name", target: voice }, oneLine(names[key]));
    }
  }

  #make(change) {
    if (change.before === change.after) return;
    this.#done.push(change);
    this.#undone = [];
    this.#apply(change, change.after);
  }

  #apply({ kind, target }, value) {
    const before = kind === "text" ? target.text : target.given;
    if (kind === "text") target.correct(value);
    else target.given = value;
    this.dispatchEvent(new CustomEvent("change", { detail: { kind, target, before } }));
  }
}
