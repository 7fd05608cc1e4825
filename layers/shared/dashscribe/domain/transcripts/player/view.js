/** Shows the paragraphs. Each sentence is one text node; there is no element for a word. */

import { Blocks } from "./blocks.js";
import { clock } from "./clock.js";
import { element, setText } from "./dom.js";
import { refit } from "./paragraphs.js";
import { joinerBetween } from "./scripts.js";
import { areNamed, nameOf } from "./voices.js";

const LINE_PX = 28;
const PADDING_PX = 10;
const HEAD_PX = 16;
const SIGNS_A_LINE = 72;

/** Sends "rendered" when paragraphs came to the page. */
export class View extends EventTarget {
  #blocks = null;
  #pieceOf = new WeakMap();
  #piecesOf = new Map();

  /** @param {import("./paragraphs.js").Paragraph[]} paragraphs */
  constructor(root, paragraphs, voices) {
    super();
    this.root = root;
    this.paragraphs = paragraphs;
    this.voices = voices;
    for (const paragraph of paragraphs) {
      for (const piece of paragraph.pieces) {
        const pieces = this.#piecesOf.get(piece.sentence);
        if (pieces) pieces.push(piece);
        else this.#piecesOf.set(piece.sentence, [piece]);
      }
    }
  }

  render() {
    const isNamed = areNamed(this.voices);
    this.paragraphs.forEach((paragraph, index) => {
      paragraph.hasHead = isNamed && paragraph.voice !== this.paragraphs[index - 1]?.voice;
    });
    this.#blocks = new Blocks(this.paragraphs, {
      height: heightOf,
      make: (paragraph) => this.#turn(paragraph),
      rendered: () => this.dispatchEvent(new Event("rendered")),
    });
    this.#blocks.show(this.root);
    if (!this.paragraphs.length) this.root.append(element("p", { className: "notice", textContent: "Nothing was said." }));
  }

  /** Makes sure that a sentence is on the page. */
  ensure(sentence) {
    for (const { paragraph } of this.piecesOf(sentence)) this.#blocks.ensure(paragraph);
  }

  /** The text of a paragraph as the page shows it. */
  textOfParagraph({ pieces }) {
    return pieces.reduce((text, piece) => {
      const part = this.textOf(piece);
      return text + joinerBetween(text, part) + part;
    }, "");
  }

  /** The piece that a text node shows. */
  pieceOf(node) {
    return this.#pieceOf.get(node) ?? this.#pieceOf.get(node?.previousSibling) ?? null;
  }

  piecesOf(sentence) {
    return this.#piecesOf.get(sentence) ?? [];
  }

  /** The text that a piece shows. It may be empty, after a correction. */
  textOf({ sentence, from, to }) {
    return sentence.text.slice(from, to);
  }

  /** The piece at an offset in the text of a paragraph, and the offset in that piece. */
  placeIn({ pieces }, offset) {
    let text = "";
    let found = [pieces[0], 0];
    for (const piece of pieces) {
      const part = this.textOf(piece);
      const start = text.length + joinerBetween(text, part).length;
      if (start > offset) break;
      found = [piece, offset - start];
      text += joinerBetween(text, part) + part;
    }
    return found;
  }

  /** Shows a corrected sentence. */
  refresh(sentence, before) {
    const pieces = this.piecesOf(sentence);
    refit(pieces, before, sentence.text);
    for (const paragraph of new Set(pieces.map((piece) => piece.paragraph))) {
      if (paragraph.body) this.#fill(paragraph);
    }
  }

  refreshNames(voice) {
    for (const name of this.root.querySelectorAll(`.voice[data-voice="${voice.number}"] .voice-name`)) {
      setText(name, nameOf(voice));
      name.title = nameOf(voice);
    }
  }

  /** A range over a part of a sentence, or null where it is not on the page or not as text (an editor is open). */
  rangeOf(sentence, from = 0, to = sentence.text.length) {
    const pieces = this.piecesOf(sentence);
    const first = pieces.find((piece) => from < piece.to) ?? pieces.at(-1);
    const last = pieces.findLast((piece) => to > piece.from) ?? first;
    if (!first?.node?.isConnected || !last.node?.isConnected) return null;
    const range = new StaticRange({
      startContainer: first.node,
      startOffset: within(first.node, from - first.from),
      endContainer: last.node,
      endOffset: within(last.node, to - last.from),
    });
    return range;
  }

  #turn(paragraph) {
    const voice = this.voices.get(paragraph.voice);
    paragraph.element = element("div", { className: "turn", data: { colour: voice.colour } });
    const aside = element("div", { className: "turn-side" });
    if (paragraph.hasHead) {
      aside.append(
        element("h3", {}, [
          element("button", { type: "button", className: "voice", data: { voice: voice.number } }, [
            element("span", { className: "badge", textContent: voice.badge, attributes: { "aria-hidden": "true" } }),
            element("span", { className: "voice-name", dir: "auto", title: nameOf(voice), textContent: nameOf(voice) }),
          ]),
        ]),
      );
      paragraph.element.classList.add("has-head");
    }
    if (paragraph.begin !== null) {
      const link = element("a", { className: "turn-time", dir: "ltr", textContent: clock(paragraph.begin) });
      link.href = `#t=${Math.floor(paragraph.begin / 1000)}`;
      aside.append(link);
    }
    paragraph.body = element("p", { lang: paragraph.lang, dir: paragraph.dir });
    if (!paragraph.lang) paragraph.body.setAttribute("lang", "");
    this.#fill(paragraph);
    paragraph.element.append(aside, paragraph.body);
    return paragraph.element;
  }

  #fill(paragraph) {
    const nodes = [];
    let shown = "";
    for (const piece of paragraph.pieces) {
      const text = this.textOf(piece);
      const joiner = joinerBetween(shown, text);
      if (joiner) nodes.push(document.createTextNode(joiner));
      piece.node = document.createTextNode(text);
      this.#pieceOf.set(piece.node, piece);
      nodes.push(piece.node);
      shown += joiner + text;
    }
    paragraph.body.replaceChildren(...nodes);
  }
}

/** About how high a paragraph is on the page. */
function heightOf({ pieces, hasHead }) {
  const length = pieces.reduce((sum, piece) => sum + piece.to - piece.from, 0);
  return Math.ceil(length / SIGNS_A_LINE) * LINE_PX + PADDING_PX + (hasHead ? HEAD_PX : 0);
}

function within(node, offset) {
  return Math.max(0, Math.min(offset, node.length));
}
