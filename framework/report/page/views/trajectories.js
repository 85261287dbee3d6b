// Trajectories: how a value of the pinned tokens changes from layer to layer.
import { add, el, put } from '../base/dom.js';
import { number, quoted, unitText, words } from '../base/format.js';
import { dimsWithoutCase, mapGroups } from '../base/groups.js';
import { intervalOf, isInterval, logOption, meaningOf, tokenSpans } from '../base/model.js';
import { cell, get, pins, set, setCell } from '../base/state.js';
import { choices, keyed, picker } from '../parts/frame.js';
import { fitted, lineChart, lineKey } from '../parts/lines.js';
import { announce } from '../parts/live.js';
import { FramedView, mounting, putReason, touches } from '../parts/view.js';

const kMost = 8;

/** What can be drawn: `{id, label, variable, axis, overTokens}`. */
function seriesOf(archive) {
  const maps = mapGroups(archive).flatMap((group) => group.metrics.filter((one) => !one.isTop).map((one) => ({
    id: `${group.result.name}/${one.variable.name}`, label: `${group.label}: ${one.label}`, name: one.label, variable: one.variable, axis: group.axis, overTokens: true })));
  const known = new Set(maps.map((one) => one.variable));
  const others = archive.variables((one) => one.view === 'trajectory' && !known.has(one) && one.type !== 'string' && dimsWithoutCase(one).length > 0 && !isInterval(one)).map((variable) => ({
    id: `${variable.result.name}/${variable.name}`, label: `${variable.result.name}: ${words(variable.name)}`, name: words(variable.name), variable, axis: dimsWithoutCase(variable)[0], overTokens: dimsWithoutCase(variable)[1] === 'token' }));
  return [...maps, ...others];
}

class TrajectoryView extends FramedView {
  constructor(context) {
    super(context, 'trajectories');
    this.series = seriesOf(context.archive);
    this.key = el('div');
    this.chart = fitted((width) => this.make(width));
    // The keys move the cursor along the layers, as in the map.
    this.stage = keyed('div.keyed', 'line chart', (key) => this.move(key), {}, this.chart.root);
    this.box = el('div', {}, this.stage, this.key);
    this.hint = el('p.note');
    add(this.frame.body, this.box, this.hint);
  }

  get variable() {
    return this.current.variable;
  }

  command() {
    const { loaded, current, tokens } = this;
    if (!loaded) return super.command();
    const drawn = current.overTokens ? tokenSpans(this.lines().map(({ column }) => tokens?.positions[column] ?? column)) : '';
    return super.command(` --kind line${loaded.dims.length > 1 ? 's' : ''}${drawn}${logOption({ kind: this.scale() })}`);
  }

  drawControls() {
    const { series, current } = this;
    const isPositive = !current.variable.signed;
    put(this.controls, series.length > 1 && picker('Value', series, current.id, (id) => set({ path: id })),
      isPositive && choices('Axis', [{ id: 'linear', label: 'linear' }, { id: 'log', label: 'logarithmic' }], this.scale(), (id) => set({ axis: id })));
  }

  isRank() {
    return /(^|_)rank$/.test(this.current.variable.name);
  }

  scale() {
    return this.current.variable.signed ? 'linear' : get('axis') || (this.isRank() ? 'log' : 'linear');
  }

  async show() {
    this.current = this.series.find((one) => one.id === get('path')) || this.series.find((one) => one.name === get('by')) || this.series[0];
    const { current, archive } = this;
    const index = this.caseIndex();
    const turn = this.turn = {};
    const [loaded, interval, tokens] = await Promise.all([archive.load(current.variable, index), intervalOf(archive, current.variable, index), archive.tokens(current.variable.result, index)]);
    if (turn !== this.turn) return;
    Object.assign(this, { loaded: null, interval, tokens });
    this.drawControls();
    if (!loaded) {
      putReason(this.box, archive, current.variable, index);
      return;
    }
    put(this.box, this.stage, this.key);
    this.names = await archive.labels(current.variable.result, current.axis, loaded.shape[0], index);
    const others = loaded.dims[1] && !current.overTokens ? await archive.labels(current.variable.result, loaded.dims[1], loaded.shape[1], index) : null;
    if (turn !== this.turn) return;
    Object.assign(this, { loaded, others });
    this.frame.say(`Trajectory of ${current.name}`, `${meaningOf(current.variable)} at each ${words(current.axis)}${current.overTokens ? ', a line for each pinned token' : ''}.${interval ? ' Bands are intervals.' : ''}${this.isRank() ? ' Rank 1 is on top.' : ''}`);
    put(this.hint, current.overTokens ? 'Pin up to eight cells in Lens with Enter; without pins the token under the cursor is drawn.' : '');
    this.draw();
  }

