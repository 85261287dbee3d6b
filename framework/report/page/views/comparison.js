// Comparison: what differs between two archives, and their maps with one cursor.
import { valuesOf } from '../base/blocks.js';
import { add, el, put } from '../base/dom.js';
import { number, plural, shellWord, token, unitText, words } from '../base/format.js';
import { mapGroups } from '../base/groups.js';
import { figureCommand, idOf, logOption, meaningOf, plane } from '../base/model.js';
import { extent, scaleFor, scaleOf } from '../base/palette.js';
import { cell, get, set, setCell } from '../base/state.js';
import { button, empty, frame, picker } from '../parts/frame.js';
import { FramedView, touches } from '../parts/view.js';
import { Legend } from '../parts/legend.js';
import { Matrix } from '../parts/matrix.js';
import { tableOf } from '../parts/table.js';

function mark(verdict) {
  return el(verdict === 'equal' ? 'span.ok' : verdict === 'differs' ? 'span.no' : 'span.near', {}, `${{ equal: '=', differs: '≠', 'within tolerance': '≈' }[verdict] || '·'} ${verdict}`);
}

/** Differences of recipe, environment and outcome as one table. */
function recipeFrame({ recipe = [], environment = [], outcomes = [] }, names) {
  const of = (kind, list) => list.map((one) => [one.field, kind, one.a ?? '—', one.b ?? '—']);
  const list = [...of('recipe', recipe), ...of('environment', environment), ...of('outcome', outcomes)];
  const rows = () => ({ caption: 'differences of the runs', head: ['field', 'part', ...names], rows: list });
  const shown = frame({ title: 'How the runs differ', rows, isTable: true, name: 'recipe', sentence: list.length ? `${plural(list.length, 'field')} of recipe, environment or outcome differ.` : 'Recipe, environment and outcome are equal.' });
  if (list.length) add(shown.body, tableOf(rows()));
  return shown.root;
}

function variableFrame({ variables = [], verdict }, archives) {
  const rows = () => ({ caption: 'variables of both archives', head: ['variable', 'verdict', 'largest difference', 'where'],
    rows: variables.map((one) => [`${one.result}/${one.name}`, mark(one.verdict), one.max_difference ?? NaN, one.reason || one.where || '—']) });
  const shown = frame({ title: 'Variables', rows, isTable: true, name: 'variables', sentence: `Taken together the results are: ${verdict}. Each variable is compared element by element; the largest difference and its place are given.`,
    commandName: 'command', command: () => `lensbench diff ${archives.map((one) => shellWord(one.data.file)).join(' ')}` });
  add(shown.body, variables.length ? tableOf(rows()) : empty('Both archives have no variable.'));
  return shown.root;
}

/** Columns of both maps side by side: pairs of indices, -1 where one text has no such token. */
async function pairsOf(index, result, aCase, counts) {
  const list = index.comparison?.alignment || [];
  const entry = list.find((one) => one.a_case === aCase && (!one.result || one.result === result.name));
  if (!entry) return { bCase: aCase, pairs: Array.from({ length: Math.max(...counts) }, (_, i) => [i < counts[0] ? i : -1, i < counts[1] ? i : -1]) };
  const flat = await valuesOf(entry.pairs);
  const n = flat.length / 2;
  return { bCase: entry.b_case, pairs: Array.from({ length: n }, (_, i) => [flat[i], flat[n + i]]) };
}

