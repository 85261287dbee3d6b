// Draws any variable by its dimensions: a number, bars, a line, a map with a slider for each further
// dimension, or a table of texts.
import { add, el, put } from '../base/dom.js';
import { number, token, unitText, words } from '../base/format.js';
import { atLabels, intervalOf, meaningOf, plane } from '../base/model.js';
import { scaleFor } from '../base/palette.js';
import { cell, setCell } from '../base/state.js';
import { barChart } from './bars.js';
import { slider } from './frame.js';
import { Legend } from './legend.js';
import { fitted, lineChart } from './lines.js';
import { Matrix } from './matrix.js';
import { tableOf } from './table.js';
import { FramedView, putReason } from './view.js';

const kMostBars = 60;

/** The dimensions that go down and across a map. */
export function axesOf(dims) {
  if (dims[dims.length - 1]?.startsWith('key_position')) return dims.slice(-2);
  const across = dims.includes('token') ? 'token' : dims[1];
  const down = dims.find((dim) => dim !== across && /^(layer|block)$/.test(dim)) || dims.find((dim) => dim !== across);
  return [down, across];
}

export class AnyPicture extends FramedView {
  constructor(context) {
    super(context, 'variable');
    Object.assign(this, { fixed: {}, labels: {}, texts: el('div'), box: el('div') });
    add(this.frame.body, this.texts, this.box);
  }

  /** Other hatching, texts or sizes of the map: `{hatched(i, j, columns), say, legend, mark, map}`. */
  extra() {
    return {};
  }

  /** The dimensions that go down and across. */
  axesOf(dims) {
    return axesOf(dims);
  }

  /** Whether the place on a dimension is that of the cursor of all views, not that of a slider. */
  follows() {
    return false;
  }

  async set(variable) {
    const turn = this.turn = {};
    const index = this.caseIndex();
    if (variable !== this.variable) this.fixed = {};
    this.variable = variable;
    const loaded = await this.archive.load(variable, index);
    const interval = loaded && await intervalOf(this.archive, variable, index);
    const names = loaded ? await Promise.all(loaded.dims.map((dim, k) => this.archive.labels(variable.result, dim, loaded.shape[k], index))) : [];
    if (turn !== this.turn) return;
    Object.assign(this, { loaded, interval, map: null, chart: null });
    this.labels = Object.fromEntries((loaded?.dims || []).map((dim, k) => [dim, names[k]]));
    this.describeVariable();
    put(this.controls);
    if (!loaded || loaded.values.length === 0) putReason(this.box, this.archive, variable, index);
    else this.build();
    this.frame.refresh();
  }

  describeVariable() {
    const { variable, loaded } = this;
    const shape = loaded && loaded.dims.length ? loaded.dims.map((dim, k) => `${words(dim)} ${loaded.shape[k]}`).join(' × ') : 'one value';
    const noUnit = unitText(variable.unit) || variable.type === 'string' ? '' : ' (no unit)';
    this.frame.say(`${variable.result.name}: ${words(variable.name)}`, `${meaningOf(variable)}${noUnit}; ${shape}.${variable.description && variable.description !== variable.long_name ? ` ${variable.description}` : ''}`);
  }

  build() {
    const { variable, loaded } = this;
    const size = loaded.dims.length;
    const text = variable.type === 'string';
    if (size === 0 || loaded.values.length === 1) put(this.box, el('p.single', {}, text ? loaded.values[0] : this.textOf(loaded.values[0]), unitText(variable.unit)));
    else if (text || (variable.is_token_id && size === 1)) put(this.box, tableOf(this.rows(500)));
    else if (size === 1) this.buildChart();
    else this.buildMap();
  }

  textOf(value) {
    return this.variable.is_token_id ? (value < 0 ? '—' : token(this.archive.tokenText(value))) : number(value, this.loaded.approximate);
  }

  buildChart() {
    const { variable, loaded, interval } = this;
    const [dim] = loaded.dims;
    const names = dim === 'token' ? this.labels[dim].map((text) => token(text)) : this.labels[dim];
    const isLine = loaded.values.length > kMostBars || (/^(layer|block|step|mix|factor|fraction)$/.test(dim) && loaded.values.length > 3);
    this.chart = fitted((width) => isLine
      ? lineChart({ lines: [{ label: words(variable.name), values: loaded.values, ...interval }], x: names, xTitle: words(dim), yTitle: words(variable.name) + unitText(variable.unit), width })
      : barChart({ items: names.map((label, i) => ({ label, value: loaded.values[i], low: interval?.low[i], high: interval?.high[i] })), title: words(variable.name), width }));
    put(this.box, this.chart.root);
    this.chart.draw();
  }

