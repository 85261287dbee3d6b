// Attention: all heads of a layer small, one large, and its row on the text.
import { add, el, put } from '../base/dom.js';
import { number, quoted, token, words } from '../base/format.js';
import { atLabels, chosenOf, meaningOf, plane } from '../base/model.js';
import { scaleOf } from '../base/palette.js';
import { cell, get, set, setCell } from '../base/state.js';
import { slider } from '../parts/frame.js';
import { Legend } from '../parts/legend.js';
import { Matrix } from '../parts/matrix.js';
import { halvings, paint, Pyramid } from '../parts/pyramid.js';
import { FramedView, mounting, putReason, touches, variablePicker } from '../parts/view.js';
import { TokenText } from './tokens.js';

const kSmall = 64;

function patternsOf(archive) {
  return archive.variables((one) => one.view === 'attention' && one.type !== 'string' && one.dims.length >= 2);
}

/** Keys after their query have no weight in a causal model: they are left blank. */
function withoutFuture(map) {
  if (map.rows !== map.columns) return map;
  for (let i = 0; i < map.rows; ++i) for (let j = i + 1; j < map.columns; ++j) if (map.values[i * map.columns + j] > 0) return map;
  const values = Float32Array.from(map.values);
  for (let i = 0; i < map.rows; ++i) values.fill(NaN, i * map.columns + i + 1, (i + 1) * map.columns);
  return { ...map, values };
}

class AttentionView extends FramedView {
  constructor(context) {
    super(context, 'attention');
    Object.assign(this, { variables: patternsOf(context.archive), map: new Matrix(), legend: new Legend() });
    this.small = el('div.heads', { role: 'group', 'aria-label': 'heads' });
    this.text = new TokenText({ onmove: (i) => setCell(undefined, i), onhover: (i) => this.weights(i ?? this.map.row) });
    this.said = el('p.note');
    this.box = el('div', {}, this.small, this.legend.root, this.map.root, el('div.below', {}, this.map.knobs(), this.said), el('div.row-text', {}, this.text.root));
    this.why = el('div');
    add(this.frame.body, this.box, this.why);
  }

  command() {
    return super.command(atLabels(this.dims?.map((dim) => [dim, this.names[dim][this.index(dim)]])));
  }

  /** The head or block in sight, from the address. */
  index(dim) {
    const k = this.loaded.dims.indexOf(dim);
    return Math.max(0, Math.min(this.loaded.shape[k] - 1, Number(get(`at-${dim}`)) || 0));
  }

  async show() {
    const { archive, variables } = this;
    const index = this.caseIndex();
    const turn = this.turn = {};
    this.variable = chosenOf(variables, get('pattern'));
    const [loaded, tokens] = await Promise.all([archive.load(this.variable, index), archive.tokens(this.variable.result, index)]);
    if (turn !== this.turn) return;
    this.loaded = null;
    this.box.hidden = !loaded;
    put(this.why);
    put(this.controls, variablePicker(variables, this.variable, 'pattern'));
    if (!loaded) {
      putReason(this.why, archive, this.variable, index);
      return;
    }
    this.dims = loaded.dims.slice(0, -2);
    this.names = Object.fromEntries(await Promise.all(loaded.dims.map(async (dim, k) => [dim, await archive.labels(this.variable.result, dim, loaded.shape[k], index)])));
    if (turn !== this.turn) return;
    Object.assign(this, { loaded, tokens });
    this.headDim = this.dims.find((dim) => /head$/.test(dim)) || this.dims[this.dims.length - 1];
    for (const dim of this.dims) {
      const size = loaded.shape[loaded.dims.indexOf(dim)];
      if (dim !== this.headDim && size > 1) add(this.controls, slider(words(dim), size, this.index(dim), (i) => this.names[dim][i], (i) => set({ [`at-${dim}`]: i })));
    }
    this.draw();
  }

  fixed(head) {
    return Object.fromEntries(this.dims.map((dim) => [dim, dim === this.headDim && head !== undefined ? head : this.index(dim)]));
  }

  cut(head) {
    const [query, key] = this.loaded.dims.slice(-2);
    return plane(this.loaded, query, key, this.fixed(head));
  }

  draw() {
    const { loaded, variable } = this;
    this.plane = withoutFuture(this.cut());
    this.scale = scaleOf({ palette: 'viridis', kind: 'linear', domain: [0, Math.max(1e-9, this.plane.values.reduce((a, b) => b > a ? b : a, 0))] });
    const where = this.dims.map((dim) => `${words(dim)} ${this.names[dim][this.index(dim)]}`).join(', ');
    this.frame.say(`${variable.result.name}: ${words(variable.name)}${where ? ` of ${where}` : ''}`, `${meaningOf(variable)}: how much each token (down) looks at each token before it (across). The text shows the row of the token under the cursor.`);
    this.legend.set({ scale: this.scale, title: words(variable.name), unit: variable.unit, approximate: loaded.approximate });
    this.drawSmall();
    this.drawLarge();
    this.frame.refresh();
  }

