// The frame of a view: title, a sentence that says what it shows, its table, its CSV file and the
// command that draws the same picture.
import { csvText, tableOf } from './table.js';
import { add, el, newId, put } from '../base/dom.js';
import { announce } from './live.js';

const kMostRows = 500;

/** A button that looks like the others. */
export function button(text, onclick, attributes = {}) {
  return el('button.action', { type: 'button', onclick, ...attributes }, text);
}

function download(name, text) {
  const url = URL.createObjectURL(new Blob([text], { type: 'text/csv;charset=utf-8' }));
  const link = el('a', { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

/** A command line with a button that copies it. */
export function commandLine(text) {
  const code = el('code', { tabindex: '0', role: 'group', 'aria-label': 'command' }, text);
  const copy = button('copy', async () => {
    try {
      await navigator.clipboard.writeText(text);
      announce('command copied');
    } catch (error) {
      // Without the right to copy, the text is selected and the reader copies it.
      getSelection().selectAllChildren(code);
      announce('command selected: copy it with the keyboard');
    }
  });
  return el('div.command', {}, code, copy);
}

/** The place of a picture with a cursor; `onkey(key)` says whether it used the key. */
export function keyed(name, kind, onkey, attributes, ...children) {
  const onkeydown = (event) => {
    if (!event.ctrlKey && !event.metaKey && !event.altKey && onkey(event.key)) event.preventDefault();
  };
  return el(name, { tabindex: '0', role: 'application', 'aria-roledescription': kind, onkeydown, ...attributes }, children);
}

/** Leaves a picture: the tab of its view gets the focus. */
export function leave() {
  document.querySelector('[role=tab][aria-selected=true]')?.focus();
  return true;
}

/**
 * A view's frame. `title` and `sentence` are texts, `rows(most)` returns `{caption, head, rows,
 * note}` for table and CSV (`isTable`: the picture is that table already), `command()` the figure command or a list
 * of them (or another command: `commandName`), `name` the name of the CSV file.
 */
export function frame({ title, sentence, rows, command, commandName = 'figure command', isTable, name = 'table' }) {
  const id = newId('frame');
  const body = el('div.body');
  const drawer = el('div.drawer', { 'aria-live': 'off' });
  const heading = el('h3', { id }, title);
  const text = el('p.sentence', {}, sentence);
  const tools = el('div.tools');
  const root = el('section.frame', { 'aria-labelledby': id }, el('div.top', {}, el('div', {}, heading, text), tools), body, drawer);
  let open = '';
  const commands = () => [command()].flat().map(commandLine);
  const show = (kind, make, knob) => {
    const isOpen = open === kind;
    open = isOpen ? '' : kind;
    for (const other of tools.children) other.setAttribute('aria-expanded', 'false');
    knob.setAttribute('aria-expanded', String(!isOpen));
    put(drawer, isOpen ? [] : make());
  };
  if (rows) {
    const knob = button('as table', () => show('table', () => tableOf(rows(kMostRows), kMostRows), knob), { 'aria-expanded': 'false' });
    add(tools, !isTable && knob, button('CSV', () => download(`${name}.csv`, csvText(rows(Infinity)))));
  }
  if (command) {
    const knob = button(commandName, () => show('command', commands, knob), { 'aria-expanded': 'false' });
    add(tools, knob);
  }
  return {
    root, body,
    say(title, sentence) {
      put(heading, title);
      put(text, sentence);
    },
    /** Draws the open table or command anew after a change of case or variable. */
    refresh() {
      if (open === 'table') put(drawer, tableOf(rows(kMostRows), kMostRows));
      if (open === 'command') put(drawer, commands());
    },
  };
}

/** What a view shows in place of a picture: the reason, and the command that shows the values. */
export function empty(reason, command) {
  return el('div.empty', {}, el('p', {}, reason), command && commandLine(command));
}

/** A group of radio buttons that look like one switch. */
export function choices(label, options, chosen, onchange) {
  const name = newId('choice');
  const group = el('fieldset.choices', {}, el('legend', {}, label));
  for (const option of options) {
    const id = newId('option');
    add(group, el('input', { type: 'radio', name, id, value: option.id, checked: option.id === chosen, onchange: () => onchange(option.id) }),
      el('label', { for: id, title: option.title }, option.label));
  }
  return group;
}

/** A labelled list to choose from. */
export function picker(label, options, chosen, onchange) {
  const id = newId('picker');
  const list = el('select', { id, onchange: () => onchange(list.value) },
    options.map((option) => el('option', { value: option.id }, option.label)));
  list.value = chosen;
  return el('div.picker', {}, el('label', { for: id }, label), list);
}

/** A labelled slider over whole numbers. */
export function slider(label, size, value, name, onchange) {
  const id = newId('slider');
  const shown = el('output', { for: id }, name(value));
  const range = el('input', { type: 'range', id, min: 0, max: size - 1, step: 1, value, 'aria-valuetext': name(value),
    oninput: () => {
      put(shown, name(Number(range.value)));
      range.setAttribute('aria-valuetext', name(Number(range.value)));
      onchange(Number(range.value));
    } });
  return el('div.slider', {}, el('label', { for: id }, label), range, shown);
}
