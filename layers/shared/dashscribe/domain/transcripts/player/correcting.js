/** The mode in which a click corrects: its bar, undo, redo, and the marks of corrected sentences. */

import { byId, setText } from "./dom.js";
import { mark } from "./highlights.js";
import { announce } from "./status.js";
import { nameOf } from "./voices.js";

export class Correcting {
  #parts;
  isOn = false;

  /** @param {{corrections: object, editor: object, view: object, current: object, playback: object}} parts */
  constructor(parts) {
    this.#parts = parts;
    const { corrections, editor, playback, view } = parts;
    byId("correct").addEventListener("click", () => this.set(!this.isOn));
    byId("undo").addEventListener("click", () => this.undo());
    byId("redo").addEventListener("click", () => this.redo());
    byId("discard").addEventListener("click", () => this.#discard());
    corrections.addEventListener("change", () => this.#show());
    view.addEventListener("rendered", () => this.paint());
    editor.addEventListener("close", () => this.paint());
    editor.addEventListener("play", ({ detail }) => this.#hear(detail, playback));
    this.#show();
  }

  set(isOn) {
    this.isOn = isOn;
    this.#parts.editor.close();
    byId("correcting").hidden = !isOn;
    byId("correct").setAttribute("aria-pressed", String(isOn));
    document.body.classList.toggle("is-correcting", isOn);
    this.#show();
  }

  /** Opens the current sentence. */
  openCurrent() {
    const { current, view, editor } = this.#parts;
    const sentence = current.sentence ?? current.neighbour(1);
    const piece = sentence && view.piecesOf(sentence)[0];
    if (!piece) return;
    this.set(true);
    editor.open(piece);
  }

  undo() {
    const change = this.#parts.corrections.undo();
    announce(change ? `Undone: ${described(change, change.before)}` : "There is nothing to undo.");
  }

  redo() {
    const change = this.#parts.corrections.redo();
    announce(change ? `Done again: ${described(change, change.after)}` : "There is nothing to do again.");
  }

  paint() {
    const { corrections, view } = this.#parts;
    mark("corrected", corrections.corrected.flatMap((sentence) => (sentence.text ? [view.rangeOf(sentence)] : [])));
  }

  #discard() {
    const { count } = this.#parts.corrections;
    if (!window.confirm(`Discard ${count} ${count === 1 ? "change" : "changes"}? This cannot be undone.`)) return;
    this.#parts.corrections.discard();
    announce("The transcript is as it was recognised.");
  }

  #hear(sentence, playback) {
    if (playback.isPlaying) playback.pause();
    else if (sentence.isTimed) {
      playback.seek(sentence.begin);
      playback.play();
    }
  }

  #show() {
    const { corrections } = this.#parts;
    const { count } = corrections;
    byId("undo").disabled = !corrections.canUndo;
    byId("redo").disabled = !corrections.canRedo;
    byId("discard").disabled = !count;
    setText(byId("correcting-state"), count ? `${count} ${count === 1 ? "change" : "changes"}` : "No changes");
    this.paint();
  }
}

function described({ kind, target }, value) {
  return kind === "name" ? `the name is ${value || nameOf(target)}` : value.trim() || "the sentence is empty";
}
