// The list of keys, opened by `?`.
import { el, terms } from '../base/dom.js';
import { button } from './frame.js';

const kKeys = [
  ['Tab', 'next control or picture'],
  ['← → ↑ ↓', 'move the cursor by a cell'],
  ['Page Up, Page Down', 'move by a screen'],
  ['Home, End', 'first and last cell of the row'],
  ['Enter', 'pin the cell, or take the pin away'],
  ['Escape', 'leave the picture'],
  ['+ − 0', 'enlarge, reduce, show all'],
  ['/', 'search a token'],
  ['?', 'this list'],
];

export class HelpDialog {
  constructor() {
    this.root = el('dialog.help', { 'aria-labelledby': 'help-title' }, el('h2', { id: 'help-title' }, 'Keys'),
      terms('dl', kKeys),
      el('p', {}, 'All pictures of a case share one cursor. The address after # holds what you look at: copy it to show someone the same cell.'),
      button('close', () => this.root.close()));
  }

  open() {
    if (!this.root.open) this.root.showModal();
  }
}
