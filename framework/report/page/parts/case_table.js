// A table of many cases: only the rows in sight are in the document.
import { el, newId, put } from '../base/dom.js';
import { number, plural, unitText } from '../base/format.js';
import { announce } from './live.js';

const kRow = 32;  // height of a row in pixels, as in the style
const kExtra = 8;  // rows beyond each edge

export class CaseTable {
  constructor(columns, count, { isOpen, open }) {
    Object.assign(this, { columns, count, isOpen, open });
    this.order = Uint32Array.from({ length: count }, (_, i) => i);
    this.sorted = { column: -1, descending: false };
    this.texts = null;
    const filter = newId('filter');
    this.filter = el('input', { type: 'search', id: filter, autocomplete: 'off', spellcheck: 'false', oninput: () => this.apply() });
    this.told = el('span.count', {}, plural(count, 'case'));
    this.head = el('tr', { role: 'row', 'aria-rowindex': '1' }, columns.map((column, at) => this.headCell(column, at)));
    this.body = el('tbody', { role: 'rowgroup' });
    this.table = el('table.cases', { role: 'table', 'aria-rowcount': count + 1, 'aria-label': 'cases', style: { minWidth: `${columns.reduce((sum, column) => sum + parseInt(column.width, 10), 0)}ch` } },
      el('colgroup', {}, columns.map((column) => el('col', { style: { width: column.grows ? '' : column.width } }))),
      el('thead', { role: 'rowgroup' }, this.head), this.body);
    this.pane = el('div.scroll.virtual', { tabindex: '0', role: 'region', 'aria-label': 'table of cases', onscroll: () => this.draw() }, this.table);
    this.root = el('div', {}, el('div.filter', {}, el('label', { for: filter }, 'Filter'), this.filter, this.told), this.pane);
    this.apply();
  }

  headCell(column, at) {
    const knob = el('button', { type: 'button', onclick: () => this.sort(at) }, column.name, column.unit && column.unit !== '1' ? el('small', {}, unitText(column.unit)) : '', el('span.arrow', { 'aria-hidden': 'true' }));
    return el(column.values ? 'th.n' : 'th', { role: 'columnheader', scope: 'col', 'aria-sort': 'none' }, knob);
  }

  /** Text of a case that the filter searches, in lower case. */
  textOf(i) {
    if (!this.texts) this.texts = Array.from({ length: this.count }, (_, k) => this.columns.filter((column) => column.texts).map((column) => column.texts[k]).join('\n').toLowerCase());
    return this.texts[i];
  }

  sort(at) {
    const descending = this.sorted.column === at && !this.sorted.descending;
    this.sorted = { column: at, descending };
    [...this.head.children].forEach((cell, k) => cell.setAttribute('aria-sort', k !== at ? 'none' : descending ? 'descending' : 'ascending'));
    this.apply();
    announce(`sorted by ${this.columns[at].name}, ${descending ? 'descending' : 'ascending'}`);
  }

  /** Filters and sorts; missing values come last in both orders. */
  apply() {
    const wanted = this.filter.value.trim().toLowerCase();
    const kept = [];
    for (let i = 0; i < this.count; ++i) if (!wanted || this.textOf(i).includes(wanted)) kept.push(i);
    const { column, descending } = this.sorted;
    if (column >= 0) this.sortRows(kept, this.columns[column], descending ? -1 : 1);
    this.order = kept;
    put(this.told, kept.length === this.count ? plural(this.count, 'case') : `${number(kept.length)} of ${plural(this.count, 'case')}`);
    this.table.setAttribute('aria-rowcount', kept.length + 1);
    this.pane.scrollTop = 0;
    this.draw();
  }

  sortRows(kept, { texts, values }, sign) {
    if (texts) {
      // Numbers in texts are compared as numbers: with leading zeros, as plain texts.
      const keys = Array.from(texts, (text) => text.toLowerCase().replace(/\d+/g, (digits) => digits.padStart(12, '0')));
      kept.sort((a, b) => keys[a] < keys[b] ? -sign : keys[a] > keys[b] ? sign : a - b);
      return;
    }
    kept.sort((a, b) => {
      const x = values[a];
      const y = values[b];
      if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) - Number.isNaN(y) || a - b;
      return sign * (x - y) || a - b;
    });
  }

  draw() {
    const printing = document.documentElement.classList.contains('printing');
    const height = printing ? 60 * kRow : Math.max(520, this.pane.clientHeight);
    const first = Math.max(0, Math.floor(this.pane.scrollTop / kRow) - kExtra);
    const last = Math.min(this.order.length, first + Math.ceil(height / kRow) + 2 * kExtra);
    const gap = (rows) => rows > 0 ? el('tr.gap', { 'aria-hidden': 'true', style: { height: `${rows * kRow}px` } }) : '';
    const rows = [];
    for (let k = first; k < last; ++k) rows.push(this.row(k));
    const none = this.order.length ? '' : el('tr', {}, el('td', { colspan: this.columns.length }, 'No case contains this text.'));
    put(this.body, printing ? '' : gap(first), rows, none, printing ? '' : gap(this.order.length - last));
  }

  row(k) {
    const i = this.order[k];
    const cells = this.columns.map((column, at) => {
      if (column.values) return el('td.n', { role: 'cell' }, number(column.values[i]));
      const text = column.texts[i];
      if (at === 0) return el('th', { role: 'rowheader', scope: 'row', dir: 'auto', title: text },
        this.isOpen(i) ? el('button.link', { type: 'button', onclick: () => this.open(i, undefined) }, text, el('span', { 'aria-hidden': 'true' }, ' →')) : text);
      return el(column.name === 'status' ? `td.status.${text}` : 'td', { role: 'cell', dir: 'auto', title: text }, text);
    });
    return el('tr', { role: 'row', 'aria-rowindex': k + 2 }, cells);
  }
}
