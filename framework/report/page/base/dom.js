// Elements are made here and nowhere else: texts become text nodes, so no text of an archive is ever
// read as HTML.
const kSvg = 'http://www.w3.org/2000/svg';

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else if (name === 'style') Object.assign(node.style, value);
    else if (name === 'value' || name === 'checked') node[name] = value;
    else node.setAttribute(name, value === true ? '' : value);
  }
  add(node, children);
  return node;
}

/** Adds nodes and texts; nested lists are flattened, empty values are skipped. */
export function add(node, ...children) {
  for (const child of children.flat(Infinity)) {
    if (child === undefined || child === null || child === false || child === '') continue;
    node.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return node;
}

/** An HTML element: `el('p.note', {id: 'x'}, 'text')`. */
export function el(name, attributes, ...children) {
  const [tag, ...classes] = name.split('.');
  const node = document.createElement(tag);
  if (classes.length) node.className = classes.join(' ');
  return fill(node, attributes, children);
}

/** An SVG element. */
export function svg(name, attributes, ...children) {
  const [tag, ...classes] = name.split('.');
  const node = document.createElementNS(kSvg, tag);
  if (classes.length) node.setAttribute('class', classes.join(' '));
  return fill(node, attributes, children);
}

/** Replaces what an element contains. */
export function put(node, ...children) {
  node.replaceChildren();
  return add(node, children);
}

/** A list of names with their values. */
export function terms(name, pairs, value = 'dd') {
  return el(name, {}, pairs.map(([title, text]) => el('div', {}, el('dt', {}, title), el(value, { dir: 'auto' }, text))));
}

let last = 0;
/** An id that no other element of the page has. */
export function newId(prefix) {
  return `${prefix}-${++last}`;
}

/** Reads a colour of the style, such as `--ink`. */
export function colourOf(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** A name that may be broken after an underscore or a dot. */
export function breakable(text) {
  return text.split(/(?<=[_.])/).flatMap((part) => [part, el('wbr')]);
}
