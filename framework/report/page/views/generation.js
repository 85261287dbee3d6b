// Generation: step by step, which token was chosen and what the sampling left of the distribution.
import { add, el, put, terms } from '../base/dom.js';
import { direction, number, plural, token, unitText, words } from '../base/format.js';
import { dimsWithoutCase } from '../base/groups.js';
import { scaleOf } from '../base/palette.js';
import { cell, get, set, setCell } from '../base/state.js';
import { button, picker } from '../parts/frame.js';
import { candidates } from '../parts/topk.js';
import { FramedView, mounting, putReason, touches } from '../parts/view.js';
import { TokenText } from './tokens.js';

function tracesOf(archive) {
  return archive.results.filter((result) => result.tokens && result.variables.some((one) => one.view === 'generation' && dimsWithoutCase(one)[0] === 'token'));
}

/** Settings of the sampling that a result names, as a sentence. */
function settings(result) {
  const names = ['temperature', 'top_k', 'top_p', 'seed', 'strategy'];
  return names.filter((name) => result.attributes?.[name] !== undefined).map((name) => `${words(name)} ${result.attributes[name]}`).join(', ');
}

class GenerationView extends FramedView {
  constructor(context) {
    super(context, 'generation');
    Object.assign(this, { results: tracesOf(context.archive), timer: 0 });
    this.text = new TokenText({ onmove: (i) => setCell(undefined, i), onhover: (i) => this.fillStep(i ?? this.text.at) });
    this.step = el('div.steps');
    this.play = button('play', () => this.toggle(), { 'aria-pressed': 'false' });
    this.box = el('div', {}, this.text.root, el('div.below', {}, button('previous step', () => this.go(-1)), button('next step', () => this.go(1)), this.play), this.step);
    add(this.frame.body, this.box);
  }

  get variable() {
    return (this.loaded.find((one) => !one.variable.is_token_id) || this.loaded[0]).variable;
  }

  async show() {
    const { archive, results } = this;
    const index = this.caseIndex();
    const result = this.result = results.find((one) => one.name === get('trace')) || results[0];
    const turn = this.turn = {};
    const list = result.variables.filter((one) => ['generation', 'tokens'].includes(one.view) && dimsWithoutCase(one)[0] === 'token' && one.type !== 'string');
    const [loaded, tokens] = await Promise.all([Promise.all(list.map((one) => archive.load(one, index))), archive.tokens(result, index)]);
    if (turn !== this.turn) return;
    put(this.controls, results.length > 1 ? picker('Result', results.map((one) => ({ id: one.name, label: one.name })), result.name, (id) => set({ trace: id })) : '');
    this.loaded = loaded.filter(Boolean);
    this.tokens = tokens;
    this.isEmpty = !tokens || !this.loaded.length;
    if (this.isEmpty) {
      putReason(this.box, archive, list[0], index);
      return;
    }
    this.named = Object.fromEntries(this.loaded.map((one) => [one.variable.name, one]));
    const isNew = this.named.generated?.values;
    const first = isNew ? Array.from(isNew).findIndex((x) => x > 0) : 0;
    const how = settings(result);
    this.frame.say('Generation trace', `${first > 0 ? `${plural(first, 'token')} of prompt, then ${plural(tokens.count - first, 'step')}` : plural(tokens.count, 'step')}${how ? ` with ${how}` : ''}. Colour is the probability of the chosen token${first > 0 ? '; the prompt has none' : ''}.`);
    const p = this.named.chosen_probability?.values || this.named.sampling_probability?.values;
    const scale = scaleOf({ palette: 'viridis', kind: 'linear', domain: [0, 1] });
    const at = (i) => p && (!isNew || isNew[i] > 0) ? p[i] : NaN;
    this.text.set({ texts: tokens.texts, colour: (i) => scale.css(at(i)), ink: (i) => scale.ink(at(i)), describe: (i) => this.describe(i),
      label: `generated text of ${tokens.texts.length} tokens; arrow keys move by a step` });
    this.text.mark(cell().column ?? Math.max(0, first));
    this.fillStep(this.text.at);
    this.frame.refresh();
  }

  go(by) {
    this.text.move(Math.max(0, Math.min(this.tokens.texts.length - 1, this.text.at + by)));
  }

  /** Plays the steps; stops at the last one. */
  toggle() {
    const isPlaying = this.timer !== 0;
    clearInterval(this.timer);
    this.timer = isPlaying ? 0 : setInterval(() => {
      if (this.text.at >= this.tokens.texts.length - 1) this.toggle();
      else this.go(1);
    }, 700);
    put(this.play, isPlaying ? 'play' : 'pause');
    this.play.setAttribute('aria-pressed', String(!isPlaying));
  }

  facts(i) {
    return this.loaded.filter((one) => one.dims.length === 1 && !one.variable.is_token_id && one.variable.name !== 'generated')
      .map((one) => ({ name: words(one.variable.name), value: one.values[i], unit: one.variable.unit, approximate: one.approximate }));
  }

  describe(i) {
    const said = this.facts(i).filter((one) => /probability|rank|margin/.test(one.name)).slice(0, 4);
    return [`step ${i}, ${token(this.tokens.texts[i])}`, ...said.map((one) => `${one.name} ${number(one.value, one.approximate)}`)].join(', ');
  }

  /** Distributions of a step: one list for each pair of ids and probabilities in the result. */
  distributions(i) {
    return this.loaded.filter((one) => one.variable.is_token_id && one.dims.length === 2).map((ids) => {
      const prefix = ids.variable.name.replace(/id$/, '');
      const values = this.named[`${prefix}probability`];
      const k = ids.shape[1];
      const list = Array.from({ length: k }, (_, r) => ({ text: this.archive.tokenText(ids.values[i * k + r]), value: values?.values[i * k + r], isProbability: Boolean(values) }));
      return el('div', {}, el('h4', {}, words(prefix.replace(/_$/, '')) || 'candidates'), candidates(list, this.tokens.texts[i]));
    });
  }

  fillStep(i) {
    if (i === undefined || this.isEmpty) return;
    const text = this.tokens.texts[i];
    put(this.step, el('div', {}, el('h4', {}, `Step ${i} `, el('span.token', { dir: direction(text) }, token(text))),
      terms('dl.facts-list', this.facts(i).map((one) => [one.name, number(one.value, one.approximate) + unitText(one.unit)]))), this.distributions(i));
  }

  rows() {
    const list = (this.loaded || []).filter((one) => one.dims.length === 1);
    return { caption: 'generation trace', head: ['step', 'token', ...list.map((one) => words(one.variable.name) + unitText(one.variable.unit))],
      rows: Array.from(this.tokens?.texts || [], (text, i) => [String(i), token(text), ...list.map((one) => one.variable.is_token_id ? token(this.archive.tokenText(one.values[i])) : one.values[i])]) };
  }

  update(changed) {
    if (touches(changed, 'open', 'case', 'trace')) return this.show();
    if (changed.has('cell') && !this.isEmpty) {
      this.text.mark(cell().column ?? this.text.at);
      this.fillStep(this.text.at);
    }
    return undefined;
  }
}

export const generation = {
  id: 'generation', title: 'Generation',
  has: ({ archive }) => tracesOf(archive).length > 0,
  why: () => 'The archive has no generated text: no variable with view generation. The tool token_analyzer with new tokens makes one.',
  mount: mounting(GenerationView),
};
