// A map of values on a canvas, with a cursor that keys and the pointer move.
import { add, el, newId } from '../base/dom.js';
import { lettersWide } from '../base/format.js';
import { keyed, leave } from './frame.js';
import { announce } from './live.js';
import { drawCursor, drawMap } from './matrix_draw.js';
import { Minimap } from './minimap.js';
import { Pyramid } from './pyramid.js';

/**
 * Options: rows, columns, values (row by row), scale, rowLabel(i), columnLabel(j), describe(i, j),
 * label; and if wanted cellText(i, j), hatched(i, j), plainGaps (missing values are not hatched), contour (a row for each column), up (row 0 at
 * the bottom), signed, tokenColumns, rowTitle, columnTitle, tallest (pixels), cell (widest cell), onmove(i, j), onhover(i, j),
 * onpin(i, j), pins(), onwindow() (other columns or rows are in sight).
 */
export class Matrix {
  constructor() {
    const hint = newId('keys');
    this.canvas = el('canvas', { 'aria-hidden': 'true' });
    this.over = el('canvas.over', { 'aria-hidden': 'true' });
    this.stage = keyed('div.map', 'map', (key) => this.key(key), { 'aria-describedby': hint, onfocus: () => this.drawCursor(), onblur: () => this.drawCursor(),
      onclick: (event) => this.click(event), onpointermove: (event) => this.hover(event), onpointerleave: () => this.options.onhover?.(),
      ondblclick: () => this.options.onpin?.(this.row, this.column) }, this.canvas, this.over);
    this.stage.addEventListener('wheel', (event) => this.wheel(event), { passive: false });
    this.minimap = new Minimap(this);
    this.root = el('div.map-box', {}, this.stage, this.minimap.root,
      el('span.unseen', { id: hint }, 'Arrow keys move the cursor, Enter pins the cell, plus and minus change the size, question mark lists all keys.'));
    this.options = null;
    this.row = 0;
    this.column = 0;
  }

  set(options) {
    const old = this.options;
    this.options = options;
    const isSame = old && old.rows === options.rows && old.columns === options.columns;
    if (!isSame) this.window = { r0: 0, r1: options.rows, c0: 0, c1: options.columns };
    if (!isSame || old.values !== options.values) this.pyramid = new Pyramid(options, options.signed);
    this.row = Math.min(this.row, options.rows - 1);
    this.column = Math.min(this.column, options.columns - 1);
    this.stage.setAttribute('aria-label', options.label);
    this.draw();
  }

  /** Sizes of the picture for the width that the page gives it. */
  layout() {
    const { options: o, window: w } = this;
    const width = Math.max(160, this.root.clientWidth || this.root.parentElement?.clientWidth || this.lastWidth || 640);
    this.lastWidth = width;
    const longest = (label, count) => Math.max(...Array.from({ length: Math.min(count, 60) }, (_, k) => lettersWide(label(Math.floor(k * count / Math.min(count, 60))))), lettersWide(label(count - 1)));
    const left = Math.min(width * 0.3, (o.rowTitle ? 34 : 18) + Math.min(16, longest(o.rowLabel, o.rows)) * 7.4);
    const columns = w.c1 - w.c0;
    const rows = w.r1 - w.r0;
    const cw = Math.min(o.cell || 120, (width - left - 8) / columns);
    const ch = Math.max(o.leastRow || 3, Math.min(o.square ? cw : 30, Math.floor((o.tallest || 520) / rows) || (o.tallest || 520) / rows));
    const used = o.square && cw < 3 ? Math.min(cw, (o.tallest || 640) / rows) : ch;
    const isTall = o.tokenColumns && cw >= 11 && cw < 34;
    this.geometry = {
      left: Math.round(left), top: 6, right: 8, bottom: isTall ? Math.min(92, 20 + 7.4 * longest(o.columnLabel, o.columns)) : o.columnTitle ? 44 : 30, cw, ch: used,
      width: cw * columns, height: used * rows,
      firstRow: Math.floor(w.r0), lastRow: Math.ceil(w.r1), firstColumn: Math.floor(w.c0), lastColumn: Math.ceil(w.c1),
    };
  }

  isLarge() {
    const g = this.geometry;
    return g.cw >= 9 && g.ch >= 9 && (g.lastRow - g.firstRow) * (g.lastColumn - g.firstColumn) <= 20000;
  }

  x(j) {
    return this.geometry.left + (j - this.window.c0) * this.geometry.cw;
  }

  y(i) {
    const { geometry: g, options: o, window: w } = this;
    return o.up ? g.top + (w.r1 - 1 - i) * g.ch : g.top + (i - w.r0) * g.ch;
  }

  /** The edge of a row on the side where rows begin. */
  edge(i) {
    return this.options.up ? this.y(i) + this.geometry.ch : this.y(i);
  }

  rect(i, j) {
    const x = Math.round(this.x(j));
    const y = Math.round(this.y(i));
    return [x, y, Math.round(this.x(j + 1)) - x, Math.round(this.y(i) + this.geometry.ch) - y];
  }

  contains(i, j) {
    const w = this.window;
    return i >= Math.floor(w.r0) && i < w.r1 && j >= Math.floor(w.c0) && j < w.c1;
  }

