/** The position in the recording. It works without a recording too: then it only moves when the reader moves it. */

export const SPEEDS = [0.5, 0.75, 1, 1.25, 1.5, 1.75, 2, 3];

/** Sends "time" when the position changes and "state" when playing, speed, length or the recording does. */
export class Playback extends EventTarget {
  #media;
  #known;
  #position = 0;
  #frame = 0;
  hasRecording = false;

  constructor(media, knownLength) {
    super();
    this.#media = media;
    this.#known = knownLength;
    media.addEventListener("loadedmetadata", () => this.#found());
    media.addEventListener("emptied", () => this.#lost());
    media.addEventListener("error", () => this.#lost());
    for (const type of ["play", "pause", "ended", "ratechange", "durationchange"]) {
      media.addEventListener(type, () => this.#changed());
    }
    for (const type of ["timeupdate", "seeked"]) media.addEventListener(type, () => this.#moved());
  }

  /** The position in ms. */
  get time() {
    return this.hasRecording ? this.#media.currentTime * 1000 : this.#position;
  }

  get length() {
    const { duration } = this.#media;
    return this.hasRecording && Number.isFinite(duration) ? duration * 1000 : this.#known;
  }

  get isPlaying() {
    return this.hasRecording && !this.#media.paused && !this.#media.ended;
  }

  get speed() {
    return this.#media.playbackRate;
  }

  set speed(speed) {
    this.#media.playbackRate = speed;
    this.#media.defaultPlaybackRate = speed;
  }

  faster(steps) {
    const index = SPEEDS.indexOf(this.speed);
    this.speed = SPEEDS[Math.max(0, Math.min(SPEEDS.length - 1, (index < 0 ? 2 : index) + steps))];
  }

  seek(ms) {
    const target = Math.max(0, Math.min(ms, this.length || ms));
    this.#position = target;
    if (this.hasRecording) this.#media.currentTime = target / 1000;
    this.dispatchEvent(new CustomEvent("seek", { detail: target }));
    this.#moved(target);
  }

  async play() {
    if (!this.hasRecording) return false;
    try {
      await this.#media.play();
    } catch {
      return false; // the browser wants a click first, or the position changed before the recording could start
    }
    return true;
  }

  pause() {
    this.#media.pause();
  }

  #found() {
    this.hasRecording = true;
    this.#media.currentTime = this.#position / 1000;
    this.#changed();
  }

  #lost() {
    this.#position = this.time;
    this.hasRecording = false;
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event("state"));
    cancelAnimationFrame(this.#frame);
    if (this.isPlaying) this.#frame = requestAnimationFrame(() => this.#tick());
  }

  #tick() {
    this.#moved();
    if (this.isPlaying) this.#frame = requestAnimationFrame(() => this.#tick());
  }

  #moved(ms = this.time) {
    this.#position = ms;
    this.dispatchEvent(new CustomEvent("time", { detail: ms }));
  }
}
