// What surrounds the views: heading, receipts, tabs, case and search, provenance. The bundler replaces
// LIVE by whether the script is that of a live page, which has many shells one after another.
import { add, el, put } from '../base/dom.js';
import { number, plural, shorten } from '../base/format.js';
import { cell, get, listen, set, setCell } from '../base/state.js';
import { button, commandLine, empty, picker } from './frame.js';
import { HelpDialog } from './help.js';
import { announce, liveRegion } from './live.js';
import { Tabs } from './tabs.js';
import { Theme } from './theme.js';

export class Shell {
  /** \param content  `{index, archives, archive, views}`; in a live page with `live`: its `{help, theme}` */
  constructor(content) {
    Object.assign(this, content);
    const { index, archives, archive, views } = content;
    const live = LIVE && content.live;
    this.context = { index, archives, archive, go: (changes) => set(changes), caseIndex: () => archive.caseIndex(get('case')) };
    this.context.firstView = () => (this.available.find((view) => !view.withoutCase) || this.available[0]).id;
    this.mounted = new Map();
    this.panels = new Map();
    this.widths = new Map();
    this.help = LIVE ? live.help : new HelpDialog();
    this.theme = LIVE ? live.theme : new Theme(() => this.redraw());
    this.available = views.filter((view) => view.has(this.context));
    // The view that was open may be that of another tool, which was asked before.
    if (LIVE && !this.available.some((view) => view.id === get('view'))) set({ view: this.context.firstView() });
    this.tabs = new Tabs(views, this.available, (id) => set({ view: id }));
    this.main = el('main', { id: 'views' });
    const parts = [this.banners(), this.tabs.root, this.toolbar(), this.main, this.footer()];
    this.root = LIVE ? el('div.answer', {}, parts)
      : el('div.page', {}, el('a.skip', { href: '#views', onclick: (event) => this.skip(event) }, 'skip to the view'), this.header(), parts, this.help.root, liveRegion());
    if (LIVE) this.life = new AbortController();
    const on = (name, react) => addEventListener(name, react, LIVE ? this.life : undefined);
    const unlisten = listen((changed) => this.changed(changed));
    on('keydown', (event) => this.key(event));
    on('beforeprint', () => this.print(true));
    on('afterprint', () => this.print(false));
    const observer = new ResizeObserver(() => this.resized());
    observer.observe(this.main);
    if (LIVE) this.close = () => { this.life.abort(); unlisten(); observer.disconnect(); };
  }

  skip(event) {
    event.preventDefault();
    (this.main.querySelector('[role=tabpanel]:not([hidden]) [tabindex="0"]') || this.main).focus();
  }

  header() {
    const { data } = this.archive;
    const count = data.cases?.count ?? 0;
    const names = this.archives.map((archive) => archive.data.file).join(' and ');
    const facts = [data.experiment || (data.tools || []).join(', '), data.model, plural(count, 'case')].filter(Boolean);
    const title = this.index.kind === 'comparison' ? `Comparison of ${names}` : data.title || data.file;
    return el('header.head', {},
      el('div.brand', {}, el('span.mark', { 'aria-hidden': 'true' }, Array.from({ length: 9 }, () => el('i'))), 'lensbench'),
      el('div.titles', {}, el('h1', { dir: 'auto' }, title), el('p.facts', {}, facts.map((fact) => el('span', {}, fact)))),
      el('div.knobs', {}, this.theme.knob, button('?', () => this.help.open(), { 'aria-label': 'keys', title: 'keys (?)' })));
  }

  banners() {
    const list = el('section.banners', { 'aria-label': 'warnings' });
    for (const archive of this.archives) {
      const { data } = archive;
      const prefix = this.archives.length > 1 ? `${data.file}: ` : '';
      if (data.complete === false) add(list, el('p.banner.warn', { role: 'note' }, el('b', {}, `${prefix}incomplete. `), data.incomplete));
      const failed = (data.receipts || []).filter((one) => !one.passed);
      if (!failed.length) continue;
      const first = failed[0];
      add(list, el('p.banner.bad', { role: 'note' },
        el('b', {}, `${prefix}${plural(failed.length, 'receipt')} FAILED: `),
        `${first.name} of ${first.result}, ${number(first.value)} (at most ${number(first.tolerance)})${first.worst_case ? `, case ${first.worst_case}` : ''}. `,
        el('a', { href: '#view=receipts', onclick: (event) => { event.preventDefault(); set({ view: 'receipts' }); } }, 'All receipts')));
    }
    return list;
  }

  toolbar() {
    const { archive } = this;
    const cases = archive.chosen.map((index) => ({ id: archive.caseName(index), label: shorten(archive.caseName(index), 60) }));
    this.picker = picker('Case', cases, archive.caseName(archive.caseIndex(get('case'))), (id) => set({ case: id }));
    this.search = el('input', { type: 'search', id: 'search', placeholder: 'token text', autocomplete: 'off', spellcheck: 'false',
      onkeydown: (event) => { if (event.key === 'Enter') this.find(); } });
    this.bar = el('div.toolbar', { role: 'search', 'aria-label': 'case and token' }, cases.length ? this.picker : '',
      el('div.picker', {}, el('label', { for: 'search' }, 'Search token'), this.search, button('next', () => this.find())));
    return this.bar;
  }

