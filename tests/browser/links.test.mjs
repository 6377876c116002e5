import assert from "node:assert/strict";
import { test } from "node:test";

import { isDeceptive, linkAt, safeHref } from "../../web/ui/links.js";

test("a bare address ends before closing punctuation of any script, quotes and marks", () => {
  for (const tail of [...".,;:!?'\"。、」』）】》！？：；…”’»)]}>*_~`", ").", "**,", "。然后", "」と", "…"]) {
    assert.equal(linkAt(`https://a.b/c${tail}`, 0), "https://a.b/c", tail);
  }
});

test("brackets that the address opened belong to it", () => {
  assert.equal(linkAt("https://en.wikipedia.org/wiki/A_(b)", 0), "https://en.wikipedia.org/wiki/A_(b)");
  assert.equal(linkAt("(https://a.b/(c)).", 1), "https://a.b/(c)");
  assert.equal(linkAt("https://[::1]:8080/x]", 0), "https://[::1]:8080/x");
});

test("the scheme may be in any case, the host in any script, with a port", () => {
  for (const address of ["HTTP://A.b", "Https://bücher.example:8443/ä?q=1#z", "http://例え.jp/パス", "http://localhost:1"]) {
    assert.equal(linkAt(address, 0), address);
  }
});

test("without a scheme, within a word or without a host nothing is a bare link", () => {
  for (const text of ["www.a.b", "ftp://a.b", "http://", "https:///a", "http://.", "ann@a.b"]) {
    assert.equal(linkAt(text, 0), null, text);
  }
  assert.equal(linkAt("xhttp://a.b", 1), null);
  assert.equal(linkAt("见https://a.b", 1), "https://a.b");
});

test("no scheme other than http, https and mailto is a link", () => {
  for (const address of ["javascript:alert(1)", "JAVASCRIPT://a.b/%0aalert(1)", "data:text/html,x", "java\nscript:x"]) {
    assert.equal(safeHref(address), null, address);
  }
  for (const address of ["vbscript:x", "file:///etc", "//a.b", "a.b", " https://a.b", "https:a.b", "\u0001javascript:x"]) {
    assert.equal(safeHref(address), null, address);
  }
  assert.equal(safeHref("mailto:ann@a.b"), "mailto:ann@a.b");
});

test("a label that names another host is deceptive", () => {
  assert.equal(isDeceptive("https://bank.example", "https://evil.example"), true);
  assert.equal(isDeceptive("www.bank.example", "https://evil.example"), true);
  assert.equal(isDeceptive("www.bank.example", "https://bank.example/login"), false);
  assert.equal(isDeceptive("the bank", "https://evil.example"), false);
});
