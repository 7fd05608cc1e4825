/** The timeline: the position, who speaks when, and the hits of a search. */

import { clock, spokenClock } from "./clock.js";
import { byId, setText } from "./dom.js";
import { voiceKey } from "./voices.js";

const LANE = 7;
const GAP = 3;
const LANES = 6;
const TICK = 5;
const MANY_HITS = 150;

export class Timeline {
  #seek = byId("seek");
  #canvas = byId("lanes");
  #playback;
  #sentences;
  #voices;
  #hits = [];
  #current = null;
  #redraw = 0;

  constructor(playback, sentences, voices) {
    this.#playback = playback;
    this.#sentences = sentences.filter(({ isTimed }) => isTimed);
    this.#voices = voices;
    playback.addEventListener("time", () => this.#showTime());
    playback.addEventListener("state", () => this.#showLength());
    this.#seek.addEventListener("input", () => playback.seek(Number(this.#seek.value)));
    this.#seek.addEventListener("pointermove", (event) => this.#preview(event));
    this.#seek.addEventListener("pointerleave", () => (byId("hover-time").hidden = true));
    new ResizeObserver(() => this.draw()).observe(this.#canvas.parentElement);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
    this.#showLength();
  }

  /** Shows where the hits of a search are. @param {number[]} times in ms */
  showHits(times, current) {
    this.#hits = times;
    this.#current = current;
    this.draw();
  }

  draw() {
    cancelAnimationFrame(this.#redraw);
    this.#redraw = requestAnimationFrame(() => this.#draw());
  }

  #showTime() {
    const { time, length } = this.#playback;
    this.#seek.value = String(time);
    this.#seek.setAttribute("aria-valuetext", `${spokenClock(time)} of ${spokenClock(length)}`);
    setText(byId("time"), clock(time));
    const share = length ? Math.min(1, time / length) : 0;
    byId("playhead").style.transform = `translateX(${share * this.#canvas.clientWidth}px)`;
  }

  #showLength() {
    const { length } = this.#playback;
    if (Number(this.#seek.max) !== length) {
      this.#seek.max = String(length);
      setText(byId("length"), clock(length));
      this.draw();
    }
    this.#showTime();
  }

  #preview({ offsetX }) {
    const hover = byId("hover-time");
    const width = this.#canvas.clientWidth;
    const x = Math.max(0, Math.min(width, offsetX));
    hover.hidden = !this.#playback.length;
    setText(hover, clock((x / width) * this.#playback.length));
    hover.style.transform = `translateX(clamp(0px, ${x}px - 50%, ${width}px - 100%))`;
  }

  #draw() {
    const { clientWidth: width, clientHeight: height } = this.#canvas;
    const scale = window.devicePixelRatio || 1;
    this.#canvas.width = width * scale;
    this.#canvas.height = height * scale;
    const context = this.#canvas.getContext("2d");
    context.scale(scale, scale);
    const { length } = this.#playback;
    if (length) {
      this.#drawVoices(context, width / length, height);
      this.#drawHits(context, width / length, height);
    }
    this.#showTime();
  }

  #drawVoices(context, scale, height) {
    const lanes = Math.min(LANES, this.#voices.size) || 1;
    const lane = Math.min(LANE, (height - GAP * (lanes - 1)) / lanes);
    const top = (height - lanes * lane - (lanes - 1) * GAP) / 2;
    const colours = new Map();
    for (const { colour } of this.#voices.values()) {
      if (!colours.has(colour)) colours.set(colour, colourOf(this.#canvas, "colour", colour));
    }
    for (const { channel, speaker, begin, end } of this.#sentences) {
      const voice = this.#voices.get(voiceKey({ channel, speaker }));
      if (!voice || end === null) continue;
      context.fillStyle = colours.get(voice.colour);
      const row = (voice.number - 1) % lanes;
      context.fillRect(begin * scale, top + row * (lane + GAP), Math.max(1, (end - begin) * scale), lane);
    }
  }

  #drawHits(context, scale, height) {
    const drawn = new Set();
    const tick = this.#hits.length > MANY_HITS ? TICK : height;
    context.fillStyle = colourOf(this.#canvas, "tick", "hit");
    for (const time of this.#hits) {
      const x = Math.round(time * scale);
      if (drawn.has(x)) continue;
      drawn.add(x);
      context.fillRect(x - 1, 0, 2, tick);
    }
    if (this.#current === null) return;
    context.fillStyle = colourOf(this.#canvas, "tick", "current");
    context.fillRect(this.#current * scale - 2, 0, 4, height);
  }
}

/** A colour as the canvas needs it: resolved for light or dark. */
function colourOf(canvas, name, value) {
  const probe = document.createElement("i");
  probe.dataset[name] = value;
  canvas.parentElement.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}
