// The panel next to a map: what the model would answer at the cell, and how the column got there.
import { add, el, put, terms } from '../base/dom.js';
import { direction, number, quoted, token, unitText } from '../base/format.js';
import { sparkline } from './lines.js';

/** The most probable tokens of a cell, with bars. */
export function candidates(list, target) {
  if (!list.length) return '';
  return el('ol.candidates', {}, list.map(({ text, value, isProbability }) => el(text === target ? 'li.target' : 'li', {},
    el('span.token', { dir: direction(text) }, token(text)),
    el('span.bar', { 'aria-hidden': 'true' }, isProbability ? el('i', { style: { width: `${Math.max(1, 100 * value)}%` } }) : ''),
    el('span.n', {}, number(value)))));
}

export class CellPanel {
  constructor() {
    this.where = el('h4');
    this.facts = el('div');
    this.top = el('div');
    this.path = el('div.spark');
    this.pins = el('div.pins');
    this.root = el('aside.cell-panel', { 'aria-label': 'cell' }, this.where, this.top, this.facts, this.path, this.pins);
  }

  /** `cell`: {token, position, row, axis, facts: [{name, value, unit}], list, target, column, scaleName}. */
  set(cell) {
    put(this.where, el('span.token.big', { dir: direction(cell.token) }, token(cell.token)), el('span.place', {}, `position ${cell.position}, ${cell.axis} ${cell.row}`));
    put(this.facts, terms('dl.facts-list', cell.facts.map(({ name, value, unit, approximate }) => [name, number(value, approximate) + unitText(unit)])));
    put(this.top, candidates(cell.list, cell.target) || '');
    put(this.path);
    if (cell.column?.length > 1) add(this.path, el('span.legend-title', {}, `${cell.scaleName} over ${cell.axis}s`), sparkline(cell.column, cell.at, `${cell.scaleName} of ${quoted(cell.token)} over ${cell.axis}s`));
  }

  setPins(nodes) {
    put(this.pins, nodes);
  }
}
