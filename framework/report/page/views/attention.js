// Attention: all heads of a layer small, one large, and its row on the text.
import { lookUp } from '../base/blocks.js';
import { add, el, put } from '../base/dom.js';
import { number, quoted, token, words } from '../base/format.js';
import { atLabels, chosenOf, meaningOf, offset } from '../base/model.js';
import { scaleOf } from '../base/palette.js';
import { cell, get, set, setCell } from '../base/state.js';
import { slider } from '../parts/frame.js';
import { Legend } from '../parts/legend.js';
import { Matrix } from '../parts/matrix.js';
import { halvings, paint, pooled, pooledCodes } from '../parts/pyramid.js';
import { FramedView, mounting, putReason, touches, variablePicker } from '../parts/view.js';
import { TokenText } from './tokens.js';

const kSmall = 64;

function patternsOf(archive) {
  return archive.variables((one) => one.view === 'attention' && one.type !== 'string' && one.dims.length >= 2);
}

/** Whether keys after their query have no weight, as in a causal model; weights are above `none`. */
function isLower({ rows, columns }, cells, start, none) {
  if (rows !== columns) return false;
  for (let i = 0; i < rows; ++i) {
    const end = start + (i + 1) * columns;
    for (let at = start + i * columns + i + 1; at < end; ++at) if (cells[at] > none) return false;
  }
  return true;
}

function isCausal(map) {
  return isLower(map, map.values, 0, 0);
}

/** The small version of a map of which only the codes are known. */
function smallOfCodes(map, { codes, table }) {
  const weight = table.findIndex((value) => value > 0);
  const none = weight < 0 ? table.length : weight - 1;
  const small = pooledCodes({ ...map, codes }, halvings(kSmall / map.columns), isLower(map, codes, map.start, none));
  return { ...small, values: lookUp({ codes: small.codes, table }, 0, small.codes.length) };
}

/** Leaves keys after their query blank in the map of a causal model. */
function withoutFuture(map) {
  const { rows, columns, values } = map;
  if (isCausal(map)) for (let i = 0; i < rows; ++i) values.fill(NaN, i * columns + i + 1, (i + 1) * columns);
  return map;
}

function largestOf(values) {
  let top = 1e-9;
  for (let i = 0; i < values.length; ++i) if (values[i] > top) top = values[i];
  return top;
}

function scaleTo(top) {
  return scaleOf({ palette: 'viridis', kind: 'linear', domain: [0, top] });
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
    const [loaded, tokens] = await Promise.all([archive.loadParts(this.variable, index), archive.tokens(this.variable.result, index)]);
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

  /** Where the map of a head is, without its values; without a head that of the chosen one. */
  placeOf(head) {
    const { dims, shape } = this.loaded;
    const fixed = this.fixed(head);
    const [rows, columns] = shape.slice(-2);
    return { rows, columns, start: offset(shape, dims.map((dim) => fixed[dim] || 0)) };
  }

  mapOf(head) {
    const { rows, columns, start } = this.placeOf(head);
    return { rows, columns, values: this.loaded.read(start, rows * columns) };
  }

  smallOf(head) {
    if (this.loaded.coded) return smallOfCodes(this.placeOf(head), this.loaded.coded);
    const whole = this.mapOf(head);
    return pooled(whole, halvings(kSmall / whole.columns), isCausal(whole));
  }

  draw() {
    const { loaded, variable } = this;
    this.plane = withoutFuture(this.mapOf());
    this.scale = scaleTo(largestOf(this.plane.values));
    const where = this.dims.map((dim) => `${words(dim)} ${this.names[dim][this.index(dim)]}`).join(', ');
    this.frame.say(`${variable.result.name}: ${words(variable.name)}${where ? ` of ${where}` : ''}`, `${meaningOf(variable)}: how much each token (down) looks at each token before it (across). The text shows the row of the token under the cursor.`);
    this.legend.set({ scale: this.scale, title: words(variable.name), unit: variable.unit, approximate: loaded.approximate });
    this.drawSmall();
    this.drawLarge();
    this.frame.refresh();
  }

  /** Small pictures of all heads; they stay while another head is chosen. */
  drawSmall() {
    const { loaded, headDim, small } = this;
    const count = headDim ? loaded.shape[loaded.dims.indexOf(headDim)] : 1;
    const chosen = headDim ? this.index(headDim) : 0;
    const drawn = [loaded, ...this.dims.filter((dim) => dim !== headDim).map((dim) => this.index(dim))];
    if (drawn.some((one, k) => one !== this.drawn?.[k])) {
      this.drawn = drawn;
      put(small, count < 2 ? '' : Array.from({ length: count }, (_, head) => el('button.head', { type: 'button', onclick: () => set({ [`at-${headDim}`]: head }) },
        this.picture(head), el('span', {}, `${words(headDim)} ${this.names[headDim][head]}`))));
    }
    Array.from(small.children, (knob, head) => knob.setAttribute('aria-pressed', String(head === chosen)));
    if (small.contains(document.activeElement)) small.children[chosen]?.focus();
  }

  picture(head) {
    const map = this.smallOf(head);
    return paint(map, scaleTo(largestOf(map.values)), el('canvas', { 'aria-hidden': 'true' }));
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
      onmove: (i) => setCell(undefined, i), onhover: (i) => this.weights(i ?? this.map.row),
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