  buildMap() {
    const { loaded } = this;
    const [down, across] = this.axes = this.axesOf(loaded.dims);
    // The first plane with a value is shown, not one of gaps alone.
    let at = Math.max(0, loaded.values.findIndex((value) => !Number.isNaN(value)));
    for (let k = loaded.dims.length - 1; k >= 0; at = Math.floor(at / loaded.shape[k]), --k) this.fixed[loaded.dims[k]] ??= at % loaded.shape[k];
    this.slid = loaded.dims.filter((dim, k) => dim !== down && dim !== across && loaded.shape[k] > 1 && !this.follows(dim));
    loaded.dims.forEach((dim, k) => {
      if (!this.slid.includes(dim)) return;
      add(this.controls, slider(words(dim), loaded.shape[k], this.fixed[dim] || 0, (i) => this.labels[dim][i], (i) => { this.fixed[dim] = i; this.drawMap(); }));
    });
    this.map = new Matrix();
    this.legend = new Legend();
    put(this.box, this.legend.root, this.map.root, el('div.below', {}, this.map.knobs()));
    this.drawMap();
  }

  /** The figure is that of the places of the sliders. */
  command(more = '') {
    const { map, slid, labels, fixed } = this;
    return super.command(atLabels(map ? slid.map((dim) => [dim, labels[dim][fixed[dim] || 0]]) : []) + more);
  }

  drawMap() {
    const { variable, loaded, axes: [down, across], labels } = this;
    const { rows, columns, values } = this.plane = plane(loaded, down, across, this.fixed);
    const scale = scaleFor(variable, loaded.values);
    const extra = this.extra();
    if (!variable.is_token_id) this.legend.set({ scale, title: words(variable.name), unit: variable.unit, approximate: loaded.approximate, note: extra.legend, mark: extra.mark });
    const isLayer = /^(layer|block)$/.test(down);
    this.map.set({
      rows, columns, values: variable.is_token_id ? new Float32Array(values.length) : values, scale, signed: scale.kind === 'signed', up: isLayer,
      tokenColumns: across === 'token', square: across.startsWith('key_position'), rowTitle: words(down), columnTitle: across === 'token' ? '' : words(across), rowLabel: (i) => labels[down][i], columnLabel: (j) => across === 'token' ? token(labels[across][j]) : labels[across][j],
      cellText: (i, j) => this.textOf(values[i * columns + j]), hatched: extra.hatched && ((i, j) => extra.hatched(i, j, columns)),
      describe: (i, j) => `${words(down)} ${labels[down][i]}, ${words(across)} ${across === 'token' ? `${j} ${token(labels[across][j])}` : labels[across][j]}, ${words(variable.name)} ${this.textOf(values[i * columns + j])}${unitText(variable.unit)}${extra.say ? extra.say(i, j, columns) : ''}`,
      label: `map of ${words(variable.name)}: ${rows} by ${columns} values, ${number(scale.domain[0])} to ${number(scale.domain[1])}`,
      onmove: (i, j) => across === 'token' && setCell(isLayer ? i : undefined, j), ...extra.map,
    });
    if (across === 'token') this.follow();
    this.frame.refresh();
  }

  /** Puts the cursor where the other views have it. */
  follow() {
    if (!this.map || this.axes[1] !== 'token') return;
    const at = cell();
    this.map.cursorAt(/^(layer|block)$/.test(this.axes[0]) ? at.row : undefined, at.column);
  }

  rows(most) {
    const { variable, loaded, labels } = this;
    const list = [];
    const { dims = [], shape = [], values = [] } = loaded || {};
    const shown = (i) => typeof values[i] === 'string' ? values[i] : variable.is_token_id ? this.textOf(values[i]) : values[i];
    const name = (dim, i) => dim === 'token' ? `${i} ${token(labels[dim][i])}` : labels[dim][i];
    for (let i = 0; i < Math.min(values.length, most + 1); ++i) {
      const index = [];
      for (let k = dims.length - 1, rest = i; k >= 0; rest = Math.floor(rest / shape[k]), --k) index.unshift(name(dims[k], rest % shape[k]));
      list.push([...index, shown(i)]);
    }
    return { caption: words(variable.name), head: [...dims.map(words), words(variable.name) + unitText(variable.unit)], rows: list };
  }

  redraw() {
    this.map?.draw();
    this.chart?.draw();
  }
}
