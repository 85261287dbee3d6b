// Tables: real ones for readers, CSV for other programs.
import { breakable, el } from '../base/dom.js';
import { number } from '../base/format.js';

/** A table of `{caption, head, rows, note}`, with the first rows of a long one. */
export function tableOf({ caption, head, rows, note }, most = 500) {
  const shown = rows.slice(0, most);
  const cell = (value, at) => typeof value === 'number' ? el('td.n', {}, number(value))
    : value instanceof Node ? el('td', {}, value)
      : el((at === 0 ? 'th' : 'td') + (String(value).length > 40 ? '.wordy' : ''), { scope: at === 0 ? 'row' : undefined, dir: 'auto' }, at === 0 ? breakable(String(value ?? '—')) : value ?? '—');
  const rest = rows.length > shown.length ? `The first ${shown.length} of ${rows.length} rows; CSV has all of them.` : '';
  return el('div.scroll', { tabindex: '0', role: 'region', 'aria-label': `table: ${caption}` },
    el('table', {}, el('caption', {}, [caption, rest, note].filter(Boolean).join(' ')),
      el('thead', {}, el('tr', {}, head.map((text, at) => el(typeof rows[0]?.[at] === 'number' ? 'th.n' : 'th', { scope: 'col' }, text)))),
      el('tbody', {}, shown.map((row) => el('tr', {}, row.map(cell))))));
}

// A spreadsheet reads a field that begins with one of these as a formula.
const kFormula = /^[=+\-@\t\r]/;

function field(value) {
  if (typeof value === 'number') return Number.isNaN(value) ? '' : String(value);
  let text = value instanceof Node ? value.textContent : String(value ?? '');
  if (kFormula.test(text)) text = `'${text}`;
  return /[",\n\r]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
}

export function csvText({ head, rows }) {
  return [head, ...rows].map((row) => row.map(field).join(',')).join('\r\n') + '\r\n';
}
