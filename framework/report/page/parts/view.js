// What views have in common: how they are mounted, their frame, and what they say without values.
import { add, el, put } from '../base/dom.js';
import { figureCommand, idOf, optionsOf } from '../base/model.js';
import { set } from '../base/state.js';
import { empty, frame, picker } from './frame.js';

/** Whether one of some keys of the address changed. */
export function touches(changed, ...keys) {
  return keys.some((key) => changed.has(key));
}

/** Mounts a view that is one object. */
export async function mountView(panel, view) {
  add(panel, view.root);
  await view.show();
  return view;
}

/** The `mount` of a view that is an object of a class. */
export function mounting(Kind) {
  return (panel, context) => mountView(panel, new Kind(context));
}

/** Mounts parts one below another. A change of one of the keys shows them anew, a move of the cursor is followed. */
export async function mountParts(panel, parts, ...keys) {
  add(panel, parts.map((part) => part.root));
  const show = () => Promise.all(parts.map((part) => part.show()));
  await show();
  return {
    update: (changed) => touches(changed, ...keys) ? show() : changed.has('cell') && parts.forEach((part) => part.follow?.()),
    redraw: () => parts.forEach((part) => part.redraw()),
  };
}

/** Puts the reason in the place of a picture for which a case has no values. */
export function putReason(place, archive, variable, index) {
  put(place, empty(archive.whyEmpty(variable, index), archive.showCommand(variable)));
}

/** A list of variables whose choice the address holds under a key; nothing for a single variable. */
export function variablePicker(variables, chosen, key, label = 'Value') {
  return variables.length > 1 && picker(label, optionsOf(variables), idOf(chosen), (value) => set({ [key]: value }));
}

/** A view with controls in a frame; a derived class has `rows(most)`, and `variable` or `command()`. */
export class FramedView {
  constructor({ archive, caseIndex }, name, commandName) {
    Object.assign(this, { archive, caseIndex, controls: el('div.controls') });
    this.frame = frame({ rows: (most) => this.rows(most), command: () => this.command(), commandName, name });
    this.root = this.frame.root;
    add(this.frame.body, this.controls);
  }

  command(more, file) {
    return figureCommand(this.archive, this.variable, this.caseIndex(), more, file);
  }
}
