// The form of the live page: a prompt, a tool and its parameters.
import { add, el, put } from '../base/dom.js';
import { words } from '../base/format.js';
import { get, set } from '../base/state.js';
import { button, picker } from '../parts/frame.js';

/** One parameter of a tool: a list where only some words are allowed, else a field. */
function field(parameter, number) {
  const id = `parameter-${number}`;
  const initial = parameter.default || 'not set';
  const input = parameter.words.length
    ? el('select', { id }, el('option', { value: '' }, `default: ${initial}`), parameter.words.map((word) => el('option', { value: word }, word)))
    : el('input', { id, type: 'text', placeholder: initial, autocomplete: 'off', spellcheck: 'false' });
  input.setAttribute('aria-describedby', `${id}-help`);
  input.dataset.parameter = parameter.name;
  return el('div.parameter', {}, el('label', { for: id }, words(parameter.name)), input,
    el('p.note', { id: `${id}-help` }, `${parameter.help} Expected: ${parameter.expected}.`));
}

export class AskForm {
  /** \param actions  `{ask(question), cancel()}` */
  constructor(tools, actions) {
    Object.assign(this, { tools, actions });
    this.prompt = el('textarea', { id: 'prompt', rows: 2, spellcheck: 'false', autocomplete: 'off', dir: 'auto', placeholder: 'a text, as the model would read it',
      onkeydown: (event) => this.key(event) });
    this.run = el('button.action.primary', { type: 'submit' }, 'Run');
    this.stop = button('Cancel', () => actions.cancel(), { hidden: true });
    this.fields = el('div.parameters');
    this.more = el('details.more', {}, el('summary', {}, 'Parameters'), this.fields);
    this.summary = el('p.note', { id: 'tool-summary' });
    this.picker = picker('Tool', tools.map((tool) => ({ id: tool.name, label: tool.name })), this.tool().name, (name) => { set({ tool: name }); this.showTool(); });
    this.picker.querySelector('select').setAttribute('aria-describedby', 'tool-summary');
    this.root = el('form.ask', { 'aria-label': 'prompt', onsubmit: (event) => this.submit(event) },
      el('div.ask-text', {}, el('label', { for: 'prompt' }, 'Prompt'), this.prompt),
      el('div.ask-row', {}, this.picker, this.run, this.stop, el('span.note', {}, 'Enter runs the tool; Shift and Enter begin a new line')),
      this.summary, this.more);
    this.showTool();
  }

  tool() {
    return this.tools.find((tool) => tool.name === get('tool')) || this.tools[0];
  }

  showTool() {
    const tool = this.tool();
    put(this.summary, tool.summary);
    put(this.fields, tool.parameters.map(field));
    this.more.hidden = !tool.parameters.length;
    this.picker.querySelector('select').value = tool.name;
  }

  /** Parameters that the reader set. */
  parameters() {
    const given = {};
    for (const input of this.fields.querySelectorAll('[data-parameter]'))
      if (input.value !== '') given[input.dataset.parameter] = input.value;
    return given;
  }

  key(event) {
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    this.submit(event);
  }

  submit(event) {
    event.preventDefault();
    if (this.isBusy) return;
    this.actions.ask({ tool: this.tool().name, prompt: this.prompt.value, parameters: this.parameters() });
  }

  /** The form stays as it is while a question runs, so that the focus stays too. */
  busy(isBusy) {
    this.isBusy = isBusy;
    this.run.setAttribute('aria-disabled', String(isBusy));
    if (!isBusy && document.activeElement === this.stop) this.prompt.focus();
    this.stop.hidden = !isBusy;
  }
}
