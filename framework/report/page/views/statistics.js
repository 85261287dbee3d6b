// Statistics: values with intervals as dots and whiskers, and grids of tests in which cells that are not
// significant are hatched.
import { el, put } from '../base/dom.js';
import { number, unitText, words } from '../base/format.js';
import { dimsWithoutCase } from '../base/groups.js';
import { intervalOf, isInterval, meaningOf } from '../base/model.js';
import { AnyPicture } from '../parts/any.js';
import { dotChart } from '../parts/bars.js';
import { fitted } from '../parts/lines.js';
import { FramedView, mountParts, putReason } from '../parts/view.js';

const kLevel = 0.05;
const isP = (name) => /(^|_)(p|p_value|p_adjusted|q_value)$/.test(name);

function mainOf(archive) {
  return archive.variables((one) => one.view === 'statistics' && one.type !== 'string' && !isInterval(one) && !isP(one.name));
}

/** The p values that belong to a variable: with its name as prefix, else alone and over the same dimensions. */
function pOf(variable) {
  const dims = dimsWithoutCase(variable).join();
  const mates = variable.result.variables.filter((one) => isP(one.name) && dimsWithoutCase(one).join() === dims);
  const find = (kind) => mates.find((one) => one.name === `${variable.name}_${kind}`) || mates.find((one) => one.name === kind);
  return { raw: find('p_value') || find('p'), adjusted: find('p_adjusted') || find('q_value') };
}

/** Method, draws and seed, as attributes of the variable or its result name them. */
function methodText(variable) {
  const all = { ...variable.result.attributes, ...variable.attributes };
  return Object.entries(all).filter(([name]) => /statistic|bootstrap|interval|draws|seed|method|correction|test/.test(name) && name !== 'method')
    .map(([name, value]) => `${words(name)}: ${value}`).join('; ');
}

class Dots extends FramedView {
  constructor(context, variable) {
    super(context, variable.name);
    this.variable = variable;
    this.chart = fitted((width) => dotChart({ items: this.items, title: words(variable.name), width }));
  }

  async show() {
    const { archive, variable } = this;
    const index = this.caseIndex();
    const p = pOf(variable);
    const [loaded, interval, raw, adjusted] = await Promise.all([archive.load(variable, index), intervalOf(archive, variable, index), archive.load(p.raw, index), archive.load(p.adjusted, index)]);
    if (!loaded) return putReason(this.frame.body, archive, variable, index);
    const [dim = ''] = loaded.dims;
    this.dim = dim;
    const names = await archive.labels(variable.result, dim, loaded.shape[0] ?? 1, index);
    const decisive = adjusted || raw;
    this.items = names.map((label, i) => ({ label: dim ? label : words(variable.name), value: loaded.values[i], low: interval?.low[i], high: interval?.high[i], raw: raw?.values[i], adjusted: adjusted?.values[i],
      isOpen: decisive && !(decisive.values[i] < kLevel), text: decisive ? `p ${number(decisive.values[i])}` : '' }));
    const method = methodText(variable);
    this.frame.say(`${variable.result.name}: ${words(variable.name)}`, `${meaningOf(variable)}.${interval ? ' Whiskers are intervals.' : ''}${decisive ? ` Open circles: ${adjusted ? 'adjusted ' : ''}p is at least ${kLevel}.` : ''}${method ? ` ${method}.` : ''}`);
    put(this.frame.body, this.chart.root, decisive ? el('ul.p-list', {}, this.items.slice(0, 40).map((one) => el('li', {}, el('b', {}, one.label), ` ${number(one.value)}`, Number.isFinite(one.low) ? ` [${number(one.low)}, ${number(one.high)}]` : '', Number.isFinite(one.raw) ? `, p ${number(one.raw)}` : '', Number.isFinite(one.adjusted) ? `, adjusted p ${number(one.adjusted)}` : ''))) : '');
    this.chart.draw();
    return this.frame.refresh();
  }

  rows() {
    return { caption: words(this.variable.name), head: [words(this.dim || 'value'), words(this.variable.name) + unitText(this.variable.unit), 'low', 'high', 'p', 'adjusted p'],
      rows: (this.items || []).map((one) => [one.label, one.value, one.low ?? NaN, one.high ?? NaN, one.raw ?? NaN, one.adjusted ?? NaN]) };
  }

  redraw() {
    if (this.items) this.chart.draw();
  }
}

/** A grid of tests: cells that are not significant are hatched. */
class TestGrid extends AnyPicture {
  constructor(context, tested) {
    super(context);
    this.tested = tested;
  }

  async show() {
    const p = pOf(this.tested);
    this.p = await this.archive.load(p.adjusted || p.raw, this.caseIndex());
    this.isAdjusted = Boolean(p.adjusted);
    await this.set(this.tested);
  }

  extra() {
    if (!this.p || this.loaded.dims.length !== 2) return {};
    const { values } = this.p;
    const isPlain = this.axes?.[0] === this.loaded.dims[0];
    const at = (i, j, columns) => isPlain ? i * columns + j : j * this.loaded.shape[1] + i;
    return {
      hatched: (i, j, columns) => !(values[at(i, j, columns)] < kLevel),
      legend: `Hatched: ${this.isAdjusted ? 'adjusted ' : ''}p is at least ${kLevel}.`,
      say: (i, j, columns) => `, ${this.isAdjusted ? 'adjusted ' : ''}p ${number(values[at(i, j, columns)])}`,
    };
  }
}

export const statistics = {
  id: 'statistics', title: 'Statistics',
  has: ({ archive }) => mainOf(archive).length > 0,
  why: () => 'The archive has no summary with intervals or tests: no variable with view statistics. Experiments make them over all cases.',
  mount: (panel, context) => mountParts(panel, mainOf(context.archive).slice(0, 24)
    .map((variable) => new (dimsWithoutCase(variable).length <= 1 ? Dots : TestGrid)(context, variable)), 'case'),
};