  drawSmall() {
    const count = this.headDim ? this.loaded.shape[this.loaded.dims.indexOf(this.headDim)] : 1;
    const chosen = this.headDim ? this.index(this.headDim) : 0;
    const hadFocus = this.small.contains(document.activeElement);
    put(this.small, count < 2 ? '' : Array.from({ length: count }, (_, head) => {
      const map = withoutFuture(this.cut(head));
      const halved = halvings(kSmall / map.columns);
      const canvas = el('canvas', { 'aria-hidden': 'true' });
      const top = map.values.reduce((a, b) => b > a ? b : a, 1e-9);
      paint(new Pyramid(map, false).level(halved, halved), scaleOf({ palette: 'viridis', kind: 'linear', domain: [0, top] }), canvas);
      return el('button.head', { type: 'button', 'aria-pressed': String(head === chosen), onclick: () => set({ [`at-${this.headDim}`]: head }) }, canvas, el('span', {}, `${words(this.headDim)} ${this.names[this.headDim][head]}`));
    }));
    if (hadFocus) this.small.children[chosen]?.focus();
  }

  drawLarge() {
    const { rows, columns, values } = this.plane;
    const name = (i) => token(this.tokens?.texts[i] ?? i);
    const isText = Boolean(this.tokens) && this.tokens.texts.length === columns;
    this.map.set({
      rows, columns, values, scale: this.scale, square: true, plainGaps: true, tokenColumns: isText, tallest: 560, cell: 46, leastRow: 0.2,
      rowTitle: isText ? '' : 'query', columnTitle: isText ? '' : 'key', rowLabel: (i) => isText ? name(i) : String(i), columnLabel: (j) => isText ? name(j) : String(j),
      cellText: (i, j) => Number.isNaN(values[i * columns + j]) ? '' : number(Math.round(100 * values[i * columns + j]) / 100), textWidth: 38,
      describe: (i, j) => `query ${i} ${name(i)}, key ${j} ${name(j)}, ${words(this.variable.name)} ${number(values[i * columns + j], this.loaded.approximate)}`,
      label: `map of ${words(this.variable.name)}: ${rows} queries by ${columns} keys`,
      onmove: (i) => { setCell(undefined, i); this.weights(i); }, onhover: (i) => this.weights(i ?? this.map.row),
    });
    const at = Math.min(cell().column ?? rows - 1, rows - 1);
    this.map.cursorAt(at, undefined);
    this.weights(at);
  }

  /** Colours the text by the row of a query. */
  weights(query) {
    if (!this.tokens || !this.plane || query === undefined || this.tokens.texts.length !== this.plane.columns) return;
    const row = this.plane.values.subarray(query * this.plane.columns, (query + 1) * this.plane.columns);
    this.text.set({ texts: this.tokens.texts, colour: (i) => this.scale.css(row[i]), ink: (i) => this.scale.ink(row[i]),
      describe: (i) => `query ${i} ${token(this.tokens.texts[i])}`, label: `text with the weights of query ${query}; arrow keys choose another query` });
    this.text.mark(query);
    const strongest = Array.from(row, (value, i) => ({ value, i })).filter((one) => one.value > 0).sort((a, b) => b.value - a.value).slice(0, 3);
    put(this.said, `${quoted(this.tokens.texts[query])} (${query}) looks at ${strongest.map((one) => `${quoted(this.tokens.texts[one.i])} ${number(one.value, this.loaded.approximate)}`).join(', ')}.`);
  }

  rows() {
    const { rows = 0, columns = 0, values } = this.plane || {};
    const name = (i) => `${i} ${token(this.tokens?.texts[i] ?? '')}`;
    const shown = Math.min(columns, 200);
    return { caption: 'attention', head: ['query \\ key', ...Array.from({ length: shown }, (_, j) => name(j))], rows: Array.from({ length: rows }, (_, i) => [name(i), ...Array.from(values.subarray(i * columns, i * columns + shown))]),
      note: shown < columns ? `The first ${shown} of ${columns} keys.` : '' };
  }

  update(changed) {
    if (touches(changed, 'open', 'case', 'pattern')) return this.show();
    if (!this.loaded) return undefined;
    if (this.dims.some((dim) => changed.has(`at-${dim}`))) this.draw();
    else if (changed.has('cell')) {
      this.map.cursorAt(cell().column, undefined);
      this.weights(this.map.row);
    }
    return undefined;
  }

  redraw() {
    this.map.draw();
  }
}

export const attention = {
  id: 'attention', title: 'Attention',
  has: ({ archive }) => patternsOf(archive).length > 0,
  why: () => 'The archive has no attention patterns: no variable with view attention. The tool attention keeps them when asked for patterns.',
  mount: mounting(AttentionView),
};
