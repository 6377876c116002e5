/**
 * Draws trees of virtual nodes into elements: `h` makes a node, `patch` makes an element's children what a tree says.
 * Text becomes text nodes only: nothing here parses HTML. Elements that stay the same are not touched, so focus, text
 * selection and what a reader is about to click stay.
 */

const SVG = "http://www.w3.org/2000/svg";
const drawn = new WeakMap(); // root → the nodes that were drawn into it last
const handlers = new WeakMap(); // element → Map(event name → the handler of the tree drawn last)

/**
 * @typedef {object} VNode
 * @property {string} tag "" for a text.
 * @property {any} key
 * @property {Record<string, any>} attributes For a text: `{text}`.
 * @property {VNode[]} children
 * @property {any} node The element or text node, once drawn.
 */

/**
 * `h("li", {class: "x", key: id, on: {click: f}}, child, "text", 3, [more], null)`. Null, undefined and false children
 * are left out. In `attributes`: `key`; `on`: handlers by event name; `style`: properties through CSSOM, as the
 * Content-Security-Policy asks for; `props`: properties of the element; `ref(node)`: called once, when the element was
 * made and all is in its place; `foreign: true`: the element's children are another component's. All else is an
 * attribute: true is "", and null, undefined and false remove it.
 * @param {string} tag
 * @param {Record<string, any> | null} [attributes]
 * @param {...any} children
 * @returns {VNode}
 */
export function h(tag, attributes, ...children) {
  return { tag, key: attributes?.key ?? null, attributes: attributes ?? {}, children: nodesOf(children), node: null };
}

/** The names that are not false, as one attribute. */
export function classes(...names) {
  return names.filter(Boolean).join(" ");
}

/**
 * Make the children of `root` what `tree` says: a node, a text or an array. A child is the one of last time that has
 * its key, or without a key the next of its tag. Nodes that are gone are removed first; then as few as possible are
 * moved, and never the one that has the focus, which would lose it. The very node of last time is skipped with all
 * below it.
 * @param {Element} root
 * @param {any} tree
 */
export function patch(root, tree) {
  const next = nodesOf([tree]);
  const made = []; // nodes with a `ref`
  patchChildren(root, drawn.get(root) ?? [], next, made);
  drawn.set(root, next);
  for (const { attributes, node } of made) attributes.ref(node);
}

function nodesOf(children) {
  const nodes = [];
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false || child === true) continue;
    if (typeof child === "object") nodes.push(child);
    else nodes.push({ tag: "", key: null, attributes: { text: String(child) }, children: [], node: null });
  }
  return nodes;
}

function patchChildren(parent, before, next, made) {
  const partners = partnersOf(before, next);
  const kept = new Set(partners);
  for (const [index, old] of before.entries()) {
    if (!kept.has(index)) old.node.remove();
  }
  const staying = placesThatStay(partners, indexOfFocused(parent, before));
  let place = null; // the element before which the next one stands, from the last to the first
  for (let index = next.length - 1; index >= 0; index -= 1) {
    const old = before[partners[index]];
    const node = old ? update(old, next[index], made) : create(next[index], parent.namespaceURI, made);
    if (!staying.has(index)) parent.insertBefore(node, place);
    place = node;
  }
}

/** For each node of `next` the index of the one of `before` that it goes on from, or -1. */
function partnersOf(before, next) {
  const found = new Map();
  const identities = identitiesOf(before);
  for (const [index, identity] of identities.entries()) found.set(identity, index);
  return identitiesOf(next).map((identity) => found.get(identity) ?? -1);
}

/** What a node is found by: its tag with its key, or with its number among those of its tag (or of one key). */
function identitiesOf(nodes) {
  const counts = new Map();
  return nodes.map(({ tag, key }) => {
    const name = key === null ? tag : `${tag} ${typeof key} ${key}`;
    const number = counts.get(name) ?? 0;
    counts.set(name, number + 1);
    return key !== null && number === 0 ? name : `${name}#${number}`;
  });
}