class Maps extends FramedView {
  constructor(context) {
    super(context, 'comparison');
    const { index, archives } = context;
    Object.assign(this, { index, archives, pairs: [], isB: false });
    const all = archives.map((one) => mapGroups(one).flatMap((group, _, groups) => group.metrics.filter((metric) => !metric.isTop).map((metric) => (
      { variable: metric.variable, id: idOf(metric.variable), by: metric.id, name: metric.label, label: groups.length > 1 ? `${group.label}: ${metric.label}` : metric.label, group }))));
    this.options = all[0].map((a) => ({ ...a, b: all[1].find((b) => b.id === a.id) })).filter((one) => one.b);
    this.legends = [new Legend(), new Legend()];
    this.maps = [new Matrix(), new Matrix(), new Matrix()];
    this.titles = [0, 1, 2].map((k) => el('h4', {}, k < 2 ? `${'AB'[k]}: ${archives[k].data.file}` : 'A − B'));
    this.blink = button('blink', () => this.swap(), { 'aria-pressed': 'false' });
    const box = (k) => el('div', {}, this.titles[k], this.maps[k].root);
    this.why = el('div');
    this.box = el('div', {}, this.legends[0].root, el('div.pair', {}, box(0), box(1)), el('div.below', {}, this.blink), this.legends[1].root, box(2));
    add(this.frame.body, this.box, this.why);
  }

  get variable() {
    return this.current.variable;
  }

  /** Both maps with one scale, and their difference where all cells have partners. */
  command() {
    const { archives: [, b], current, scale, bCase, isWhole } = this;
    if (!scale) return super.command();
    const options = ` --range=${scale.domain.map((end) => Number(end.toPrecision(6))).join(':')}${logOption(scale)}`;
    return [super.command(options, 'figure-a.svg'), figureCommand(b, current.b.variable, bCase, options, 'figure-b.svg'),
      ...isWhole ? [super.command(` --against ${shellWord(b.data.file)}`)] : []];
  }

  async show() {
    const { archives, options } = this;
    const index = this.caseIndex();
    const turn = this.turn = {};
    this.current = options.find((one) => one.id === get('path')) || options.find((one) => one.by === get('by')) || options[0];
    put(this.controls, picker('Value', options, this.current.id, (id) => set({ path: id })));
    const { current } = this;
    const aTokens = await archives[0].tokens(current.group.result, index);
    const { bCase } = await pairsOf(this.index, current.group.result, index, [0, 0]);
    const [a, b, bTokens] = await Promise.all([archives[0].load(current.variable, index), archives[1].load(current.b.variable, bCase), archives[1].tokens(current.b.group.result, bCase)]);
    if (turn !== this.turn) return;
    this.box.hidden = !a || !b;
    put(this.why);
    if (!a || !b) {
      this.scale = null;
      put(this.why, empty(archives[a ? 1 : 0].whyEmpty(current.variable, index)));
      return;
    }
    const planes = [plane(a, current.group.axis, 'token'), plane(b, current.b.group.axis, 'token')];
    const { pairs } = await pairsOf(this.index, current.group.result, index, planes.map((one) => one.columns));
    const isWhole = planes[0].rows === planes[1].rows && pairs.every((pair) => !pair.includes(-1));
    Object.assign(this, { pairs, bCase, isWhole, tokens: [aTokens, bTokens], rowCount: Math.min(planes[0].rows, planes[1].rows) });
    this.values = planes.map((one, k) => this.aligned(one, k));
    this.values.push(this.values[0].map((x, i) => x - this.values[1][i]));
    this.draw();
  }

  /** Values of a map in the columns of the alignment; NaN in its gaps. */
  aligned(one, k) {
    const values = new Float32Array(this.rowCount * this.pairs.length).fill(NaN);
    for (let i = 0; i < this.rowCount; ++i) this.pairs.forEach((pair, j) => { if (pair[k] >= 0) values[i * this.pairs.length + j] = one.values[i * one.columns + pair[k]]; });
    return values;
  }

  name(k, j) {
    const at = this.pairs[j][k];
    return at < 0 ? '—' : token(this.tokens[k]?.texts[at] ?? at);
  }

