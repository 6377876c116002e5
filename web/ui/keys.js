/** What a key event says beside its key: whether an input method has it, and which letter it is meant as. */

/**
 * Whether an input method has the key. Safari ends the composition before the Enter that confirmed the word, and tells
 * it by the key code 229 alone.
 */
export function isComposing(event) {
  return event.isComposing || event.keyCode === 229;
}

/**
 * The key as a shortcut names it: a letter is small unless Shift is held, whatever Caps Lock says, and Latin by its
 * place where the keyboard writes another script.
 */
export function letterOf({ key, code = "", shiftKey }) {
  if (key.length !== 1) return key;
  const isOtherScript = /\p{L}/u.test(key) && !/\p{Script=Latin}/u.test(key);
  const letter = isOtherScript && code.startsWith("Key") ? code.slice(3) : key;
  return shiftKey ? letter.toUpperCase() : letter.toLowerCase();
}
