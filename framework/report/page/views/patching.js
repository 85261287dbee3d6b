// Patching: what a replaced activation gives back, by layer and position or head.
import { put, terms } from '../base/dom.js';
import { quoted, words } from '../base/format.js';
import { isInterval } from '../base/model.js';
import { AnyPicture } from '../parts/any.js';
import { mountView } from '../parts/view.js';
import { PickedView } from './picked.js';

function patchesOf(archive) {
  return archive.variables((one) => one.view === 'patching' && one.type !== 'string' && !isInterval(one));
}

class PatchPicture extends AnyPicture {
  async set(variable) {
    await super.set(variable);
    const all = { ...this.archive.data.request?.parameters, ...this.archive.data.request, ...variable.result.attributes, ...variable.attributes };
    const said = Object.entries(all).filter(([name, value]) => /^(clean|corrupted|base|prompt)(_text|_prompt)?$/.test(name) && typeof value === 'string' && value);
    put(this.texts, terms('dl.pairs', said.map(([name, value]) => [words(name), quoted(value)]), 'dd.token'));
  }

  extra() {
    const isShare = /recovery|share/.test(this.variable.name);
    return { mark: isShare ? 1 : undefined, legend: isShare ? '0: as without the patch; 1: the whole effect is back.' : 'White: no effect.' };
  }
}

export const patching = {
  id: 'patching', title: 'Patching',
  has: ({ archive }) => patchesOf(archive).length > 0,
  why: () => 'The archive has no effects of replaced activations: no variable with view patching. The tool activation_patching makes them.',
  mount: (panel, context) => mountView(panel, new PickedView(context, 'patch', patchesOf(context.archive), PatchPicture)),
};
