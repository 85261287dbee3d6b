// The row of tabs: one for each view that the archive has data for, the others in a list at the end.
import { add, el } from '../base/dom.js';

export class Tabs {
  constructor(views, available, choose) {
    this.choose = choose;
    this.tabs = new Map();
    this.list = el('div.tabs', { role: 'tablist', 'aria-label': 'views', onkeydown: (event) => this.key(event) });
    for (const view of available) this.addTab(view);
    const others = views.filter((view) => !available.includes(view));
    this.root = el('nav.views', { 'aria-label': 'views' }, this.list);
    if (!others.length) return;
    const menu = el('details.others', {}, el('summary', {}, 'Other views'), el('div', {}, others.map((view) => el('button.action', {
      type: 'button', onclick: () => { menu.open = false; if (!this.tabs.has(view.id)) this.addTab(view); choose(view.id); } }, view.title))));
    this.others = others;
    add(this.root, menu);
  }

  addTab(view) {
    const tab = el('button', { type: 'button', role: 'tab', id: `tab-${view.id}`, tabindex: '-1', 'aria-selected': 'false', onclick: () => this.choose(view.id) }, view.title);
    this.tabs.set(view.id, tab);
    add(this.list, tab);
  }

  select(id) {
    const other = this.others?.find((view) => view.id === id);
    if (other && !this.tabs.has(id)) this.addTab(other);
    for (const [name, tab] of this.tabs) {
      const chosen = name === id;
      tab.setAttribute('aria-selected', String(chosen));
      tab.tabIndex = chosen ? 0 : -1;
      if (chosen) tab.setAttribute('aria-controls', `panel-${name}`);
      else tab.removeAttribute('aria-controls');
      if (chosen && this.list.scrollWidth > this.list.clientWidth) this.list.scrollLeft = tab.offsetLeft - this.list.offsetLeft - 40;
    }
  }

  focus() {
    this.list.querySelector('[aria-selected=true]')?.focus();
  }

  key(event) {
    const names = [...this.tabs.keys()];
    const at = names.findIndex((name) => this.tabs.get(name) === document.activeElement);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: names.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const name = names[(to + names.length) % names.length];
    this.choose(name);
    this.tabs.get(name).focus();
  }
}
