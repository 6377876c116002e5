/**
 * What stands inside a paragraph of a message: see markdown.js, which is what others call.
 *
 * Nodes: `{kind: "text", text}`, `{kind: "break"}`, `{kind: "strong" | "emphasis" | "strike", children}`,
 * `{kind: "code", text}`, `{kind: "link", href, children}`, `{kind: "emoji", shortcode, text}`,
 * `{kind: "mention", name, userId, text}` (its text begins with "@").
 */

import { isDeceptive, linkAt, safeHref } from "./links.js";

// Marks that wait for their end; when there are more, the oldest is text. So this bounds how deep marks nest, too.
const OPEN_MAX = 8;

const SPECIAL = /[`*_~[@:\n]|https?:\/\//gi;
const LABELLED = /\[([^[\]\n]{1,500})\]\(([^\s()<>]{1,2000}(?:\([^\s()<>]{0,2000}\)[^\s()<>]{0,2000}){0,8})\)/y;
const NAME = /@[A-Za-z0-9_.-]{3,32}/y;
const BEFORE_NAME = /(?:[A-Za-z0-9.@-]|[A-Za-z0-9]_)$/;
const SHORTCODE = /:([a-z0-9_+-]{1,32}):/y;
// Between these letters stand no spaces, so that a mark beside one is not inside a word.
const UNSPACED = /\p{Script=Han}|\p{Script=Hiragana}|\p{Script=Katakana}|\p{Script=Hangul}|\p{Script=Thai}/u;
const WORD = /[\p{L}\p{N}\p{M}_]/u;
const KINDS = { "*": "emphasis", _: "emphasis", "**": "strong", __: "strong", "~~": "strike" };

export function parseInline(text, options) {
  return new InlineParser(text, options).parse();
}

function matchAt(pattern, text, index) {
  pattern.lastIndex = index;
  return pattern.exec(text);
}

class InlineParser {
  #text;
  #options;
  #nodes = [];
  /** @type {{node: object, mark: string}[]} */
  #open = [];
  #codeEnds = null;

  constructor(text, options) {
    this.#text = text;
    this.#options = options;
  }

  parse() {
    const text = this.#text;
    let index = 0;
    let written = 0;
    while (index < text.length) {
      const special = matchAt(SPECIAL, text, index);
      if (!special) break;
      index = special.index;
      const [node, length] = this.#nodeAt(index, special[0]);
      if (node) {
        this.#pushText(text.slice(written, index));
        this.#nodes.push(node);
      } else if ("*_~".includes(special[0])) {
        this.#pushText(text.slice(written, index));
        this.#marks(index, length);
      } else {
        index += length;
        continue;
      }
      index += length;
      written = index;
    }
    this.#pushText(text.slice(written));
    return merged(this.#nodes);
  }

  #pushText(text) {
    if (text) this.#nodes.push({ kind: "text", text });
  }

  /** The node at a special character, or null, and how many characters have been dealt with. */
  #nodeAt(index, special) {
    const text = this.#text;
    if (special === "\n") return [{ kind: "break" }, 1];
    if (special === "`") return this.#code(index);
    if (special === "[") return this.#labelled(index);
    if (special === "@") return this.#mention(index);
    if (special === ":") return this.#emoji(index);
    if ("*_~".includes(special)) {
      let end = index + 1;
      while (text[end] === special) end += 1;
      return [null, end - index];
    }
    const href = this.#options.isInLink ? null : linkAt(text, index);
    if (!href) return [null, special.length];
    return [{ kind: "link", href, children: [{ kind: "text", text: href }] }, href.length];
  }

  #code(index) {
    this.#codeEnds ??= codeEnds(this.#text);
    const { length, end } = this.#codeEnds.get(index);
    if (end === null) return [null, length];
    const code = this.#text.slice(index + length, end);
    // One space at each side, as Markdown has it, lets code begin or end with a backtick.
    const text = /^ .*[^ ].* $/s.test(code) ? code.slice(1, -1) : code;
    return [{ kind: "code", text }, end + length - index];
  }

  #labelled(index) {
    const match = this.#options.isInLink ? null : matchAt(LABELLED, this.#text, index);
    const href = match && safeHref(match[2]);
    if (!href || !match[1].trim() || isDeceptive(match[1], href)) return [null, 1];
    const children = parseInline(match[1], { ...this.#options, isInLink: true });
    return [{ kind: "link", href, children }, match[0].length];
  }

  #mention(index) {
    const match = this.#options.isInLink ? null : matchAt(NAME, this.#text, index);
    if (!match || BEFORE_NAME.test(this.#text.slice(Math.max(0, index - 2), index))) return [null, 1];
    // A name may end with a dot, a dash or an underscore; otherwise that is punctuation or a mark.
    for (let name = match[0].slice(1); name; name = name.slice(0, -1)) {
      const userId = this.#options.mentionOf(name);
      if (userId) return [{ kind: "mention", name, userId, text: `@${name}` }, name.length + 1];
      if (!/[._-]$/.test(name)) break;
    }
    return [null, 1];
  }

  #emoji(index) {
    const match = matchAt(SHORTCODE, this.#text, index);
    const emoji = match && !/[A-Za-z0-9]/.test(this.#text[index - 1] ?? "") && this.#options.emojiOf(match[1]);
    return emoji ? [{ kind: "emoji", shortcode: match[1], text: emoji }, match[0].length] : [null, 1];
  }

  /** A run of marks ends what it can, and opens what it can; the rest is text. */
  #marks(index, length) {
    const character = this.#text[index];
    const run = character.repeat(length);
    if (length > 3 || (character === "~" && length !== 2)) return this.#pushText(run);
    const before = lastCharacter(this.#text, index);
    const after = this.#text.codePointAt(index + length);
    const next = after === undefined ? "" : String.fromCodePoint(after);
    let rest = length;
    if (before && !/\s/.test(before) && before !== "\\" && !isInWord(next)) rest = this.#close(character, length);
    if (rest === 0) return undefined;
    const opens = next && !/\s/.test(next) && before !== "\\" && !isInWord(before);
    if (rest === 3) {
      this.#mark(run.slice(0, 2), opens);
      this.#mark(character, opens);
    } else this.#mark(run.slice(0, rest), opens);
    return undefined;
  }

  #mark(mark, opens) {
    const node = { kind: "text", text: mark };
    this.#nodes.push(node);
    if (!opens) return;
    this.#open.push({ node, mark });
    if (this.#open.length > OPEN_MAX) this.#open.shift();
  }

  /** End what is open of this character; returns how many of the `length` marks are left. */
  #close(character, length) {
    const nearest = (isWanted) =>
      this.#open.findLastIndex(({ mark }) => mark[0] === character && isWanted(mark.length));
    let rest = length;
    while (rest > 0) {
      let found = rest === 3 ? nearest(() => true) : nearest((size) => size === rest);
      if (found < 0 && rest === 2) found = nearest((size) => size === 1);
      if (found < 0) break;
      const { node, mark } = this.#open[found];
      const at = this.#nodes.lastIndexOf(node);
      const children = this.#nodes.slice(at + 1);
      // Marks around nothing but marks are a face, such as *_*.
      if (children.every((child) => child.kind === "text" && /^[*_~]*$/.test(child.text))) break;
      this.#nodes.length = at;
      this.#nodes.push({ kind: KINDS[mark], children: merged(children) });
      this.#open.length = found;
      rest -= mark.length;
    }
    return rest;
  }
}

function isInWord(character) {
  return character !== "" && WORD.test(character) && character !== "_" && !UNSPACED.test(character);
}

function lastCharacter(text, index) {
  return index === 0 ? "" : [...text.slice(Math.max(0, index - 2), index)].at(-1);
}

/** For the index of each run of backticks: its length, and where the next run as long begins (null: nowhere). */
function codeEnds(text) {
  const ends = new Map();
  const nextOf = new Map();
  for (const { 0: run, index } of [...text.matchAll(/`+/g)].reverse()) {
    ends.set(index, { length: run.length, end: nextOf.get(run.length) ?? null });
    nextOf.set(run.length, index);
  }
  return ends;
}

/** The nodes with texts that stand beside each other as one. */
function merged(nodes) {
  const result = [];
  for (const node of nodes) {
    const last = result.at(-1);
    if (node.kind === "text" && last?.kind === "text") last.text += node.text;
    else result.push(node);
  }
  return result;
}
