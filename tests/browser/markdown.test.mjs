import assert from "node:assert/strict";
import { test } from "node:test";

import { parse, plainText } from "../../web/ui/markdown.js";

const IDS = new Map(Object.entries({ ann: "u1", bob: "u2", "j.r.": "u3", room: "room" }));
const mentionOf = (name) => IDS.get(name.toLowerCase()) ?? null;
const options = { mentionOf, emojiOf: (shortcode) => ({ smile: "😄" })[shortcode] ?? null };

/** Calls `visit` with each node that has a kind, in the order of the text. */
function walk(nodes, visit) {
  for (const node of nodes) {
    visit(node);
    walk(node.children ?? [], visit);
    for (const item of node.items ?? []) {
      walk(item.children, visit);
      if (item.list) walk([item.list], visit);
    }
  }
}

const SHORT = { strong: "b", emphasis: "i", strike: "s", paragraph: "p", quote: "q" };

/** A tree in short: "p(a b(bold))". */
function short(nodes) {
  return nodes
    .map((node) => {
      if (node.kind === "text") return node.text;
      if (node.kind === "break") return "⏎";
      if (node.kind === "code") return `code(${node.text})`;
      if (node.kind === "codeBlock") return `block[${node.language}](${node.text})`;
      if (node.kind === "link") return `a[${node.href}](${short(node.children)})`;
      if (node.kind === "mention") return `@[${node.userId}](${node.text})`;
      if (node.kind === "emoji") return `:[${node.text}]`;
      if (node.kind === "list") return `${node.isOrdered ? "ol" : "ul"}(${node.items.map(item).join("|")})`;
      return `${SHORT[node.kind]}(${short(node.children)})`;
    })
    .join("");
}
const item = ({ value, children, list }) => `${value ?? ""}${value ? " " : ""}${short(children)}${list ? short([list]) : ""}`;
const inline = (text) => short(parse(text, options).blocks[0].children);
const blocks = (text) => short(parse(text, options).blocks);

test("bold, italic, strike and code, one inside the other", () => {
  assert.equal(inline("**a** __b__ *c* _d_ ~~e~~ `f`"), "b(a) b(b) i(c) i(d) s(e) code(f)");
  assert.equal(inline("***a*** **b *c* d** *e **f***"), "b(i(a)) b(b i(c) d) i(e b(f))");
  assert.equal(inline("~~a **b**~~ `**c** @ann` ``d`e``"), "s(a b(b)) code(**c** @ann) code(d`e)");
  assert.equal(inline("你好**粗体**你好。“*x*”"), "你好b(粗体)你好。“i(x)”");
});

test("what is no mark stays text", () => {
  for (const text of ["snake_case_name", "2 * 3 * 4", "2*3*4", "**", "****", "*_*", "¯\\_(ツ)_/¯", "a*", "**a*", "~a~"]) {
    assert.equal(inline(text), text);
  }
  for (const text of ["`a", "[a](b)", "[a](javascript:alert(1))", "www.a.b", ">:(", "a -- b", "#1", "[a]", ":nobody:"]) {
    assert.equal(inline(text), text);
  }
});

test("each newline is a line break, an empty line begins a paragraph", () => {
  assert.equal(blocks("a\nb\r\nc\n\nd"), "p(a⏎b⏎c)p(d)");
});

test("fences hold code as it is, and one that is not closed is text", () => {
  assert.equal(blocks("a\n```js\n**x**\n\n  y\n```\nb"), "p(a)block[js](**x**\n\n  y)p(b)");
  assert.equal(blocks("```\na\nb```"), "block[](a\nb)");
  assert.equal(blocks("```let a = 1;\nb\n```"), "block[](let a = 1;\nb)");
  assert.equal(blocks("```\na"), "p(```⏎a)");
  assert.equal(blocks("```a b```"), "p(code(a b))");
});

test("lists keep their numbers, and nest once", () => {
  assert.equal(blocks("x\n- a\n- *b*\n  c\n  - d\n  - e\n- f\ny"), "p(x)ul(a|i(b)⏎cul(d|e)|f)p(y)");
  assert.equal(blocks("3. a\n7) b\n   - c"), "ol(3 a|7 bul(c))");
  assert.equal(blocks("- a\n1. b"), "ul(a)ol(1 b)");
  assert.equal(blocks("- \n-a"), "p(- ⏎-a)");
});

test("quotes hold blocks, and quotes", () => {
  assert.equal(blocks("> a\n> > b\n> - c\n\nd"), "q(p(a)q(p(b))ul(c))p(d)");
  assert.equal(blocks(">> a"), "q(q(p(a)))");
});

test("links have labels or are bare, and marks around them end", () => {
  assert.equal(inline("[a *b*](https://a.b/(c)) x"), "a[https://a.b/(c)](a i(b)) x");
  assert.equal(inline("**HTTP://a.b/c**, (https://a.b)."), "b(a[HTTP://a.b/c](HTTP://a.b/c)), (a[https://a.b](https://a.b)).");
  assert.equal(inline("https://a.b/x_y_z*"), "a[https://a.b/x_y_z](https://a.b/x_y_z)*");
  assert.equal(inline("[m](mailto:a@b.c)"), "a[mailto:a@b.c](m)");
  assert.equal(inline("[@ann](https://a.b) https://a.b/@bob"), "a[https://a.b](@ann) a[https://a.b/@bob](https://a.b/@bob)");
});

