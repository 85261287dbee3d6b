// Attribution: signed bars of components, and maps of layers by heads.
import { add, el, put } from '../base/dom.js';
import { number, quoted, unitText, words } from '../base/format.js';
import { dimsWithoutCase } from '../base/groups.js';
import { chosenOf, intervalOf, isInterval, meaningOf, plane } from '../base/model.js';
import { cell, get, set } from '../base/state.js';
import { AnyPicture } from '../parts/any.js';
import { barChart } from '../parts/bars.js';
import { choices, slider } from '../parts/frame.js';
import { fitted } from '../parts/lines.js';
import { FramedView, mountParts, putReason, variablePicker } from '../parts/view.js';
import { PickedView } from './picked.js';

const isHead = (dim) => /head$/.test(dim);
const isLayer = (dim) => /^(block|layer)$/.test(dim);
const kMostBars = 80;

function barsOf(archive) {
  return archive.variables((one) => one.view === 'bars' && one.type !== 'string' && dimsWithoutCase(one).length > 0 && !isInterval(one) && !dimsWithoutCase(one).some(isHead));
}

function gridsOf(archive) {
  return archive.variables((one) => ['heatmap', 'bars'].includes(one.view) && one.type !== 'string' && !one.is_token_id && dimsWithoutCase(one).some(isHead) && dimsWithoutCase(one).some(isLayer));
}

/** The index of each dimension but one: the token under the cursor, else what a slider says. */
class Cut {
  constructor(redraw) {
    Object.assign(this, { redraw, fixed: {}, root: el('div.controls') });
  }

  async set(archive, loaded, kept, caseIndex) {
    put(this.root);
    for (const [k, dim] of loaded.dims.entries()) {
      if (kept.includes(dim) || dim === 'token' || loaded.shape[k] < 2) continue;
      const names = await archive.labels(loaded.variable.result, dim, loaded.shape[k], caseIndex);
      add(this.root, slider(words(dim), loaded.shape[k], this.fixed[dim] || 0, (i) => names[i], (i) => { this.fixed[dim] = i; this.redraw(); }));
    }
  }

  at(loaded) {
    const k = loaded.dims.indexOf('token');
    return k < 0 ? this.fixed : { ...this.fixed, token: Math.min(cell().column ?? loaded.shape[k] - 1, loaded.shape[k] - 1) };
  }
}

/** `attn_3` and `mlp_3` belong to layer 3. */
function foldLayers(items) {
  const sums = new Map();
  for (const one of items) {
    const layer = one.label.match(/(\d+)(?!.*\d)/)?.[1];
    const label = layer === undefined ? one.label : `layer ${layer}`;
    const sum = sums.get(label) || { label, value: 0 };
    sum.value += one.value;
    if (Number.isFinite(one.other)) sum.other = (sum.other || 0) + one.other;
    sums.set(label, sum);
  }
  return [...sums.values()];
}

class Bars extends FramedView {
  constructor(context) {
    super(context, 'bars');
    this.variables = barsOf(context.archive);
    this.cut = new Cut(() => this.draw());
    this.chart = fitted((width) => barChart({ items: this.items(), title: words(this.variable.name), width, series: this.second ? [words(this.variable.name), words(this.second.variable.name)] : [] }));
    this.box = el('div.chart-scroll', { tabindex: '0', role: 'region', 'aria-label': 'bars' }, this.chart.root);
    this.note = el('p.note');
    add(this.frame.body, this.cut.root, this.box, this.note);
  }

  command() {
    return super.command(' --kind bars');
  }

  follow() {
    this.draw();
  }

  async show() {
    const { archive, variables } = this;
    const index = this.caseIndex();
    const turn = this.turn = {};
    this.variable = chosenOf(variables, get('bars'));
    const dims = dimsWithoutCase(this.variable);
    // A second variable over the same components, such as their ablation, is drawn as thin bars.
    const mate = variables.find((one) => one !== this.variable && one.result === this.variable.result && dimsWithoutCase(one).join() === dims.join() && /ablation/.test(one.name) && one.unit === this.variable.unit);
    const [loaded, second, interval, tokens] = await Promise.all([archive.load(this.variable, index), archive.load(mate, index), intervalOf(archive, this.variable, index), archive.tokens(this.variable.result, index)]);
    if (turn !== this.turn) return;
    Object.assign(this, { loaded: null, second, interval, tokens });
    const order = get('order') || 'network';
    put(this.controls, variablePicker(variables, this.variable, 'bars'),
      choices('Order', [{ id: 'network', label: 'network' }, { id: 'size', label: 'size' }], order, (value) => set({ order: value })),
      choices('Fold', [{ id: 'no', label: 'components' }, { id: 'layers', label: 'layers' }], get('fold') || 'no', (value) => set({ fold: value })));
    if (!loaded) {
      putReason(this.box, archive, this.variable, index);
      return;
    }
    put(this.box, this.chart.root);
    this.dim = loaded.dims.find((dim) => dim !== 'token') || 'token';
    this.names = await archive.labels(this.variable.result, this.dim, loaded.shape[loaded.dims.indexOf(this.dim)], index);
    await this.cut.set(archive, loaded, [this.dim], index);
    if (turn !== this.turn) return;
    this.loaded = loaded;
    this.draw();
  }

