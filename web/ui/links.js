/**
 * Where an address in a text ends, and which addresses may be links. Pure; knows nothing of marks.
 *
 * A bare address has its scheme, http or https in any case: `www.example.org` and an email address are text.
 */

const LENGTH_MAX = 2_000;

// White space, brackets and quotes that no address holds, the punctuation of Chinese and Japanese, invisible marks.
const OUTSIDE = String.raw`\s<>"\x60“”„«»。、，！？；：…（）「」『』【】《》〈〉｢｣｡､\p{Cc}\u200B-\u200F\u202A-\u202E\u2060-\u2069\uFEFF`;
// A host begins, and nothing goes over "](", which ends a label.
const BARE = new RegExp(
  String.raw`https?:\/\/(?=\[[\da-f:.]{2,45}\]|[^\s/?#[\](){}@:])(?:(?!\]\()[^${OUTSIDE}]){1,2000}`,
  "iuy",
);
const CLOSING = /[.,;:!?'’‘*_~|]/;
const OPENERS = { ")": "(", "]": "[", "}": "{" };
const ALLOWED = /^(?:https?:\/\/[^\s/]|mailto:[^\s])[^\s\p{Cc}]*$/iu;

/** The address if it may be a link (http, https or mailto, and well-formed), otherwise null. */
export function safeHref(address) {
  return address.length <= LENGTH_MAX && ALLOWED.test(address) && urlOf(address) ? address : null;
}

function urlOf(address) {
  try {
    return new URL(address);
  } catch {
    return null;
  }
}

/** The bare address that begins at `index` of the text, without the punctuation after it; or null. */
export function linkAt(text, index) {
  if (index > 0 && /[A-Za-z0-9]/.test(text[index - 1])) return null;
  BARE.lastIndex = index;
  const match = BARE.exec(text);
  return match && safeHref(withoutTail(match[0]));
}

function withoutTail(address) {
  const counts = new Map();
  for (const character of address) counts.set(character, (counts.get(character) ?? 0) + 1);
  let end = address.length;
  for (; end > 0; end -= 1) {
    const last = address[end - 1];
    const opener = OPENERS[last];
    // A closing bracket belongs to the address where the opening one does, as in Wikipedia's.
    if (opener ? counts.get(last) <= (counts.get(opener) ?? 0) : !CLOSING.test(last)) break;
    counts.set(last, counts.get(last) - 1);
  }
  return address.slice(0, end);
}

/** Whether a label names another place than the address does: a link that says so would deceive. */
export function isDeceptive(label, href) {
  const shown = /(?:https?:\/\/|\bwww\.)([^\s/?#:]+)/i.exec(label);
  if (!shown) return false;
  const host = (name) => name.toLowerCase().replace(/^www\./, "");
  const wanted = urlOf(`http://${shown[0].replace(/^https?:\/\//i, "")}`);
  return !wanted || host(wanted.hostname) !== host(urlOf(href)?.hostname ?? "");
}
