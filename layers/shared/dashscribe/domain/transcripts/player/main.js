/** Puts the page together. */

import { placeAt, placeIn, spanAt } from "./caret.js";
import { Correcting } from "./correcting.js";
import { Corrections } from "./corrections.js";
import { Current } from "./current.js";
import { readTranscript } from "./data.js";
import { byId, element } from "./dom.js";
import { Draft } from "./draft.js";
import { Editor } from "./editor.js";
import { Exports } from "./exports.js";
import { Follow } from "./follow.js";
import { Keyboard } from "./keyboard.js";
import { copy, meantTime, quoteOf, timeInAddress } from "./links.js";
import { inReadingOrder, paragraphsOf } from "./paragraphs.js";
import { Playback } from "./playback.js";
import { Recording } from "./recording.js";
import { Search } from "./search.js";
import { SearchIndex } from "./search_index.js";
import { Speakers } from "./speakers.js";
import { announce } from "./status.js";
import { startTheme } from "./theme.js";
import { TimeIndex } from "./time_index.js";
import { Timeline } from "./timeline.js";
import { View } from "./view.js";
import { voicesOf } from "./voices.js";

const JUMP = 10_000;
const STEP = 5_000;

const transcript = readTranscript(byId("data").textContent);
const ordered = inReadingOrder(transcript);
const voices = voicesOf(transcript, ordered);
const view = new View(byId("turns"), paragraphsOf(ordered), voices);
const playback = new Playback(byId("media"), transcript.duration_ms || transcript.lastTime);
const current = new Current(view, new TimeIndex(ordered), ordered, playback);
const follow = new Follow(current, playback);
const timeline = new Timeline(playback, ordered, voices);
const index = new SearchIndex(view);
const search = new Search({ index, view, timeline, follow });
const corrections = new Corrections(ordered, voices);
const editor = new Editor(view, corrections);
const correcting = new Correcting({ corrections, editor, view, current, playback });
const speakers = new Speakers(voices, ordered, corrections);

follow.isHeld = () => correcting.isOn;
byId("facts").replaceChildren(
  ...transcript.facts.map(([label, value]) =>
    element("div", {}, [element("dt", { textContent: label }), element("dd", { textContent: value, dir: "auto" })]),
  ),
);
for (const id of ["masthead", "columns"]) byId(id).dir = mainDirection();
view.render();
corrections.addEventListener("change", ({ detail: { kind, target, before } }) => {
  if (kind === "name") {
    view.refreshNames(target);
    speakers.refresh(target);
    return;
  }
  view.refresh(target, before);
  index.forget(target);
  current.repaint();
  search.refresh();
});
new Draft(transcript, corrections).open();
correcting.paint();
new Exports({ transcript, ordered, voices, view, editor });
new Recording(byId("media"), playback, transcript.media);
startTheme(() => timeline.draw());
startControls();
startText();
startKeys();
openAddress();
window.addEventListener("hashchange", openAddress);

/** The direction of most paragraphs. */
function mainDirection() {
  const rtl = view.paragraphs.filter(({ dir }) => dir === "rtl").length;
  return rtl * 2 > view.paragraphs.length ? "rtl" : "ltr";
}

function startControls() {
  byId("play").addEventListener("click", togglePlay);
  byId("back").addEventListener("click", () => playback.seek(playback.time - JUMP));
  byId("forward").addEventListener("click", () => playback.seek(playback.time + JUMP));
  byId("speed").addEventListener("change", ({ target }) => (playback.speed = Number(target.value)));
  byId("quote").addEventListener("click", quote);
  byId("help-open").addEventListener("click", () => byId("help").showModal());
  playback.addEventListener("state", () => {
    byId("play").setAttribute("aria-label", playback.isPlaying ? "Pause" : "Play");
    byId("play-icon").setAttribute("href", playback.isPlaying ? "#icon-pause" : "#icon-play");
    byId("speed").value = String(playback.speed);
  });
}

function startText() {
  // The selection goes away with the click on a button, so a quote needs it as it was before.
  byId("quote").addEventListener("pointerdown", (event) => event.preventDefault());
  byId("turns").addEventListener("click", (event) => {
    const link = event.target.closest("a.turn-time");
    if (link) {
      event.preventDefault();
      history.replaceState(null, "", link.hash);
      hear(meantTime(timeInAddress(link.hash), ordered));
    } else if (event.target.closest("p") && !event.target.closest(".editor") && document.getSelection().isCollapsed) {
      clickText(placeAt(view, event.clientX, event.clientY));
    }
  });
}

