/** From a point on the screen to a place in the text. */

/** @returns {{piece: import("./paragraphs.js").Piece, offset: number} | null} the offset is in the sentence's text */
export function placeAt(view, x, y) {
  const [node, offset] = caretAt(x, y);
  return placeIn(view, node, offset);
}

/** The same for a place in the DOM, for example an end of the selection. */
export function placeIn(view, node, offset) {
  const piece = view.pieceOf(node);
  return piece && { piece, offset: Math.min(piece.to, piece.from + (node === piece.node ? offset : piece.to)) };
}

function caretAt(x, y) {
  if (document.caretPositionFromPoint) {
    const position = document.caretPositionFromPoint(x, y);
    return [position?.offsetNode, position?.offset ?? 0];
  }
  const range = document.caretRangeFromPoint?.(x, y);
  return [range?.startContainer, range?.startOffset ?? 0];
}

/** The word at an offset: the one that contains it, else the nearest one before it, else the first. */
export function spanAt(sentence, offset) {
  const { spans } = sentence;
  return spans.find((span) => offset >= span.from && offset < span.to) ?? spans.findLast((span) => span.from <= offset) ?? spans[0];
}
