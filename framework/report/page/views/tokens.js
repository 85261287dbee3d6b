// Tokens: the text as it runs, with a value as the colour of each token's paper.
import { add, el, put, terms } from '../base/dom.js';
import { direction, inUnit, number, plural, token, unitText, words } from '../base/format.js';
import { dimsWithoutCase } from '../base/groups.js';
import { chosenOf, idOf, logOption, tokenSpans } from '../base/model.js';
import { scaleFor } from '../base/palette.js';
import { cell, get, set, setCell } from '../base/state.js';
import { choices, keyed, leave, picker } from '../parts/frame.js';
import { Legend } from '../parts/legend.js';
import { announce } from '../parts/live.js';
import { candidates } from '../parts/topk.js';
import { FramedView, mounting, putReason, touches } from '../parts/view.js';

const kChunk = 500;  // tokens that are made at once
const kMostInFigure = 2000;  // tokens that `lensbench plot` draws as a text

function valuesOverTokens(archive) {
  const isToken = (one) => dimsWithoutCase(one).join() === 'token' && one.type !== 'string' && !one.is_token_id && one.parts?.length > 0;
  const all = archive.variables((one) => isToken(one) && ['tokens', 'generation', 'bars'].includes(one.view));
  return all.sort((a, b) => (b.name === 'surprisal') - (a.name === 'surprisal'));
}

export class TokenText {
  constructor({ onmove, onhover }) {
    Object.assign(this, { onmove, onhover });
    this.root = keyed('div.text', 'text', (key) => this.key(key), { onclick: (event) => this.point(event, true), onpointerover: (event) => this.point(event, false), onpointerleave: () => onhover(undefined) });
    this.watch = new IntersectionObserver((entries) => entries.forEach((entry) => entry.isIntersecting && this.build(entry.target)), { rootMargin: '400px' });
  }

  /** `texts` with a `colour(i)` and an `ink(i)` each; `label` describes the whole. */
  set({ texts, colour, ink, describe, label }) {
    const isSame = texts === this.texts;
    Object.assign(this, { texts, colour, ink, describe, at: Math.min(this.at ?? texts.length - 1, texts.length - 1) });
    this.root.setAttribute('aria-label', label);
    if (isSame) return this.recolour();
    this.watch.disconnect();
    this.chunks = [];
    for (let first = 0; first < texts.length; first += kChunk) {
      const chunk = el('p.chunk', { 'data-first': first, dir: direction(texts.slice(first, first + kChunk).join('')) });
      chunk.style.minHeight = `${Math.ceil(Math.min(kChunk, texts.length - first) / 12) * 20}px`;
      this.chunks.push(chunk);
    }
    put(this.root, this.chunks);
    this.chunks.forEach((chunk, k) => k ? this.watch.observe(chunk) : this.build(chunk));
    return this.mark(this.at);
  }

  /** Other colours for the same texts: the elements that were made stay. */
  recolour() {
    for (const node of this.root.querySelectorAll('.token')) {
      const i = Number(node.dataset.at);
      Object.assign(node.style, { background: this.colour(i), color: this.ink(i) });
    }
    this.mark(this.at);
  }

  build(chunk) {
    if (chunk.childNodes.length) return;
    this.watch.unobserve(chunk);
    const first = Number(chunk.dataset.first);
    chunk.style.minHeight = '';
    for (let i = first; i < Math.min(first + kChunk, this.texts.length); ++i) {
      add(chunk, el('span.token.tinted', { 'data-at': i, style: { background: this.colour(i), color: this.ink(i) } }, token(this.texts[i])));
      if (/\n/.test(this.texts[i])) add(chunk, el('br'));
    }
  }

  node(i) {
    const chunk = this.chunks[Math.floor(i / kChunk)];
    if (!chunk) return null;
    this.build(chunk);
    return chunk.querySelector(`[data-at="${i}"]`);
  }

  mark(i) {
    this.root.querySelector('.here')?.classList.remove('here');
    this.at = Math.max(0, Math.min(this.texts.length - 1, i));
    const node = this.node(this.at);
    node?.classList.add('here');
    if (node && document.activeElement === this.root) node.scrollIntoView({ block: 'nearest' });
  }

  point(event, isClick) {
    const at = event.target.dataset?.at;
    if (at === undefined) return;
    if (isClick) this.move(Number(at));
    else this.onhover(Number(at));
  }

  move(i) {
    this.mark(i);
    announce(this.describe(this.at));
    this.onmove(this.at);
  }

  key(key) {
    const last = this.texts.length - 1;
    const to = { ArrowRight: this.at + 1, ArrowLeft: this.at - 1, ArrowDown: this.at + 10, ArrowUp: this.at - 10, PageDown: this.at + 100, PageUp: this.at - 100, Home: 0, End: last }[key];
    if (to === undefined) return key === 'Escape' && leave();
    this.move(Math.max(0, Math.min(last, to)));
    return true;
  }
}

class TokensView extends FramedView {
  constructor(context) {
    super(context, 'tokens');
    this.variables = valuesOverTokens(context.archive);
    this.legend = new Legend();
    this.text = new TokenText({ onmove: (i) => setCell(undefined, i), onhover: (i) => this.fillSide(i ?? this.text.at) });
    this.side = el('aside.cell-panel', { 'aria-label': 'token' });
    this.box = el('div.split', {}, el('div.wide', {}, this.legend.root, this.text.root), this.side);
    add(this.frame.body, this.box);
  }

