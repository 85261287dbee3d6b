// The line below the form: what runs, what went wrong, and the knob that saves an answer.
import { add, el, put } from '../base/dom.js';
import { number, plural } from '../base/format.js';
import { button } from '../parts/frame.js';
import { announce } from '../parts/live.js';
import { archiveOf, progress } from './server.js';

/** Milliseconds after which a question counts as a long one, and between two looks at its progress. */
const kFirstLook = 400;
const kNextLook = 500;

export class Status {
  constructor() {
    this.root = el('section.status', { 'aria-label': 'state of the question' });
  }

  show(...nodes) {
    put(this.root, nodes);
  }

  problem(text) {
    this.show(el('p.banner.bad', { role: 'alert' }, text));
  }

  cancelled() {
    this.show(el('p.note', {}, 'Cancelled.'));
    announce('cancelled');
  }

  /** Looks at the progress of a long question until the function that it returns is called. */
  follow() {
    this.show(el('p.note', {}, 'Running …'));
    const bar = el('progress', { 'aria-label': 'progress' });
    const text = el('span', {});
    let timer = 0;
    let isOver = false;
    const look = async () => {
      const now = await progress().catch(() => null);
      if (isOver || !now) return;
      if (now.total > 0) Object.assign(bar, { max: now.total, value: now.done });
      put(text, now.state === 'idle' ? '' : `${now.tool} runs for ${number(Math.round(now.seconds))} s${now.total > 0 ? `: ${now.done} of ${now.total} steps` : ''}${now.state === 'cancelling' ? '; it ends after the step that runs' : ''}`);
      if (!bar.isConnected) this.show(el('p.note.running', {}, bar, ' ', text));
      timer = setTimeout(look, kNextLook);
    };
    timer = setTimeout(look, kFirstLook);
    return () => {
      isOver = true;
      clearTimeout(timer);
    };
  }

  /** Says what was answered, with the knob that saves it. */
  answered({ id, notes, file }, tool, tokens, milliseconds) {
    const state = el('span', { role: 'status' });
    const save = button('Save as archive', () => this.save(id, state), { title: file });
    this.show(el('div.answered', {}, el('span', {}, `${tool}: ${plural(tokens, 'token')} in ${number(milliseconds / 1000)} s`), save, state),
      notes.map((note) => el('p.note', {}, note)));
    announce(`${tool}: answered`);
  }

  async save(id, state) {
    put(state, 'writing the archive …');
    try {
      const { name, blob } = await archiveOf(id);
      const url = URL.createObjectURL(blob);
      const link = el('a', { href: url, download: name });
      document.body.append(link);
      link.click();
      link.remove();
      setTimeout(() => URL.revokeObjectURL(url), 10000);
      put(state, `saved as ${name}`);
    } catch (error) {
      put(state, error.message);
    }
  }
}