  items() {
    const { loaded, second, interval, dim } = this;
    const at = this.cut.at(loaded);
    const cut = (one) => plane(one, dim, '', at).values;
    const values = cut(loaded);
    const others = second && cut(second);
    const [low, high] = interval ? [cut({ ...loaded, values: interval.low }), cut({ ...loaded, values: interval.high })] : [];
    let items = this.names.map((label, i) => ({ label, value: values[i], other: others?.[i], low: low?.[i], high: high?.[i] }));
    if (get('fold') === 'layers') items = foldLayers(items);
    this.total = items.reduce((sum, one) => sum + (one.value || 0), 0);
    if (get('order') === 'size') items.sort((a, b) => Math.abs(b.value) - Math.abs(a.value));
    this.count = items.length;
    items = items.slice(0, kMostBars);
    if (this.dim === 'component') items.push({ label: 'sum', value: this.total, isSum: true });
    return items;
  }

  draw() {
    if (!this.loaded) return;
    const { variable, second } = this;
    const at = this.cut.at(this.loaded);
    const where = this.tokens && at.token !== undefined ? ` at token ${quoted(this.tokens.texts[at.token])}` : '';
    this.frame.say(`${variable.result.name}: ${words(variable.name)}`, `${meaningOf(variable)}, a bar for each ${words(this.dim)}${where}.${second ? ` Thin bars: ${words(second.variable.name)}.` : ''}`);
    this.chart.draw();
    put(this.note, this.count > kMostBars ? `The first ${kMostBars} of ${this.count} bars; CSV has all of them.` : '');
    this.residual();
    this.frame.refresh();
  }

  /** What the sum misses, where the result says it. */
  async residual() {
    const rest = this.variable.result.variables.find((one) => /sum_residual$/.test(one.name));
    const loaded = rest && await this.archive.load(rest, this.caseIndex());
    if (!loaded || this.dim !== 'component') return;
    const at = this.cut.at(loaded).token ?? 0;
    put(this.note, `Sum ${number(this.total)}; it misses the measured value by ${number(loaded.values[at])}.`);
  }

  rows() {
    const items = this.loaded ? this.items() : [];
    return { caption: words(this.variable.name), head: [words(this.dim), words(this.variable.name) + unitText(this.variable.unit), ...(this.second ? [words(this.second.variable.name)] : [])],
      rows: items.map((one) => [one.label, one.value, ...(this.second ? [one.other ?? NaN] : [])]) };
  }

  redraw() {
    if (this.loaded) this.chart.draw();
  }
}

/** A map of layers by heads, at the token under the cursor. */
class HeadGrid extends AnyPicture {
  axesOf(dims) {
    return [dims.find(isLayer), dims.find(isHead)];
  }

  follows(dim) {
    return dim === 'token';
  }

  async set(variable) {
    this.positions = (await this.archive.tokens(variable.result, this.caseIndex()))?.positions;
    await super.set(variable);
  }

  command() {
    const at = this.positions?.[this.fixed.token];
    return super.command(at === undefined ? '' : ` --tokens ${at}:${at}`);
  }

  extra() {
    return { map: { cell: 64, textWidth: 38 } };
  }

  drawMap() {
    const { variable, loaded, labels } = this;
    const tokens = loaded.shape[loaded.dims.indexOf('token')];
    this.fixed.token = tokens && Math.min(cell().column ?? tokens, tokens - 1);
    this.frame.say(`${variable.result.name}: ${words(variable.name)} by head`,
      `${meaningOf(variable)}${tokens ? ` at token ${quoted(labels.token[this.fixed.token])}` : ''}; ${words(this.axes[0])}s go up, heads across.`);
    super.drawMap();
  }

  follow() {
    if (this.map) this.drawMap();
  }

  rows() {
    const { columns = 0, values = [] } = this.plane || {};
    const [down, across] = (this.axes || []).map((dim) => this.labels[dim]);
    return { caption: words(this.variable.name), head: [words(this.axes?.[0] || ''), ...(across || []).map((name) => `head ${name}`)], rows: (down || []).map((name, i) => [name, ...Array.from(values.slice(i * columns, (i + 1) * columns))]) };
  }
}

export const attribution = {
  id: 'attribution', title: 'Attribution',
  has: ({ archive }) => barsOf(archive).length + gridsOf(archive).length > 0,
  why: () => 'The archive has no contributions: no variable with view bars and no map over heads. The tool layer_attribution makes them.',
  mount(panel, context) {
    const grids = gridsOf(context.archive);
    return mountParts(panel, [...barsOf(context.archive).length ? [new Bars(context)] : [], ...grids.length ? [new PickedView(context, 'heads', grids, HeadGrid)] : []],
      'open', 'case', 'bars', 'heads', 'order', 'fold');
  },
};