  draw() {
    if (!this.options) return;
    this.layout();
    const g = this.geometry;
    const width = Math.ceil(g.left + g.width + g.right);
    const height = Math.ceil(g.top + g.height + g.bottom);
    const ratio = window.devicePixelRatio || 1;
    for (const canvas of [this.canvas, this.over]) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
      canvas.style.width = `${width}px`;
      canvas.style.height = `${height}px`;
    }
    this.stage.style.height = `${height}px`;
    const context = this.canvas.getContext('2d');
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    drawMap(this, context);
    this.drawCursor();
    this.minimap.draw();
    // What tests need to find the pixel of a cell.
    this.stage.dataset.geometry = [g.left, g.top, g.cw, g.ch, this.window.r0, this.window.c0].map((x) => Math.round(x * 1000) / 1000).join(',');
  }

  drawCursor() {
    if (!this.options) return;
    const ratio = window.devicePixelRatio || 1;
    const context = this.over.getContext('2d');
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    drawCursor(this, context, { row: this.row, column: this.column, pins: this.options.pins?.(), isFocused: document.activeElement === this.stage });
  }

  /** Moves the cursor because another view moved it: nothing is announced. */
  cursorAt(row, column) {
    if (!this.options) return;
    this.row = Math.max(0, Math.min(this.options.rows - 1, row ?? this.row));
    this.column = Math.max(0, Math.min(this.options.columns - 1, column ?? this.column));
    if (this.reveal()) this.show(this.window);
    else this.drawCursor();
  }

  /** Moves the window so that the cursor is in it. */
  reveal() {
    const w = this.window;
    const before = w.c0 + w.r0;
    const move = (low, high, at, size) => at < low ? at : at + 1 > high ? Math.min(size, at + 1) - (high - low) : low;
    const c0 = Math.max(0, move(w.c0, w.c1, this.column, this.options.columns));
    const r0 = Math.max(0, move(w.r0, w.r1, this.row, this.options.rows));
    this.window = { c0, c1: c0 + (w.c1 - w.c0), r0, r1: r0 + (w.r1 - w.r0) };
    return c0 + r0 !== before;
  }

  moveTo(row, column) {
    this.cursorAt(row, column);
    announce(this.options.describe(this.row, this.column));
    this.options.onmove?.(this.row, this.column);
  }

  key(key) {
    const o = this.options;
    const up = o.up ? 1 : -1;
    const screen = Math.max(1, Math.floor(this.window.c1 - this.window.c0) - 1);
    const moves = {
      ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [up, 0], ArrowDown: [-up, 0],
      PageUp: [0, -screen], PageDown: [0, screen], Home: [0, -o.columns], End: [0, o.columns],
    };
    const zooms = { '+': 0.5, '=': 0.5, '-': 2, 0: Infinity };
    if (moves[key]) this.moveTo(this.row + moves[key][0], this.column + moves[key][1]);
    else if (zooms[key]) this.zoom(zooms[key]);
    else if (key === 'Enter' || key === ' ') o.onpin?.(this.row, this.column);
    else return key === 'Escape' && leave();
    return true;
  }

  at(event) {
    const box = this.stage.getBoundingClientRect();
    const { geometry: g, options: o, window: w } = this;
    const column = Math.floor((event.clientX - box.left - g.left) / g.cw + w.c0);
    const down = (event.clientY - box.top - g.top) / g.ch;
    const row = o.up ? Math.ceil(w.r1 - down) - 1 : Math.floor(w.r0 + down);
    return this.contains(row, column) && row >= 0 && column >= 0 && row < o.rows && column < o.columns ? { row, column } : null;
  }

  click(event) {
    const at = this.at(event);
    if (at) this.moveTo(at.row, at.column);
  }

  hover(event) {
    const at = this.at(event);
    this.options.onhover?.(at?.row, at?.column);
  }

  wheel(event) {
    if (event.ctrlKey || event.metaKey) this.zoom(event.deltaY > 0 ? 1.25 : 0.8, this.at(event)?.column);
    else if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) this.pan(event.deltaX / this.geometry.cw);
    else return;
    event.preventDefault();
  }

  /** Shows more or fewer columns, and of a square map rows, around a cell. */
  zoom(factor, column = this.column, row = this.row) {
    const { options: o, window: w } = this;
    const least = Math.min(o.columns, 4);
    const part = (low, high, size, at) => {
      const wanted = Math.max(Math.min(size, least), Math.min(size, (high - low) * factor));
      const start = Math.max(0, Math.min(size - wanted, at + 0.5 - wanted * (factor === Infinity ? 0.5 : (at + 0.5 - low) / (high - low))));
      return [start, start + wanted];
    };
    const [c0, c1] = part(w.c0, w.c1, o.columns, column);
    const [r0, r1] = o.square ? part(w.r0, w.r1, o.rows, row) : [w.r0, w.r1];
    this.show({ c0, c1, r0, r1 });
  }

  pan(columns) {
    const w = this.window;
    const width = w.c1 - w.c0;
    const c0 = Math.max(0, Math.min(this.options.columns - width, w.c0 + columns));
    this.show({ ...w, c0, c1: c0 + width });
  }

  /** Draws the columns and rows of a window. */
  show(window) {
    this.window = window;
    this.draw();
    this.options.onwindow?.();
  }

  /** The columns in sight: the first, and the one after the last. */
  columnsInSight() {
    const { window: w, options: o } = this;
    return o ? [Math.max(0, Math.floor(w.c0)), Math.min(o.columns, Math.ceil(w.c1))] : [0, 0];
  }

  /** Buttons that change the size, for those who use a pointer. */
  knobs() {
    const knob = (text, label, factor) => el('button.action', { type: 'button', 'aria-label': label, title: label, onclick: () => this.zoom(factor) }, text);
    return add(el('div.zoom', { role: 'group', 'aria-label': 'size of the map' }), knob('−', 'more columns', 2), knob('+', 'fewer, larger columns', 0.5), knob('all', 'all columns', Infinity));
  }
}
