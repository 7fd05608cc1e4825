/** Finds the recording: `?media=` in the address, a file of its name beside the page, or a file from the reader. */

import { byId, setText } from "./dom.js";
import { announce } from "./status.js";

const SCHEMES = ["file:", "blob:", "https:"];

/** The addresses to try, best first. */
export function candidates(media, location) {
  const asked = new URLSearchParams(location.search).get("media");
  const found = asked ? [resolved(asked, location)] : [beside(media, location)];
  return found.filter((address) => address !== null);
}

/** The file name at the end of an address such as s3://bucket/folder/name.mp3. */
export function fileName(media) {
  return media.split("/").at(-1) ?? "";
}

function beside(media, location) {
  const name = fileName(media);
  if (!name || name === "." || name === "..") return null;
  try {
    return resolved(`./${encodeURIComponent(name)}`, location);
  } catch {
    return null; // half a character cannot be a file name
  }
}

function resolved(address, location) {
  const url = URL.parse ? URL.parse(address, location.href) : safely(address, location.href);
  return url && (SCHEMES.includes(url.protocol) || url.origin === location.origin) ? url.href : null;
}

function safely(address, base) {
  try {
    return new URL(address, base);
  } catch {
    return null;
  }
}

export class Recording {
  #media;
  #name;
  #untried;
  #own = null;

  constructor(media, playback, address) {
    this.#media = media;
    this.#name = fileName(address);
    this.#untried = candidates(address, window.location);
    media.addEventListener("error", () => this.#next());
    media.addEventListener("resize", () => this.#showPicture());
    playback.addEventListener("state", () => this.#show(playback));
    byId("recording-open").addEventListener("click", () => byId("recording-file").click());
    byId("recording-file").addEventListener("change", ({ target }) => this.take(target.files[0]));
    this.#acceptDrops();
    this.#next();
  }

  /** Plays a file that the reader gives. It is not sent anywhere. */
  take(file) {
    if (!file) return;
    if (this.#own) URL.revokeObjectURL(this.#own);
    this.#own = URL.createObjectURL(file);
    this.#untried = [];
    this.#media.src = this.#own;
    const isOther = this.#name && file.name !== this.#name;
    announce(isOther ? `The recording is now ${file.name}. The transcript is of ${this.#name}.` : `The recording is now ${file.name}.`);
  }

  #next() {
    const address = this.#untried.shift();
    if (address) {
      this.#media.src = address;
      return;
    }
    byId("recording").hidden = false;
    const failed = this.#own ? "The browser cannot play this file." : "The recording is not here.";
    setText(byId("recording-state"), `${failed} Drop ${this.#name || "it"} on this page, or open it.`);
  }

  #show(playback) {
    if (playback.hasRecording) byId("recording").hidden = true;
  }

  #showPicture() {
    this.#media.hidden = !this.#media.videoWidth;
    document.body.classList.toggle("has-picture", !this.#media.hidden);
  }

  #acceptDrops() {
    const drop = byId("drop");
    const isFile = (event) => event.dataTransfer?.types.includes("Files");
    window.addEventListener("dragover", (event) => {
      if (!isFile(event)) return;
      event.preventDefault();
      drop.hidden = false;
    });
    window.addEventListener("dragleave", (event) => {
      if (!event.relatedTarget) drop.hidden = true;
    });
    window.addEventListener("drop", (event) => {
      drop.hidden = true;
      if (!isFile(event)) return;
      event.preventDefault();
      this.take(event.dataTransfer.files[0]);
    });
  }
}
