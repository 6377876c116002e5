/**
 * A message's text as a tree of plain objects: the blocks. What stands inside a line is in markdown-inline.js.
 *
 * Made for chat: each newline is a line break, a mark that nothing closes is text, numbers of a list stay as they were
 * typed, and nothing that can be read is lost. Takes linear time; quotes nest up to QUOTES_MAX, lists once.
 *
 * Blocks: `{kind: "paragraph", children}`, `{kind: "quote", children: blocks}`, `{kind: "codeBlock", language, text}`,
 * `{kind: "list", isOrdered, items: [{value, children, list}]}`: `value` is an ordered item's number, otherwise null;
 * `children` are inline; `list` is a list inside or null.
 */

import { isEmojiOnly } from "./emoji-pattern.js";
import { parseInline } from "./markdown-inline.js";

const QUOTES_MAX = 4;

const FENCE = /^ {0,3}```([^`]*)$/;
const LANGUAGE = /^[\w+#.-]{0,32}$/;
const QUOTE = /^ {0,3}>(?: |$|(?=>))/;
const ITEM = /^( {0,12})(?:([-*•])|(\d{1,9})[.)]) +(?=\S)/;

/**
 * `mentionOf(name)`: the id of the user with that name ("room" for all), or null; without it nothing is a mention.
 * `emojiOf(shortcode)`: the emoji of a name without colons, or null; without it shortcodes are text.
 *
 * @returns {{blocks: object[], isEmojiOnly: boolean}}
 */
export function parse(text, { mentionOf = (_name) => null, emojiOf = (_shortcode) => null } = {}) {
  const blocks = parseBlocks(text.replace(/\r\n?/g, "\n").split("\n"), 0, { mentionOf, emojiOf });
  const isOneParagraph = blocks.length === 1 && blocks[0].kind === "paragraph";
  return { blocks, isEmojiOnly: isOneParagraph && isEmojiOnly(plainText(blocks)) };
}

function parseBlocks(lines, depth, options) {
  const blocks = [];
  const lastFence = lines.findLastIndex((line) => line.trimEnd().endsWith("```"));
  let paragraph = [];
  const endParagraph = () => {
    if (paragraph.length) blocks.push({ kind: "paragraph", children: parseInline(paragraph.join("\n"), options) });
    paragraph = [];
  };
  for (let index = 0; index < lines.length;) {
    const line = lines[index];
    let block = null;
    let end = index + 1;
    if (index < lastFence && FENCE.test(line)) [block, end] = codeBlock(lines, index);
    else if (depth < QUOTES_MAX && QUOTE.test(line)) {
      while (end < lines.length && QUOTE.test(lines[end])) end += 1;
      const inner = lines.slice(index, end).map((quoted) => quoted.replace(QUOTE, ""));
      block = { kind: "quote", children: parseBlocks(inner, depth + 1, options) };
    } else if (ITEM.test(line)) [block, end] = list(lines, index, options);
    if (block) {
      endParagraph();
      blocks.push(block);
    } else if (line.trim()) paragraph.push(line);
    else endParagraph();
    index = end;
  }
  endParagraph();
  return blocks;
}

/** The code from a fence to the next line that ends with one. More than a word after the fence is code already. */
function codeBlock(lines, start) {
  const first = FENCE.exec(lines[start])[1].trimEnd();
  const isLanguage = LANGUAGE.test(first.trim());
  const code = isLanguage ? [] : [first];
  let index = start + 1;
  while (!lines[index].trimEnd().endsWith("```")) code.push(lines[index++]);
  const last = lines[index].trimEnd().slice(0, -3);
  if (last.trim()) code.push(last);
  return [{ kind: "codeBlock", language: isLanguage ? first.trim() : "", text: code.join("\n") }, index + 1];
}

/** The items from a line on. Further in than the first by two is a list inside; an indented line goes on an item. */
function list(lines, start, options) {
  const first = ITEM.exec(lines[start]);
  const isOrdered = first[3] !== undefined;
  const entries = [];
  let index = start;
  for (; index < lines.length; index += 1) {
    const line = lines[index];
    const match = ITEM.exec(line);
    if (match) {
      const isInside = entries.length > 0 && match[1].length >= first[1].length + 2;
      if (!isInside && (match[3] !== undefined) !== isOrdered) break;
      entries.push({ value: match[3] ? Number(match[3]) : null, lines: [line.slice(match[0].length)], isInside });
    } else if (/^ {2,}\S/.test(line)) entries.at(-1).lines.push(line.trimStart());
    else break;
  }
  const top = { kind: "list", isOrdered, items: [] };
  for (const { value, lines: own, isInside } of entries) {
    const item = { value, children: parseInline(own.join("\n"), options), list: null };
    if (!isInside) top.items.push(item);
    else {
      const outer = top.items.at(-1);
      outer.list ??= { kind: "list", isOrdered: value !== null, items: [] };
      outer.list.items.push(item);
    }
  }
  return [top, index];
}

/** What is read of nodes, without marks: for a preview, a notification, a copy. Blocks and items are lines. */
export function plainText(nodes) {
  let text = "";
  const newLine = () => {
    if (text && !text.endsWith("\n")) text += "\n";
  };
  const add = (list) => {
    for (const node of list) {
      if (["paragraph", "quote", "codeBlock", "list"].includes(node.kind)) newLine();
      if (node.kind === "break") text += "\n";
      else if (node.text !== undefined) text += node.text;
      if (node.children) add(node.children);
      for (const item of node.items ?? []) {
        newLine();
        text += node.isOrdered && item.value !== null ? `${item.value}. ` : "- ";
        add(item.children);
        if (item.list) add([item.list]);
      }
    }
  };
  add(nodes);
  return text;
}
