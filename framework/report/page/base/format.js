// Numbers and tokens as a reader sees them.
/** A number with three digits; `—` where a value is missing. */
export function number(x, approximate) {
  if (x === null || x === undefined || Number.isNaN(x)) return '—';
  if (typeof x === 'string') return x;
  if (!Number.isFinite(x)) return x > 0 ? '∞' : '−∞';
  const size = Math.abs(x);
  let text;
  if (x === 0) text = '0';
  else if (Number.isInteger(x) && size < 1e6) text = x.toLocaleString('en-US').replace('-', '−');
  else if (size >= 1e6 || size < 1e-3) text = x.toExponential(2).replace(/\.?0*e\+?/, 'e').replaceAll('-', '−');
  else text = String(Number(x.toPrecision(3))).replace('-', '−').replace(/^(−?)0\./, '$1.');
  return approximate ? `≈${text}` : text;
}

/** A unit after a number: nothing for `1`, which means none. */
export function unitText(unit) {
  return unit && unit !== '1' ? ` ${unit}` : '';
}

/** A unit in a sentence. */
export function inUnit(unit) {
  return unitText(unit) && ` in${unitText(unit)}`;
}

/** A token with its blanks and line ends visible. */
export function token(text) {
  if (text === undefined || text === null) return '?';
  if (text === '') return '∅';
  return String(text).replace(/\r/g, '␍').replace(/\n/g, '↵').replace(/\t/g, '⇥').replace(/ /g, '·')
    .replace(/[\u0000-\u001f\u007f\u200b-\u200f\u202a-\u202e\u2066-\u2069]/g, (c) => `⟨${c.charCodeAt(0).toString(16)}⟩`);
}

/** A token in quotes, for running text. */
export function quoted(text) {
  return `“${token(text)}”`;
}

export function plural(n, word) {
  return `${n.toLocaleString('en-US')} ${word}${n === 1 ? '' : 's'}`;
}

export function bytes(n) {
  if (!n) return '0 B';
  const units = ['B', 'KB', 'MB', 'GB', 'TB'];
  const k = Math.min(units.length - 1, Math.floor(Math.log10(Math.abs(n)) / 3));
  return `${number(n / 10 ** (3 * k))} ${units[k]}`;
}

/** `target_rank` as `target rank`. */
export function words(name) {
  return String(name).replace(/_/g, ' ');
}

const kWide = /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe4f\uff00-\uff60\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/gu;
/** The width of a text in letters of Latin; ideographs and emoji are as wide as nearly two of them. */
export function lettersWide(text) {
  return Array.from(text).length + 0.75 * (text.match(kWide)?.length || 0);
}

/** A text cut at a number of characters. */
export function shorten(text, most) {
  const letters = Array.from(String(text));
  return letters.length > most ? `${letters.slice(0, most - 1).join('')}…` : String(text);
}

/** One word of a command line, quoted for a POSIX shell where that is needed. */
export function shellWord(text) {
  return /^[\w./:=@%+,-]+$/.test(text) ? text : `'${String(text).replace(/'/g, "'\\''")}'`;
}

const kRightToLeft = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]/;
/** The direction in which a text is read, by its first letter. */
export function direction(text) {
  return kRightToLeft.test(/\p{L}/u.exec(text)?.[0] || '') ? 'rtl' : 'ltr';
}