  /** Moves the cursor to the next token that contains the text of the search field. */
  async find() {
    const wanted = this.search.value.toLowerCase();
    const caseIndex = this.context.caseIndex();
    const result = this.archive.results.find((one) => one.name === get('result') && one.tokens) || this.archive.results.find((one) => one.tokens);
    const tokens = await this.archive.tokens(result, caseIndex);
    if (!wanted || !tokens) return announce(wanted ? 'this archive has no tokens to search' : 'enter a part of a token');
    const from = cell().column ?? -1;
    for (let k = 1; k <= tokens.texts.length; ++k) {
      const at = (from + k) % tokens.texts.length;
      if (!tokens.texts[at].toLowerCase().includes(wanted)) continue;
      setCell(undefined, at);
      return announce(`token ${at}: ${tokens.texts[at]}`);
    }
    return announce(`no token contains ${this.search.value}`);
  }

  footer() {
    const lines = this.archives.map((archive) => {
      const { data } = archive;
      const digest = (name) => el('span.digest', { title: `${name} digest: ${data.digests?.[name]}` }, `${name} `, el('code', {}, (data.digests?.[name] || '—').slice(0, 12)));
      return el('p', {}, this.archives.length > 1 ? el('b', {}, `${data.file} `) : '', ['results', 'recipe', 'environment', 'seal'].map(digest),
        LIVE ? el('span', {}, 'the digests are computed when the answer is saved')
          : data.verified ? el('span.ok', {}, '✓ digests verified') : el('span.no', {}, 'digests not verified'));
    });
    const left = this.index.left_out || [];
    return el('footer.foot', {}, lines,
      left.length ? el('details', {}, el('summary', {}, `${plural(left.length, 'part')} of the archive left out of this page`),
        left.map((one) => el('div', {}, el('p', {}, one.what), commandLine(one.command)))) : '',
      el('p', {}, el('span', {}, this.index.generator), el('span.print-only', { id: 'print-case' })));
  }

  panel(view) {
    if (!this.panels.has(view.id)) {
      const node = el('div.panel', { id: `panel-${view.id}`, role: 'tabpanel', 'aria-labelledby': `tab-${view.id}`, hidden: true });
      this.panels.set(view.id, node);
      // The other panels stay where they are: an element that is moved loses the focus.
      const after = this.views.slice(this.views.indexOf(view) + 1).find((one) => this.panels.has(one.id));
      this.main.insertBefore(node, after ? this.panels.get(after.id) : null);
    }
    return this.panels.get(view.id);
  }

  view() {
    const named = this.views.find((view) => view.id === get('view'));
    return named || this.available.find((view) => view.first?.(this.context)) || this.available[0];
  }

  /** Opens a view: mounts it if this is the first time, and brings it up to date. */
  async open() {
    const view = this.view();
    const panel = this.panel(view);
    for (const [id, node] of this.panels) node.hidden = id !== view.id;
    this.tabs.select(view.id);
    this.bar.hidden = Boolean(view.withoutCase) || !this.archive.chosen.length;
    await this.mount(view, panel);
    await this.mounted.get(view.id)?.update?.(new Set(['open']));
    this.fit(view);
  }

  /** Draws a view again whose pictures were made for another width, or while it was hidden. */
  fit(view) {
    const width = this.main.clientWidth;
    if (this.widths.get(view.id) === width) return;
    this.widths.set(view.id, width);
    this.mounted.get(view.id)?.redraw?.();
  }

  mount(view, panel) {
    if (!this.mounting) this.mounting = new Map();
    if (!this.mounting.has(view.id)) this.mounting.set(view.id, this.build(view, panel));
    return this.mounting.get(view.id);
  }

  async build(view, panel) {
    add(panel, el('h2', {}, view.title));
    if (!panel.hidden) this.widths.set(view.id, this.main.clientWidth);
    if (!view.has(this.context)) return add(panel, empty(view.why?.(this.context) || 'The archive has no variable for this view.'));
    try {
      this.mounted.set(view.id, await view.mount(panel, this.context));
    } catch (error) {
      // One view that cannot be drawn does not take the others away.
      add(panel, empty(`This view could not be drawn: ${error.message}`));
    }
    return panel;
  }

  /** Builds the views that were not opened, when the browser has time: printing shows all of them. */
  async mountOthers() {
    for (const view of this.available) {
      if (LIVE && this.life.signal.aborted) return;
      await new Promise((done) => (self.requestIdleCallback ? requestIdleCallback(done, { timeout: 4000 }) : setTimeout(done, 50)));
      await this.mount(view, this.panel(view));
    }
    document.documentElement.dataset.all = 'true';
  }

  changed(changed) {
    if (changed.has('theme')) this.theme.apply();
    if (changed.has('case')) this.picker.querySelector('select').value = this.archive.caseName(this.context.caseIndex());
    if (changed.has('view')) return this.open();
    return this.mounted.get(this.view().id)?.update?.(changed);
  }

  redraw() {
    for (const view of this.mounted.values()) view?.redraw?.();
  }

  /** A view may change its own height when it is drawn: only another width counts. */
  resized() {
    this.fit(this.view());
  }

  async print(begins) {
    document.documentElement.classList.toggle('printing', begins);
    this.theme.apply(begins);
    document.getElementById('print-case').textContent = this.archive.chosen.length ? `case ${this.archive.caseName(this.context.caseIndex())}` : '';
    const shown = this.view().id;
    for (const [id, node] of this.panels) node.hidden = begins ? !this.mounted.has(id) : id !== shown;
    this.redraw();
    this.widths.clear();
  }

  key(event) {
    const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName) && event.target.type !== 'radio';
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === '/' && !typing) {
      event.preventDefault();
      this.search.focus();
    } else if (event.key === '?' && !typing) {
      event.preventDefault();
      this.help.open();
    } else if (event.key === 'Escape' && event.target === this.search) {
      this.tabs.focus();
    }
  }
}
