/** Keeps the corrections in this browser until they are discarded. */

import { announce } from "./status.js";

export class Draft {
  #key;
  #corrections;
  #isUnsaved = false;
  #hasFailed = false;

  constructor(transcript, corrections) {
    const signs = transcript.sentences.reduce((sum, { original }) => sum + original.length, 0);
    this.#key = `dashscribe ${transcript.job_id} ${transcript.sentences.length} ${signs}`;
    this.#corrections = corrections;
    window.addEventListener("beforeunload", (event) => this.#isUnsaved && event.preventDefault());
  }

  /** Applies the draft of an earlier visit, then keeps each change. */
  open() {
    const stored = this.#read();
    if (stored) {
      this.#corrections.restore(stored);
      const { count } = this.#corrections;
      if (count) announce(`The draft of your last visit is here: ${count} ${count === 1 ? "change" : "changes"}.`);
    }
    this.#corrections.addEventListener("change", () => this.#save());
  }

  #read() {
    try {
      const stored = JSON.parse(localStorage.getItem(this.#key) ?? "null");
      return stored && typeof stored === "object" ? { texts: { ...stored.texts }, names: { ...stored.names } } : null;
    } catch {
      return null; // the browser forbids storage, or somebody else wrote there
    }
  }

  #save() {
    try {
      if (this.#corrections.count) localStorage.setItem(this.#key, JSON.stringify(this.#corrections.toDraft()));
      else localStorage.removeItem(this.#key);
      this.#isUnsaved = false;
    } catch {
      this.#isUnsaved = this.#corrections.count > 0;
      if (!this.#hasFailed) announce("This browser keeps no draft. Export the transcript before you close the page.");
      this.#hasFailed = true;
    }
  }
}