  /** The figure of a long text has the part with the cursor. */
  command() {
    const { tokens, text, scale } = this;
    const first = Math.floor(text.at / kChunk) * kChunk;
    return super.command(` --kind tokens${tokens?.count > kMostInFigure ? tokenSpans(tokens.positions.slice(first, first + kChunk)) : ''}${logOption(scale)}`);
  }

  async show() {
    const { archive, variables } = this;
    const index = this.caseIndex();
    const turn = this.turn = {};
    this.variable = chosenOf(variables, get('value'));
    const { result } = this.variable;
    const mates = variables.filter((one) => one.result === result);
    const find = (test) => result.variables.find((one) => dimsWithoutCase(one).join() === 'token,rank' && test(one));
    const [loaded, tokens, top, topValue, facts] = await Promise.all([archive.load(this.variable, index), archive.tokens(result, index),
      archive.load(find((one) => one.is_token_id), index), archive.load(find((one) => /probability$/.test(one.name)), index), Promise.all(mates.map((one) => archive.load(one, index)))]);
    if (turn !== this.turn) return;
    Object.assign(this, { loaded, tokens, top, topValue, facts: facts.filter(Boolean) });
    const options = variables.map((one) => ({ id: idOf(one), label: variables.every((other) => other.result === result) ? words(one.name) : `${one.result.name}: ${words(one.name)}` }));
    const list = options.length <= 4 ? choices : picker;
    put(this.controls, options.length > 1 && list('Colour', options, idOf(this.variable), (value) => set({ value })));
    if (!loaded || !tokens) {
      this.scale = null;
      putReason(this.box, archive, this.variable, index);
      return;
    }
    if (this.text.root.parentElement?.parentElement !== this.box) put(this.box, el('div.wide', {}, this.legend.root, this.text.root), this.side);
    this.draw();
  }

  draw() {
    const { variable, loaded, tokens } = this;
    const scale = this.scale = scaleFor(variable, loaded.values);
    const meaning = variable.long_name || words(variable.name);
    this.frame.say(`Tokens · ${words(variable.name)}`, `The text of the case; the background of each token shows the ${meaning}${inUnit(variable.unit)}. · is a blank, ↵ a line end. ${plural(tokens.count, 'token')}.`);
    this.legend.set({ scale, title: words(variable.name), unit: variable.unit, approximate: loaded.approximate });
    this.text.set({
      texts: tokens.texts, colour: (i) => scale.css(loaded.values[i]), ink: (i) => scale.ink(loaded.values[i]), describe: (i) => this.describe(i),
      label: `text of ${tokens.texts.length} tokens with ${words(variable.name)}, ${number(scale.domain[0])} to ${number(scale.domain[1])}; arrow keys move by a token`,
    });
    this.text.mark(cell().column ?? tokens.texts.length - 1);
    this.fillSide(this.text.at);
    this.frame.refresh();
  }

  describe(i) {
    return `token ${this.tokens.positions[i]} ${token(this.tokens.texts[i])}, ${words(this.variable.name)} ${number(this.loaded.values[i], this.loaded.approximate)}${unitText(this.variable.unit)}`;
  }

  fillSide(i) {
    if (i === undefined || !this.tokens) return;
    const { tokens, top, topValue } = this;
    const k = top?.shape[1] ?? 0;
    const list = Array.from({ length: k }, (_, r) => ({ text: this.archive.tokenText(top.values[i * k + r]), value: topValue?.values[i * k + r], isProbability: Boolean(topValue) }));
    put(this.side, el('h4', {}, el('span.token.big', { dir: direction(tokens.texts[i]) }, token(tokens.texts[i])), el('span.place', {}, `position ${tokens.positions[i]}, id ${tokens.ids[i]}`)),
      terms('dl.facts-list', this.facts.map((one) => [words(one.variable.name), number(one.values[i], one.approximate) + unitText(one.variable.unit)])),
      list.length ? el('span.legend-title', {}, 'alternatives') : '', candidates(list, tokens.texts[i + 1]));
  }

  rows() {
    const { tokens, facts } = this;
    return { caption: `tokens of ${this.archive.caseName(this.caseIndex())}`, head: ['position', 'token', ...facts.map((one) => words(one.variable.name) + unitText(one.variable.unit))],
      rows: Array.from(tokens?.texts || [], (text, i) => [String(tokens.positions[i]), token(text), ...facts.map((one) => one.values[i])]) };
  }

  update(changed) {
    if (touches(changed, 'open', 'case', 'value')) return this.show();
    if (changed.has('cell') && this.tokens && this.loaded) {
      this.text.mark(cell().column ?? this.text.at);
      this.fillSide(this.text.at);
      if (this.tokens.count > kMostInFigure) this.frame.refresh();
    }
    return undefined;
  }
}

export const tokens = {
  id: 'tokens', title: 'Tokens',
  has: ({ archive }) => valuesOverTokens(archive).length > 0,
  why: () => 'The archive has no value for each token: no variable with view tokens and the dimension token. The tool token_analyzer makes some.',
  mount: mounting(TokensView),
};
