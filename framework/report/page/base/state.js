// What the reader looks at: case, view, cell, colour, theme. It is in the address after `#`, so that a
// link opens the same picture.
const listeners = new Set();
const values = {};
let written = '';
let timer = 0;

function read() {
  const found = {};
  for (const part of location.hash.slice(1).split('&')) {
    const at = part.indexOf('=');
    if (at <= 0) continue;
    try {
      found[decodeURIComponent(part.slice(0, at))] = decodeURIComponent(part.slice(at + 1));
    } catch (error) {
      // A damaged address is not an error of the page: that part of it is ignored.
    }
  }
  return found;
}

const kOrder = ['case', 'result', 'view', 'cell', 'by', 'theme'];

function encode(text) {
  return encodeURIComponent(text).replace(/%2C/g, ',');
}

function write() {
  const keys = [...kOrder, ...Object.keys(values).filter((key) => !kOrder.includes(key)).sort()];
  const hash = '#' + keys.filter((key) => values[key] !== undefined && values[key] !== '')
    .map((key) => `${encode(key)}=${encode(values[key])}`).join('&');
  if (hash === written) return;
  written = hash;
  try {
    history.replaceState(null, '', hash);
  } catch (error) {
    // The frame of a notebook has an address that cannot be changed: the page goes on without links.
  }
}

/** The value of a key, always a text; undefined if there is none. */
export function get(key) {
  return values[key];
}

/** Changes values and tells all listeners which keys changed. */
export function set(changes) {
  const changed = new Set();
  for (const [key, value] of Object.entries(changes)) {
    const text = value === undefined || value === null ? undefined : String(value);
    if (values[key] === text) continue;
    values[key] = text;
    changed.add(key);
  }
  if (!changed.size) return;
  // Browsers slow a page down that changes its address with each repeated key.
  clearTimeout(timer);
  timer = setTimeout(write, 200);
  for (const listener of [...listeners]) listener(changed);
}

/** Calls a function after each change. Returns a function that ends this, in a live page. */
export function listen(listener) {
  listeners.add(listener);
  return LIVE ? () => listeners.delete(listener) : undefined;
}

/** The cell under the cursor: `{row, column}`. Its row is a layer, its column a token. */
export function cell() {
  const [row, column] = (values.cell || '').split(',').map((text) => parseInt(text, 10));
  return { row: Number.isFinite(row) ? row : undefined, column: Number.isFinite(column) ? column : undefined };
}

export function setCell(row, column) {
  const old = cell();
  set({ cell: `${row ?? old.row ?? 0},${column ?? old.column ?? 0}` });
}

/** Cells that the reader pinned, the oldest first: at most eight. */
export function pins() {
  return (values.pins || '').split(';').filter(Boolean).map((text) => {
    const [row, column] = text.split(',').map(Number);
    return { row, column };
  });
}

export function togglePin(row, column) {
  const all = pins();
  const at = all.findIndex((pin) => pin.column === column && pin.row === row);
  if (at >= 0) all.splice(at, 1);
  else all.push({ row, column });
  set({ pins: all.slice(-8).map((pin) => `${pin.row},${pin.column}`).join(';') });
  return at < 0;
}

export function startState() {
  Object.assign(values, read());
  written = location.hash;
  addEventListener('hashchange', () => {
    if (location.hash === written) return;
    written = location.hash;
    const found = read();
    const gone = Object.fromEntries(Object.keys(values).filter((key) => !(key in found)).map((key) => [key, undefined]));
    set({ ...gone, ...found });
  });
}
