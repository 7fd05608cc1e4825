/** Corrects one sentence in its place. */

import { element } from "./dom.js";

/** Sends "play" when the reader wants to hear the sentence, and "close" when no sentence is open any more. */
export class Editor extends EventTarget {
  #view;
  #corrections;
  #open = null;

  constructor(view, corrections) {
    super();
    this.#view = view;
    this.#corrections = corrections;
  }

  get isOpen() {
    return this.#open !== null;
  }

  get sentence() {
    return this.#open?.piece.sentence ?? null;
  }

  /** Opens a piece; the caret goes to an offset of the sentence, or to the beginning. */
  open(piece, offset = piece.from) {
    if (this.#open?.piece === piece) return;
    this.close();
    this.#view.ensure(piece.sentence);
    const text = this.#view.textOf(piece);
    const core = text.trim();
    const lead = text.slice(0, text.length - text.trimStart().length);
    const field = element("span", {
      className: "editor",
      spellcheck: true,
      attributes: { role: "textbox", "aria-multiline": "false", "aria-label": "Correct this sentence", tabindex: "0" },
      textContent: core,
    });
    field.contentEditable = "plaintext-only";
    if (field.contentEditable !== "plaintext-only") field.contentEditable = "true";
    this.#open = { piece, field, lead, trail: core ? text.slice(lead.length + core.length) : "" };
    piece.node.replaceWith(field);
    field.addEventListener("keydown", (event) => this.#key(event));
    field.addEventListener("blur", () => this.#open?.field === field && this.close());
    field.focus({ preventScroll: false });
    placeCaret(field, Math.max(0, Math.min(core.length, offset - piece.from - lead.length)));
  }

  /** Closes the open sentence and keeps what was written, unless it is cancelled. */
  close({ isCancelled = false } = {}) {
    const open = this.#open;
    if (!open) return;
    this.#open = null;
    const { piece, field, lead, trail } = open;
    const written = field.textContent.replace(/\s+/g, " ").trim();
    field.replaceWith(piece.node);
    const { sentence, from, to } = piece;
    const before = sentence.text.slice(from, to);
    if (!isCancelled && written !== before.trim()) {
      const text = written ? lead + written + trail : "";
      this.#corrections.setText(sentence, sentence.text.slice(0, from) + text + sentence.text.slice(to));
    }
    this.dispatchEvent(new Event("close"));
  }

  #key(event) {
    if (event.isComposing) return;
    event.stopPropagation();
    const { piece } = this.#open ?? {};
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      this.dispatchEvent(new CustomEvent("play", { detail: piece.sentence }));
    } else if (event.key === "Enter") {
      event.preventDefault();
      this.close();
    } else if (event.key === "Escape") {
      event.preventDefault();
      this.close({ isCancelled: true });
    } else if (event.key === "Tab") {
      const next = this.#neighbour(piece, event.shiftKey ? -1 : 1);
      if (!next) return;
      event.preventDefault();
      this.open(next);
    }
  }

  #neighbour(piece, step) {
    const pieces = this.#view.paragraphs.flatMap((paragraph) => paragraph.pieces);
    for (let at = pieces.indexOf(piece) + step; at >= 0 && at < pieces.length; at += step) {
      if (this.#view.textOf(pieces[at]).trim()) return pieces[at];
    }
    return null;
  }
}

function placeCaret(field, offset) {
  const node = field.firstChild;
  if (node) document.getSelection().collapse(node, offset);
}