test("a label that names another host makes no link of itself", () => {
  assert.equal(
    inline("[https://bank.example](https://evil.example)"),
    "[a[https://bank.example](https://bank.example)](a[https://evil.example](https://evil.example))",
  );
});

test("a name is a mention where somebody has it, outside code and links", () => {
  assert.equal(inline("@Ann. @j.r. @j.r.. @bob- @nobody"), "@[u1](@Ann). @[u3](@j.r.) @[u3](@j.r.). @[u2](@bob)- @nobody");
  assert.equal(inline("_@ann_ **@bob** (@room) 你好@ann"), "i(@[u1](@ann)) b(@[u2](@bob)) (@[room](@room)) 你好@[u1](@ann)");
  assert.equal(inline("ann@ann.org @@ann x@ann @annabel"), "ann@ann.org @@ann x@ann @annabel");
  assert.equal(short(parse("@ann").blocks), "p(@ann)");
});

test("shortcodes are emoji where the name is known, and a message of emoji alone says so", () => {
  assert.equal(inline(":smile: 12:smile: `:smile:`"), ":[😄] 12:smile: code(:smile:)");
  for (const text of ["😀", "👍🏽 ❤️\n🇳🇴👩‍👩‍👧", ":smile:", "1️⃣"]) assert.equal(parse(text, options).isEmojiOnly, true, text);
  for (const text of ["", "1", "😀a", "> 😀", "`😀`x", "©", "#"]) assert.equal(parse(text, options).isEmojiOnly, false, text);
});

test("plain text has no marks", () => {
  assert.equal(plainText(parse("**a** @ann\n> b\n1. c\n```js\nd\n```", options).blocks), "a @ann\nb\n1. c\nd");
});

function random(seed) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

const PARTS = ["*", "**", "_", "__", "~~", "`", "```", "\n", "\n", "> ", "- ", "1. ", "  ", " ", "[", "](", ")", "]", "@ann"].concat(
  ["http://a.b/", "https://x", ":smile:", "a", "b", "7", "漢", "😀", "\\", "é", "。", "(", "js", "mailto:", "@", ":", "  - "],
);
const MARKS = /[\s*_~`>[\]()•-]|\p{P}|\p{S}/gu;

test("no text is ever lost, whatever the marks", () => {
  const next = random(7);
  for (let round = 0; round < 20_000; round += 1) {
    const text = Array.from({ length: 1 + next() * 24 }, () => PARTS[Math.floor(next() * PARTS.length)]).join("");
    let seen = "";
    const see = (nodes) => {
      for (const node of nodes) {
        seen += (node.kind === "emoji" ? node.shortcode : "") + (node.language ?? "") + (node.text ?? "");
        see(node.children ?? []);
        if (node.kind === "link" && node.children[0]?.text !== node.href) seen += node.href;
        for (const { value, children, list } of node.items ?? []) {
          seen += value ?? "";
          see(children);
          if (list) see([list]);
        }
      }
    };
    see(parse(text, options).blocks);
    assert.equal(seen.replace(MARKS, ""), text.replace(MARKS, ""), JSON.stringify(text));
  }
});

test("no text makes the tree deep, or a link of another scheme", () => {
  const next = random(11);
  const texts = ["*_", "**a ", "> ", "- ", "~~a**b_c"].map((part) => part.repeat(500));
  for (let round = 0; round < 3000; round += 1) {
    texts.push(Array.from({ length: 60 }, () => PARTS[Math.floor(next() * PARTS.length)]).join(""));
  }
  const depth = (nodes) => 1 + Math.max(0, ...nodes.map(({ children }) => (children ? depth(children) : 0)));
  for (const text of texts) {
    const { blocks: found } = parse(text, options);
    assert.ok(depth(found) < 30);
    walk(found, ({ kind, href }) => assert.ok(kind !== "link" || /^(https?:\/\/|mailto:)/i.test(href)));
  }
});

test("time grows with the length, not with its square", () => {
  const parts = ["*", "[", "> ", "_a ", "*a _b ", "`", "[a](", "(http://[", "http://", "@a.", ":a", "~~a", "```a\n", "- a\n", "](", "*_*"];
  const cpuMs = (text, rounds) => {
    const start = process.cpuUsage().user; // of this process: the machine has other work
    for (let round = 0; round < rounds; round += 1) parse(text, options);
    return (process.cpuUsage().user - start) / 1000 / rounds;
  };
  for (const part of parts) {
    const short = part.repeat(4000 / part.length);
    const long = part.repeat(128_000 / part.length);
    cpuMs(short, 20);
    // 32 times the text: 1024 times the time if it were the square. The least of a few: there is garbage to collect, and
    // the caches are shared with other work.
    const least = (text, rounds) => Math.min(...[1, 2, 3].map(() => cpuMs(text, rounds)));
    assert.ok(least(long, 1) < 400 * Math.max(least(short, 20), 0.2), JSON.stringify(part));
  }
});
