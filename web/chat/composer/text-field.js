/**
 * What is done to a text area as if it had been typed, so that the browser's own undo takes it back. execCommand is the
 * only way to that: setRangeText and `value` bypass, or clear, what can be undone.
 */

/** Replace the characters from `from` to `to`, by default the selection. The caret is behind the text. */
export function insertText(field, text, { from = field.selectionStart, to = field.selectionEnd } = {}) {
  field.focus();
  field.setSelectionRange(from, to);
  if (text === "" && from === to) return;
  const isDone = text === "" ? document.execCommand("delete") : document.execCommand("insertText", false, text);
  if (isDone) return;
  field.setRangeText(text, from, to, "end");
  field.dispatchEvent(new InputEvent("input", { inputType: "insertText", data: text, bubbles: true }));
}

/** Put a mark of Markdown before and after the selection, or take it away where it is. */
export function toggleMark(field, mark) {
  const { selectionStart: start, selectionEnd: end, value } = field;
  const length = mark.length;
  const selected = value.slice(start, end);
  const isAround = value.slice(start - length, start) === mark && value.slice(end, end + length) === mark;
  const isWithin = selected.length >= 2 * length && selected.startsWith(mark) && selected.endsWith(mark);
  if (isAround && !isLonger(value, start, end, mark)) {
    insertText(field, selected, { from: start - length, to: end + length });
    field.setSelectionRange(start - length, end - length);
  } else if (isWithin) {
    const inner = selected.slice(length, -length);
    insertText(field, inner);
    field.setSelectionRange(start, start + inner.length);
  } else {
    insertText(field, mark + selected + mark);
    field.setSelectionRange(start + length, end + length);
  }
}

/** One asterisk beside the selection is none of italics where it is the half of a bold mark. */
function isLonger(value, start, end, mark) {
  if (mark.length > 1) return false;
  return value[start - 2] === mark && value[start - 3] !== mark && value[end + 1] === mark;
}

/** Make the field as high as its text, as far as its `max-height` goes: in browsers that do not do so by CSS. */
export function fitHeight(field) {
  if (CSS.supports("field-sizing", "content")) return;
  field.style.setProperty("height", "auto");
  field.style.setProperty("height", `${field.scrollHeight}px`);
}
