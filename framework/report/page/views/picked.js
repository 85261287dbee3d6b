// Views that show one variable at a time, chosen from a list: General and Maps.
import { el, put } from '../base/dom.js';
import { mapGroups } from '../base/groups.js';
import { chosenOf, isInterval } from '../base/model.js';
import { get } from '../base/state.js';
import { AnyPicture } from '../parts/any.js';
import { mountView, touches, variablePicker } from '../parts/view.js';

const kWithView = ['heatmap', 'patching', 'trajectory', 'bars', 'tokens', 'generation', 'attention', 'image', 'graph', 'statistics', 'table', 'grades', 'profile'];

/** A view with a list of variables; `Picture` draws one. */
export class PickedView {
  constructor(context, id, variables, Picture = AnyPicture) {
    Object.assign(this, { id, variables, list: el('div.controls'), picture: new Picture(context) });
    this.root = el('div', {}, this.list, this.picture.root);
  }

  chosen() {
    return chosenOf(this.variables, get(this.id));
  }

  show() {
    const chosen = this.chosen();
    put(this.list, variablePicker(this.variables, chosen, this.id, 'Variable'));
    return this.picture.set(chosen);
  }

  update(changed) {
    if (touches(changed, 'open', 'case', this.id)) return this.show();
    return changed.has('cell') && this.follow();
  }

  follow() {
    this.picture.follow();
  }

  redraw() {
    this.picture.redraw();
  }
}

function restOf(archive) {
  return archive.variables((one) => !kWithView.includes(one.view));
}

export const general = {
  id: 'general', title: 'General',
  has: ({ archive }) => restOf(archive).length > 0,
  why: () => 'All variables of the archive have views of their own.',
  mount: (panel, context) => mountView(panel, new PickedView(context, 'general', restOf(context.archive))),
};

/** Maps that are not over tokens and not over heads: those have the views Lens and Attribution. */
function mapsOf(archive) {
  const drawn = new Set(mapGroups(archive).flatMap((group) => [group.topId, group.topValue, ...group.metrics.map((one) => one.variable)]));
  return archive.variables((one) => one.view === 'heatmap' && !drawn.has(one) && !one.dims.some((dim) => /head$/.test(dim)) && !isInterval(one) && one.type !== 'string');
}

export const maps = {
  id: 'maps', title: 'Maps',
  has: ({ archive }) => mapsOf(archive).length > 0,
  why: () => 'The archive has no further maps: those over layers and tokens are in Lens, those over heads in Attribution.',
  mount: (panel, context) => mountView(panel, new PickedView(context, 'map', mapsOf(context.archive))),
};