  draw() {
    if (!this.values) return;
    const { current, pairs, rowCount: rows } = this;
    const columns = pairs.length;
    const gaps = pairs.filter((pair) => pair.includes(-1)).length;
    const unit = unitText(current.variable.unit);
    this.frame.say(`Comparison of ${current.label}`, `${meaningOf(current.variable)} of both archives with one scale, and their difference. Tokens are aligned by id${gaps ? `; ${plural(gaps, 'column')} without a partner ${gaps === 1 ? 'is' : 'are'} hatched` : ''}.`);
    const scale = this.scale = scaleFor(current.variable, [...extent(this.values[0]), ...extent(this.values[1])]);
    const [low, high] = extent(this.values[2]);
    const difference = scaleOf({ palette: 'signs', kind: 'signed', domain: [low, high || (low ? 0 : 1)] });
    this.legends[0].set({ scale, title: current.name, unit: current.variable.unit });
    this.legends[1].set({ scale: difference, title: 'difference, A − B', unit: current.variable.unit });
    this.maps.forEach((map, k) => {
      const source = k < 2 && this.isB ? 1 - k : k;
      const values = this.values[source];
      map.set({
        rows, columns, values, scale: k < 2 ? scale : difference, up: true, signed: k === 2, tokenColumns: true, tallest: k < 2 ? 360 : 420, cell: 80, rowTitle: words(current.group.axis),
        rowLabel: (i) => String(i), columnLabel: (j) => k < 2 ? this.name(source, j) : this.pairs[j][0] >= 0 ? this.name(0, j) : this.name(1, j), cellText: (i, j) => Number.isNaN(values[i * columns + j]) ? '' : number(values[i * columns + j]),
        describe: (i, j) => `${words(current.group.axis)} ${i}, A ${this.name(0, j)} ${number(this.values[0][i * columns + j])}, B ${this.name(1, j)} ${number(this.values[1][i * columns + j])}, difference ${number(this.values[2][i * columns + j])}`,
        label: `map of ${current.label}, ${['A', 'B', 'difference'][k]}: ${rows} by ${columns}`, onmove: (i, j) => this.moved(i, j, k),
      });
    });
    this.follow();
    this.frame.refresh();
  }

  /** All three maps have one cursor; the other views follow the token of A. */
  moved(i, j, from) {
    this.maps.forEach((map, k) => k !== from && map.cursorAt(i, j));
    this.isOwn = true;
    if (this.pairs[j][0] >= 0) setCell(i, this.pairs[j][0]);
    this.isOwn = false;
  }

  follow() {
    if (this.isOwn || !this.values) return;
    const at = cell();
    const column = this.pairs.findIndex((pair) => pair[0] === at.column);
    for (const map of this.maps) map.cursorAt(at.row, column < 0 ? undefined : column);
  }

  /** Shows B in the place of A and A in that of B: a difference catches the eye. */
  swap() {
    this.isB = !this.isB;
    this.blink.setAttribute('aria-pressed', String(this.isB));
    [0, 1].forEach((k) => put(this.titles[k], `${'AB'[this.isB ? 1 - k : k]}: ${this.archives[this.isB ? 1 - k : k].data.file}`));
    this.draw();
  }

  rows() {
    const columns = this.pairs.length;
    const list = [];
    for (let i = 0; i < (this.rowCount || 0); ++i) for (let j = 0; j < columns; ++j) list.push([String(i), this.name(0, j), this.name(1, j), ...this.values.map((one) => one[i * columns + j])]);
    return { caption: this.current.label, head: [words(this.current.group.axis), 'token of A', 'token of B', 'A', 'B', 'A − B'], rows: list };
  }

  redraw() {
    for (const map of this.maps) map.draw();
  }
}

export const comparison = {
  id: 'comparison', title: 'Comparison',
  has: ({ index }) => Boolean(index.comparison),
  first: ({ index }) => Boolean(index.comparison),
  why: () => 'The page shows one archive. lensbench report A.h5 B.h5 compares two.',
  async mount(panel, context) {
    const { index, archives } = context;
    add(panel, recipeFrame(index.comparison, archives.map((one) => one.data.file)), variableFrame(index.comparison, archives));
    const maps = new Maps(context);
    if (!maps.options.length) return add(panel, empty('The archives have no map in common.')) && {};
    add(panel, maps.root);
    await maps.show();
    return {
      update: (changed) => touches(changed, 'open', 'case', 'path') ? maps.show() : changed.has('cell') ? maps.follow() : undefined,
      redraw: () => maps.redraw(),
    };
  },
};