  /** The lines: pinned tokens, or the token under the cursor, or the rows of another dimension. */
  lines() {
    const { loaded, current, interval } = this;
    const columns = loaded.shape.slice(1).reduce((a, b) => a * b, 1);
    const column = (values, j) => Float32Array.from({ length: loaded.shape[0] }, (_, i) => values[i * columns + j]);
    const line = (j, label) => ({ label, column: j, values: column(loaded.values, j), low: interval && column(interval.low, j), high: interval && column(interval.high, j) });
    if (!current.overTokens) return Array.from({ length: Math.min(kMost, columns) }, (_, j) => line(j, this.others ? this.others[j] : current.name));
    const pinned = [...new Set(pins().map((pin) => pin.column))].filter((j) => j < columns);
    const at = Math.min(cell().column ?? columns - 1, columns - 1);
    if (!pinned.includes(at)) pinned.push(at);
    return pinned.slice(-kMost).map((j) => line(j, `${quoted(this.tokens?.texts[j])} (${this.tokens?.positions[j] ?? j})`));
  }

  make(width) {
    if (!this.loaded) return '';
    const { variable, axis, name } = this.current;
    return lineChart({ lines: this.lines(), x: this.names, xTitle: words(axis), yTitle: name + unitText(variable.unit), scale: this.scale(), down: this.isRank(), cursor: cell().row ?? this.names.length - 1, width, height: 360, onmove: (i) => setCell(i, undefined) });
  }

  draw() {
    const { current } = this;
    this.stage.setAttribute('aria-label', `trajectory of ${current.name} over ${this.names.length} ${words(current.axis)}s; arrow keys move the cursor`);
    this.chart.draw();
    const at = Math.min(cell().row ?? this.names.length - 1, this.names.length - 1);
    put(this.key, lineKey(this.lines().map((one) => ({ label: one.label, extra: el('b.n', {}, ` ${number(one.values[at], this.loaded.approximate)}`) }))));
    this.frame.refresh();
  }

  move(key) {
    const old = cell();
    const row = old.row ?? this.names.length - 1;
    const tokens = this.current.overTokens ? this.loaded.shape[1] : 1;
    const column = Math.min(old.column ?? tokens - 1, tokens - 1);
    const to = { ArrowRight: [row + 1, column], ArrowLeft: [row - 1, column], ArrowUp: [row, column + 1], ArrowDown: [row, column - 1], Home: [0, column], End: [this.names.length - 1, column] }[key];
    if (!to) return false;
    const [i, j] = [Math.max(0, Math.min(this.names.length - 1, to[0])), Math.max(0, Math.min(tokens - 1, to[1]))];
    setCell(i, j);
    const line = this.lines().find((one) => one.column === j) || this.lines()[0];
    announce(`${words(this.current.axis)} ${this.names[i]}, ${line.label}, ${this.current.name} ${number(line.values[i], this.loaded.approximate)}`);
    return true;
  }

  rows() {
    const lines = this.loaded ? this.lines() : [];
    return { caption: this.current.name, head: [words(this.current.axis), ...lines.map((one) => one.label)], rows: (this.names || []).map((name, i) => [name, ...lines.map((one) => one.values[i])]) };
  }

  update(changed) {
    if (touches(changed, 'open', 'case', 'path', 'by', 'axis')) return this.show();
    if (this.loaded && (changed.has('cell') || changed.has('pins'))) this.draw();
    return undefined;
  }

  redraw() {
    if (this.loaded) this.chart.draw();
  }
}

export const trajectories = {
  id: 'trajectories', title: 'Trajectories',
  has: ({ archive }) => seriesOf(archive).length > 0,
  why: () => 'The archive has no value over layers: no variable with view trajectory or a map over layers and tokens.',
  mount: mounting(TrajectoryView),
};
