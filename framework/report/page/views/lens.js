// Lens: what the model would answer at each layer, as a map over layers and tokens.
import { add, el, put } from '../base/dom.js';
import { inUnit, number, quoted, token, unitText, words } from '../base/format.js';
import { mapGroups, settledRows } from '../base/groups.js';
import { logOption, plane, tokenSpans } from '../base/model.js';
import { scaleFor } from '../base/palette.js';
import { cell, get, pins, set, setCell, togglePin } from '../base/state.js';
import { choices, picker } from '../parts/frame.js';
import { Legend } from '../parts/legend.js';
import { announce } from '../parts/live.js';
import { Matrix } from '../parts/matrix.js';
import { CellPanel } from '../parts/topk.js';
import { FramedView, mounting, putReason, touches } from '../parts/view.js';

/** Maps with more cells are drawn before texts and other values are read. */
const kLarge = 1e5;

class LensView extends FramedView {
  constructor(context) {
    super(context, 'lens');
    this.groups = mapGroups(context.archive);
    this.map = new Matrix();
    this.legend = new Legend();
    this.side = new CellPanel();
    this.note = el('p.note');
    this.why = el('div');
    this.split = el('div.split', {}, el('div.wide', {}, this.legend.root, this.map.root, el('div.below', {}, this.map.knobs(), this.note)), this.side.root);
    add(this.frame.body, this.split, this.why);
  }

  get variable() {
    return this.metric.variable;
  }

  /** The figure has the tokens in sight. */
  command() {
    const [first, end] = this.map.columnsInSight();
    const isPart = this.metric.plane && end - first < this.metric.plane.columns;
    return super.command((isPart ? tokenSpans(Array.from({ length: end - first }, (_, k) => this.position(first + k))) : '') + logOption(this.scale));
  }

  group() {
    const named = this.groups.filter((group) => group.result.name === get('result'));
    return named.find((group) => group.point === (get('point') || '')) || named[0] || this.groups[0];
  }

  drawControls() {
    const { groups, current: group } = this;
    const options = groups.map((one) => ({ id: one.key, label: one.label }));
    const open = (key) => {
      const wanted = groups.find((one) => one.key === key);
      set({ result: wanted.result.name, point: wanted.point || undefined });
    };
    put(this.controls,
      options.length > 1 && (options.length <= 4 ? choices('Map', options, group.key, open) : picker('Map', options, group.key, open)),
      group.metrics.length > 1 && choices('Colour', group.metrics.map((one) => ({ id: one.id, label: one.label, title: one.variable.long_name })), this.metric.id, (id) => set({ by: id })));
  }

  /**
   * Reads what the case, group and colour need, and draws it. A large map is drawn as soon as its colours
   * are known: texts and other values follow.
   */
  async show() {
    const group = this.current = this.group();
    const index = this.caseIndex();
    const turn = this.turn = {};
    const { archive } = this;
    const known = group.metrics.filter((one) => archive.partOf(one.variable, index));
    const chosen = known.find((one) => one.id === get('by')) || known[0];
    const load = async (one) => {
      const loaded = await archive.load(one.variable, index);
      return { ...one, loaded, plane: plane(loaded, group.axis, 'token') };
    };
    this.split.hidden = !chosen;
    put(this.why);
    if (!chosen) {
      putReason(this.why, archive, group.metrics[0].variable, index);
      Object.assign(this, { metric: group.metrics[0], metrics: [], scale: null });
      this.drawControls();
      return;
    }
    const [metric, tokens] = await Promise.all([load(chosen), archive.tokens(group.result, index)]);
    const rowNames = await archive.labels(group.result, group.axis, metric.plane.rows, index);
    if (turn !== this.turn) return;
    const draw = (metrics, top, topValue) => {
      if (turn !== this.turn) return;
      const firsts = top && plane(top, group.axis, 'token');
      Object.assign(this, { metric, metrics, tokens, rowNames, top, topValue, firsts, settled: firsts ? settledRows(firsts) : null });
      this.drawControls();
      this.draw();
    };
    const rest = async () => draw(await Promise.all(known.map((one) => one === chosen ? metric : load(one))),
      ...await Promise.all([group.topId, group.topValue].map((one) => one && archive.load(one, index))));
    if (metric.plane.values.length <= kLarge) return rest();
    draw([metric]);
    // After the browser has shown the map.
    setTimeout(rest);
  }

  draw() {
    const { metric, current: group } = this;
    const { variable, loaded } = metric;
    const { rows, columns, values } = metric.plane;
    const scale = this.scale = scaleFor(variable, values);
    const axis = words(group.axis);
    const meaning = variable.long_name || words(variable.name);
    this.frame.say(`${group.label} · ${metric.label}`, `Colour: ${meaning}${inUnit(variable.unit)}; ${axis}s go up, tokens go across.${this.top ? ' Texts are the most probable tokens.' : ''}`);
    const isPooled = columns > 900;
    this.legend.set({ scale, title: metric.label, unit: variable.unit, approximate: loaded.approximate,
      note: isPooled ? (variable.signed ? 'Reduced maps show means.' : 'Reduced maps show the largest value.') : '' });
    put(this.note, this.settled ? el('span', {}, el('span.contour-key', { 'aria-hidden': 'true' }), 'From this line up the answer of the last layer stays first; it is drawn where cells are wide enough.') : '');
    this.map.set({
      rows, columns, values, scale, up: true, signed: Boolean(variable.signed), tokenColumns: true, contour: this.settled,
      rowTitle: axis, rowLabel: (i) => this.rowNames[i], columnLabel: (j) => token(this.tokens?.texts[j] ?? j),
      cellText: (i, j) => this.firsts ? token(this.archive.tokenText(this.firsts.values[i * columns + j])) : number(values[i * columns + j], loaded.approximate),
      describe: (i, j) => this.describe(i, j), pins,
      label: `map of ${meaning}: ${rows} ${axis}s by ${columns} tokens, values ${number(scale.domain[0])} to ${number(scale.domain[1])}`,
      onmove: (i, j) => setCell(i, j), onpin: (i, j) => this.pin(i, j), onhover: (i, j) => this.hover(i, j),
      onwindow: () => this.frame.refresh(),
    });
    const at = cell();
    this.map.cursorAt(at.row ?? rows - 1, at.column ?? columns - 1);
    this.fillSide(this.map.row, this.map.column);
    this.drawPins();
    this.frame.refresh();
  }

