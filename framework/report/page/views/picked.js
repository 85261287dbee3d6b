// Views that show one variable at a time, chosen from a list: General and Maps.
import { add, el, put } from '../base/dom.js';
import { mapGroups } from '../base/groups.js';
import { chosenOf, idOf, isInterval, optionsOf } from '../base/model.js';
import { get, set } from '../base/state.js';
import { AnyPicture } from '../parts/any.js';
import { picker } from '../parts/frame.js';

const kWithView = ['heatmap', 'patching', 'trajectory', 'bars', 'tokens', 'generation', 'attention', 'image', 'graph', 'statistics', 'table', 'grades', 'profile'];

/** A view with a list of variables; `Picture` draws one. */
export class PickedView {
  constructor(panel, { archive, caseIndex }, id, variables, Picture = AnyPicture) {
    Object.assign(this, { id, variables, list: el('div.controls') });
    this.picture = new Picture(archive, caseIndex);
    add(panel, this.list, this.picture.root);
  }

  chosen() {
    return chosenOf(this.variables, get(this.id));
  }

  show() {
    const options = optionsOf(this.variables);
    const chosen = this.chosen();
    put(this.list, options.length > 1 ? picker('Variable', options, idOf(chosen), (id) => set({ [this.id]: id })) : '');
    return this.picture.set(chosen);
  }

  update(changed) {
    if (['open', 'case', this.id].some((key) => changed.has(key))) return this.show();
    if (changed.has('cell')) this.picture.follow();
    return undefined;
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
  async mount(panel, context) {
    const view = new PickedView(panel, context, 'general', restOf(context.archive));
    await view.show();
    return view;
  },
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
  async mount(panel, context) {
    const view = new PickedView(panel, context, 'map', mapsOf(context.archive));
    await view.show();
    return view;
  },
};
