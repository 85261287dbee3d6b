// The live page of `lensbench serve`: asks the server, and draws each answer with the views of a report.
import { useBlocks } from '../base/blocks.js';
import { el, put } from '../base/dom.js';
import { Archive } from '../base/model.js';
import { set, startState } from '../base/state.js';
import { button } from '../parts/frame.js';
import { HelpDialog } from '../parts/help.js';
import { liveRegion } from '../parts/live.js';
import { Shell } from '../parts/shell.js';
import { Theme } from '../parts/theme.js';
import { views } from '../views/all.js';
import { AskForm } from './ask.js';
import { ask, cancel } from './server.js';
import { Status } from './status.js';

function readFacts() {
  const bytes = Uint8Array.from(atob(document.getElementById('live').textContent), (c) => c.charCodeAt(0));
  return JSON.parse(new TextDecoder().decode(bytes));
}

class LivePage {
  constructor(facts) {
    this.help = new HelpDialog();
    this.theme = new Theme(() => this.shell?.redraw());
    this.status = new Status();
    this.form = new AskForm(facts.tools, { ask: (question) => this.ask(question), cancel: () => cancel().catch((error) => this.status.problem(error.message)) });
    this.place = el('div', {}, el('main', {}, el('p.empty', {}, 'Type a prompt and press Enter: the answer is drawn here.')));
    this.root = el('div.page', {}, el('a.skip', { href: '#prompt', onclick: (event) => { event.preventDefault(); this.form.prompt.focus(); } }, 'skip to the prompt'),
      this.header(facts), this.form.root, this.status.root, this.place, this.help.root, liveRegion());
  }

  header({ model, family, version }) {
    return el('header.head', {},
      el('div.brand', {}, el('span.mark', { 'aria-hidden': 'true' }, Array.from({ length: 9 }, () => el('i'))), 'lensbench'),
      el('div.titles', {}, el('h1', { dir: 'auto' }, model), el('p.facts', {}, el('span', {}, family), el('span', {}, `lensbench ${version}, live`))),
      el('div.knobs', {}, this.theme.knob, button('?', () => this.help.open(), { 'aria-label': 'keys', title: 'keys (?)' })));
  }

  async ask(question) {
    const begin = performance.now();
    delete document.documentElement.dataset.answerAfter;
    this.form.busy(true);
    const stop = this.status.follow();
    try {
      const message = await ask(question);
      stop();
      if (!message) return this.status.cancelled();
      await this.draw(message);
      this.status.answered(message, question.tool, message.index.archives[0].cases.tokens.values?.[0] ?? 0, performance.now() - begin);
      document.documentElement.dataset.answer = message.id;
      // Milliseconds until the frame that shows the answer; a page in the background shows none.
      requestAnimationFrame(() => { document.documentElement.dataset.answerAfter = performance.now() - begin; });
    } catch (error) {
      stop();
      this.status.problem(error.message);
      document.documentElement.dataset.problem = error.message;
    } finally {
      this.form.busy(false);
    }
  }

  async draw({ index, blocks }) {
    this.shell?.close();
    useBlocks(blocks);
    // The cursor of an earlier prompt means another token in this one.
    set({ case: undefined, cell: undefined, pins: undefined, result: undefined, point: undefined });
    const archive = await new Archive(index, index.archives[0]).open();
    this.shell = new Shell({ index, archives: [archive], archive, views, live: { help: this.help, theme: this.theme } });
    put(this.place, this.shell.root);
    await this.shell.open();
    this.shell.mountOthers();
  }
}

startState();
const page = new LivePage(readFacts());
put(document.getElementById('app'), page.root);
page.form.prompt.focus();
document.documentElement.dataset.ready = 'true';
