// Grades: how well each tool answered the question that it claims to answer, a claim at a time.
import { add, el, put } from '../base/dom.js';
import { number, shellWord, words } from '../base/format.js';
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
  return archive.variables((one) => one.view === 'grades' && one.name === 'value' && one.type !== 'string' && dimsWithoutCase(one).join() === 'entry,metric');
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
    return `lensbench plot ${shellWord(this.archive.data.file)} ${shellWord(`${this.variable.result.name}/${this.variable.name}`)} --at ${shellWord(`metric=${this.metric}`)} -o grades.svg`;
  }

  async read(name) {
    const found = this.variable.result.variables.find((one) => one.name === name);
    return found && this.archive.load(found, this.caseIndex());
  }

  async show() {
    const { archive, variable } = this;
    const loaded = await archive.load(variable, this.caseIndex());
    if (!loaded) return putReason(this.chart.root, archive, variable);
    const names = ['low', 'high', 'random_low', 'random_high', 'shuffled_low', 'shuffled_high', 'question', 'claim', 'better', 'story', 'command'];
    const [low, high, randomLow, randomHigh, shuffledLow, shuffledHigh, question, claim, better, story, command] = await Promise.all(names.map((name) => this.read(name)));
    const [entries, metrics] = await Promise.all(['entry', 'metric'].map((dim, k) => archive.labels(variable.result, dim, loaded.shape[k])));
    // Claims about one question are compared with each other.
    const group = question ?? claim;
    const groups = group ? [...new Set(group.values)] : ['all'];
    const chosen = groups.includes(get('claim')) ? get('claim') : groups[0];
    const of = entries.map((_, i) => i).filter((i) => !group || group.values[i] === chosen);
    const column = (one, at) => one && plane(one, 'entry', '', { metric: at }).values;
    // Each question has metrics of its own.
    const known = metrics.map((_, at) => at).filter((at) => of.some((i) => Number.isFinite(column(loaded, at)[i])));
    const at = known.find((k) => metrics[k] === get('metric')) ?? known[0] ?? 0;
    this.metric = metrics[at];
    put(this.controls, groups.length > 1 && choices('Question', groups.map((id) => ({ id, label: id })), chosen, (id) => set({ claim: id })),
      known.length > 1 && picker('Metric', known.map((k) => ({ id: metrics[k], label: words(metrics[k]) })), this.metric, (id) => set({ metric: id })));
    const [value, a, b] = [loaded, low, high].map((one) => column(one, at));
    const smaller = better?.values[at] === 'smaller';
    const kept = of.filter((i) => Number.isFinite(value[i]));
    this.items = kept.map((i) => ({ label: entries[i], value: value[i], low: a?.[i], high: b?.[i] })).sort((x, y) => smaller ? x.value - y.value : y.value - x.value);
    const ends = (one) => kept.map((i) => column(one, at)[i]).filter(Number.isFinite);
    const band = (label, from, to) => from && to ? [{ label, low: Math.min(...ends(from)), high: Math.max(...ends(to)) }] : [];
    this.bands = [...band('random scores', randomLow, randomHigh), ...band('shuffled models', shuffledLow, shuffledHigh)].filter((one) => Number.isFinite(one.low) && Number.isFinite(one.high));
    this.frame.say(`${variable.result.name}: grades`, `${words(this.metric)} of each tool for the question “${chosen}”, the best first (${smaller ? 'smaller' : 'larger'} is better). Whiskers are 95 % intervals${this.bands.length ? `; grey bands: ${this.bands.map((one) => `${one.label} (${number(one.low)} to ${number(one.high)})`).join(', ')}` : ''}.`);
    const told = story ? of.filter((i) => story.values[i]).map((i) => [entries[i], story.values[i], command?.values[i] || '—']) : [];
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
