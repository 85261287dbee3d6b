// Grades: how well each tool answered the question that it claims to answer, a claim at a time.
import { add, el, put } from '../base/dom.js';
import { shellWord, words } from '../base/format.js';
import { dimsWithoutCase } from '../base/groups.js';
import { plane } from '../base/model.js';
import { get, set } from '../base/state.js';
import { dotChart } from '../parts/bars.js';
import { choices, picker } from '../parts/frame.js';
import { fitted } from '../parts/lines.js';
import { tableOf } from '../parts/table.js';
import { FramedView, mountParts, putReason } from '../parts/view.js';

/** Scores: a value for each entry and metric, with ends of intervals and of the bands of controls. */
function scoresOf(archive) {
  return archive.variables((one) => one.view === 'grades' && one.type !== 'string' && dimsWithoutCase(one).join() === 'entry,metric' && !/(^|_)(low|high)$|^(random|shuffled)/.test(one.name));
}

class Grades extends FramedView {
  constructor(context, variable) {
    super(context, 'grades', 'command');
    this.variable = variable;
    this.chart = fitted((width) => this.items.length ? dotChart({ items: this.items, title: this.metric, width, bands: this.bands }) : '');
    this.stories = el('div');
    add(this.frame.body, this.chart.root, this.stories);
    this.items = [];
  }

  command() {
    return `lensbench export ${shellWord(this.archive.data.file)} ${shellWord(this.variable.result.name)} --format csv`;
  }

  async read(name) {
    const found = this.variable.result.variables.find((one) => one.name === name);
    return found && this.archive.load(found, this.caseIndex());
  }

  async show() {
    const { archive, variable } = this;
    const loaded = await archive.load(variable, this.caseIndex());
    if (!loaded) return putReason(this.chart.root, archive, variable);
    const names = ['low', 'high', 'random_low', 'random_high', 'shuffled_low', 'shuffled_high', 'claim', 'story', 'command'];
    const [low, high, randomLow, randomHigh, shuffledLow, shuffledHigh, claim, story, command] = await Promise.all(names.map((name) => this.read(name)));
    const [entries, metrics] = await Promise.all(['entry', 'metric'].map((dim, k) => archive.labels(variable.result, dim, loaded.shape[k])));
    const claims = claim ? [...new Set(claim.values)] : ['all'];
    const chosen = claims.includes(get('claim')) ? get('claim') : claims[0];
    const at = Math.max(0, metrics.indexOf(get('metric')));
    this.metric = metrics[at];
    put(this.controls, claims.length > 1 && choices('Claim', claims.map((id) => ({ id, label: id })), chosen, (id) => set({ claim: id })),
      metrics.length > 1 && picker('Metric', metrics.map((id) => ({ id, label: words(id) })), this.metric, (id) => set({ metric: id })));
    const column = (one) => one && plane(one, 'entry', '', { metric: at }).values;
    const [value, a, b] = [loaded, low, high].map(column);
    const kept = entries.map((_, i) => i).filter((i) => !claim || claim.values[i] === chosen);
    this.items = kept.map((i) => ({ label: entries[i], value: value[i], low: a?.[i], high: b?.[i] })).sort((x, y) => y.value - x.value);
    const band = (label, from, to) => from && to ? [{ label, low: Math.min(...kept.map((i) => column(from)[i])), high: Math.max(...kept.map((i) => column(to)[i])) }] : [];
    this.bands = [...band('random scores', randomLow, randomHigh), ...band('shuffled models', shuffledLow, shuffledHigh)].filter((one) => Number.isFinite(one.low) && Number.isFinite(one.high));
    this.frame.say(`${variable.result.name}: grades`, `${words(this.metric)} of each tool for the claim ${chosen}, the best first. Whiskers are 95 % intervals${this.bands.length ? `; grey bands: ${this.bands.map((one) => one.label).join(', ')}` : ''}.`);
    const told = story ? kept.filter((i) => story.values[i]).map((i) => [entries[i], story.values[i], command?.values[i] || '—']) : [];
    put(this.stories, told.length ? tableOf({ caption: 'What to learn from it', head: ['tool', 'story', 'command'], rows: told }) : '');
    this.chart.draw();
    return this.frame.refresh();
  }

  rows() {
    return { caption: this.metric, head: ['tool', words(this.metric), 'low', 'high'], rows: this.items.map((one) => [one.label, one.value, one.low ?? NaN, one.high ?? NaN]) };
  }

  redraw() {
    this.chart.draw();
  }
}

export const grades = {
  id: 'grades', title: 'Grades', withoutCase: true,
  has: ({ archive }) => scoresOf(archive).length > 0,
  why: () => 'The archive is not that of graded tools: no variable with view grades over entries and metrics.',
  mount: (panel, context) => mountParts(panel, scoresOf(context.archive).map((one) => new Grades(context, one)), 'claim', 'metric'),
};