function indexOfFocused(parent, before) {
  const focused = parent.ownerDocument.activeElement;
  return parent.contains(focused) ? before.findIndex(({ node }) => node.contains(focused)) : -1;
}

/** The places in `partners` whose elements need not be moved: a longest increasing run, through the focused one. */
function placesThatStay(partners, focused) {
  const at = focused === -1 ? -1 : partners.indexOf(focused);
  if (at === -1) return new Set(increasing(partners, 0, partners.length, -1, Infinity));
  const before = increasing(partners, 0, at, -1, focused);
  return new Set([...before, at, ...increasing(partners, at + 1, partners.length, focused, Infinity)]);
}

/** Places in a range of a longest increasing subsequence of the values between `low` and `high`, both exclusive. */
function increasing(values, start, end, low, high) {
  const ends = []; // ends[n]: the place of the smallest value with which a subsequence of n + 1 ends
  const previous = new Map();
  for (let place = start; place < end; place += 1) {
    const value = values[place];
    if (value <= low || value >= high) continue;
    let from = 0;
    for (let to = ends.length; from < to;) {
      const middle = (from + to) >> 1;
      if (values[ends[middle]] < value) from = middle + 1;
      else to = middle;
    }
    previous.set(place, ends[from - 1]);
    ends[from] = place;
  }
  const places = [];
  for (let place = ends.at(-1); place !== undefined; place = previous.get(place)) places.push(place);
  return places;
}

function create(next, namespace, made) {
  const { tag, attributes } = next;
  if (tag === "") return (next.node = document.createTextNode(attributes.text));
  const node = document.createElementNS(tag === "svg" ? SVG : namespace, tag);
  next.node = node;
  setAttributes(node, {}, attributes);
  const inner = tag === "foreignObject" ? document.documentElement.namespaceURI : node.namespaceURI;
  for (const child of next.children) node.append(create(child, inner, made));
  setProperties(node, attributes.props); // last: a select takes a value that one of its options has
  if (attributes.ref) made.push(next);
  return node;
}

function update(old, next, made) {
  const { node } = old;
  if (old === next) return node;
  next.node = node;
  if (next.tag === "") {
    if (old.attributes.text !== next.attributes.text) node.data = next.attributes.text;
    return node;
  }
  setAttributes(node, old.attributes, next.attributes);
  if (!next.attributes.foreign) patchChildren(node, old.children, next.children, made);
  setProperties(node, next.attributes.props);
  return node;
}

const RESERVED = new Set(["key", "on", "style", "props", "ref", "foreign"]);

function setAttributes(node, old, next) {
  for (const name of Object.keys(old)) {
    if (!RESERVED.has(name) && isSet(old[name]) && !isSet(next[name])) node.removeAttribute(name);
  }
  for (const [name, value] of Object.entries(next)) {
    if (RESERVED.has(name) || !isSet(value) || old[name] === value) continue;
    node.setAttribute(name, value === true ? "" : value);
  }
  if (old.style || next.style) setStyle(node, old.style ?? {}, next.style ?? {});
  if (old.on || next.on) setHandlers(node, old.on ?? {}, next.on ?? {});
}

function isSet(value) {
  return value !== null && value !== undefined && value !== false;
}

function setStyle(node, old, next) {
  for (const name of Object.keys(old)) if (!isSet(next[name])) node.style.removeProperty(name);
  for (const [name, value] of Object.entries(next)) {
    if (isSet(value) && old[name] !== value) node.style.setProperty(name, String(value));
  }
}

function setProperties(node, properties = {}) {
  for (const [name, value] of Object.entries(properties)) if (node[name] !== value) node[name] = value;
}

/** One listener for each event name: what it calls is that of the tree drawn last. */
function setHandlers(node, old, next) {
  for (const name of Object.keys(next)) if (!(name in old)) node.addEventListener(name, handle);
  for (const name of Object.keys(old)) if (!(name in next)) node.removeEventListener(name, handle);
  handlers.set(node, next);
}

function handle(event) {
  return handlers.get(event.currentTarget)?.[event.type]?.call(event.currentTarget, event);
}