function clickText(place) {
  if (!place) return;
  const { piece, offset } = place;
  if (correcting.isOn) {
    editor.open(piece, offset);
    current.select(piece.sentence);
  } else if (piece.sentence.isTimed) {
    hear(spanAt(piece.sentence, offset)?.begin ?? piece.sentence.begin);
  } else {
    current.select(piece.sentence);
  }
}

function hear(ms) {
  playback.seek(ms);
  playback.play();
}

async function togglePlay() {
  if (playback.isPlaying) playback.pause();
  else if (!playback.hasRecording) announce("The recording is not here. Drop it on this page, or open it.");
  else if (!(await playback.play())) announce("The browser did not start the recording.");
}

function moveSentence(step) {
  const sentence = current.neighbour(step);
  if (!sentence) return;
  if (sentence.isTimed) playback.seek(sentence.begin);
  else current.select(sentence);
  follow.scrollTo(current.range);
  announce(sentence.text.trim(), { quiet: true });
}

async function quote() {
  const selection = document.getSelection();
  const range = selection.rangeCount ? selection.getRangeAt(0) : null;
  const start = range && !range.collapsed ? placeIn(view, range.startContainer, range.startOffset) : null;
  const sentence = start?.piece.sentence ?? current.sentence;
  if (!sentence) {
    announce("Select some text first.");
    return;
  }
  const text = quoteOf(start ? selection.toString() : sentence.text, sentence, voices, transcript.title, window.location);
  announce((await copy(text)) ? "The quote is on the clipboard." : "The browser did not allow the clipboard.");
}

function openAddress() {
  const ms = timeInAddress(window.location.hash);
  if (ms === null) return;
  playback.seek(meantTime(ms, ordered));
  follow.scrollTo(current.range, { isForced: true });
}

function startKeys() {
  const seek = (step) => () => playback.seek(playback.time + step);
  new Keyboard([
    { keys: [" ", "k"], shown: ["Space", "K"], does: "Play or pause", run: togglePlay },
    { keys: ["j"], shown: ["J"], does: "Back 10 seconds", run: seek(-JUMP) },
    { keys: ["l"], shown: ["L"], does: "Forward 10 seconds", run: seek(JUMP) },
    { keys: ["ArrowLeft"], shown: ["←"], does: "Back 5 seconds", run: seek(-STEP) },
    { keys: ["ArrowRight"], shown: ["→"], does: "Forward 5 seconds", run: seek(STEP) },
    { keys: ["Shift+ArrowLeft"], shown: ["Shift ←"], does: "The sentence before", run: () => moveSentence(-1) },
    { keys: ["Shift+ArrowRight"], shown: ["Shift →"], does: "The next sentence", run: () => moveSentence(1) },
    { keys: ["<"], shown: ["<"], does: "Slower", run: () => playback.faster(-1) },
    { keys: [">"], shown: [">"], does: "Faster", run: () => playback.faster(1) },
    { keys: ["f"], shown: ["F"], does: "Scroll with the recording, or stop", run: () => follow.set(!follow.isOn, { isAsked: true }) },
    { keys: ["/"], shown: ["/"], does: "Search", run: () => search.focus() },
    { keys: ["n"], shown: ["N"], does: "Next hit", run: () => search.go(1) },
    { keys: ["Shift+n"], shown: ["Shift N"], does: "Previous hit", run: () => search.go(-1) },
    { keys: ["c"], shown: ["C"], does: "Copy the selection, or the current sentence, with its time", run: quote },
    { keys: ["e"], shown: ["E"], does: "Correct the current sentence", run: () => correcting.openCurrent() },
    { keys: ["Ctrl+z"], shown: ["Ctrl Z"], does: "Undo a correction", run: () => correcting.undo() },
    { keys: ["Ctrl+Shift+z", "Ctrl+y"], shown: ["Ctrl Shift Z"], does: "Do it again", run: () => correcting.redo() },
    { keys: ["Escape"], shown: ["Esc"], does: "Stop correcting", run: () => correcting.set(false) },
    { keys: ["?"], shown: ["?"], does: "This help", run: () => byId("help").showModal() },
  ]);
}

document.documentElement.dataset.ready = "true";