  position(j) {
    return this.tokens?.positions[j] ?? j;
  }

  describe(i, j) {
    const { axis } = this.current;
    const text = this.tokens ? ` ${token(this.tokens.texts[j])}` : '';
    const values = this.metrics.filter((one) => one === this.metric || ['probability', 'rank'].includes(one.id))
      .map((one) => `${one.label} ${number(one.plane.values[i * one.plane.columns + j], one.loaded.approximate)}${unitText(one.variable.unit)}`);
    const first = this.firsts ? [`first ${token(this.archive.tokenText(this.firsts.values[i * this.firsts.columns + j]))}`] : [];
    return [`${words(axis)} ${this.rowNames[i]}, token ${this.position(j)}${text}`, ...first, ...values].join(', ');
  }

  list(i, j) {
    if (!this.top) return [];
    const k = this.top.shape[2] ?? 1;
    const at = (i * this.firsts.columns + j) * k;
    const isProbability = this.topValue?.variable.name.endsWith('probability');
    return Array.from({ length: k }, (_, r) => ({ text: this.archive.tokenText(this.top.values[at + r]), value: this.topValue?.values[at + r], isProbability }))
      .filter((one, r) => this.top.values[at + r] >= 0);
  }

  fillSide(i, j) {
    const { metric } = this;
    const { rows, columns, values } = metric.plane;
    this.side.set({
      token: this.tokens?.texts[j] ?? String(j), position: this.position(j), row: this.rowNames[i], axis: words(this.current.axis),
      facts: this.metrics.map((one) => ({ name: one.label, unit: one.variable.unit, value: one.plane.values[i * one.plane.columns + j], approximate: one.loaded.approximate })),
      list: this.list(i, j), target: this.tokens?.texts[j + 1], scaleName: metric.label, at: i,
      column: Array.from({ length: rows }, (_, r) => values[r * columns + j]),
    });
  }

  hover(i, j) {
    if (i === undefined) this.fillSide(this.map.row, this.map.column);
    else this.fillSide(i, j);
  }

  pin(i, j) {
    announce(`${togglePin(i, j) ? 'pinned' : 'no longer pinned'}: ${this.describe(i, j)}`);
  }

  drawPins() {
    const { columns, rows } = this.metric.plane;
    const all = pins().filter((pin) => pin.row < rows && pin.column < columns);
    this.side.setPins(all.length ? [el('span.legend-title', {}, 'Pinned'), el('ul', {}, all.map((pin) => el('li', {},
      el('button.link', { type: 'button', onclick: () => setCell(pin.row, pin.column) }, `${quoted(this.tokens?.texts[pin.column])} ${words(this.current.axis)} ${this.rowNames[pin.row]}`),
      el('button.action', { type: 'button', 'aria-label': `take the pin of token ${pin.column}, ${this.current.axis} ${pin.row} away`, onclick: () => togglePin(pin.row, pin.column) }, '×'))))] : []);
  }

  /** Rows of the table: the whole map for CSV, the columns in sight for the page. */
  rows(most) {
    const { rows, columns, values } = this.metric.plane;
    const [start, end] = Number.isFinite(most) ? this.map.columnsInSight() : [0, columns];
    const [first, last] = [start, Number.isFinite(most) ? Math.min(end, start + 40) : end];
    const list = [];
    for (let i = rows - 1; i >= 0; --i) list.push([this.rowNames[i], ...Array.from(values.subarray(i * columns + first, i * columns + last))]);
    const names = Array.from({ length: last - first }, (_, k) => `${this.position(first + k)} ${token(this.tokens?.texts[first + k])}`);
    return { caption: `${this.metric.label} of ${this.archive.caseName(this.caseIndex())}`, head: [words(this.current.axis), ...names], rows: list,
      note: last - first < columns ? `Tokens ${first} to ${last - 1} of ${columns}.` : '' };
  }

  update(changed) {
    if (touches(changed, 'open', 'case', 'result', 'point', 'by')) return this.show();
    if (!this.metrics?.length) return undefined;
    if (changed.has('cell')) {
      const at = cell();
      this.map.cursorAt(at.row, at.column);
      this.fillSide(this.map.row, this.map.column);
    }
    if (changed.has('pins')) {
      this.map.drawCursor();
      this.drawPins();
    }
    return undefined;
  }

  redraw() {
    this.map.draw();
  }
}

export const lens = {
  id: 'lens', title: 'Lens',
  has: ({ archive }) => mapGroups(archive).length > 0,
  first: ({ archive }) => archive.chosen.length > 0,
  why: () => 'The archive has no map over layers and tokens: no variable with view heatmap and the dimension token. The tool logit_lens makes one.',
  mount: mounting(LensView),
};
