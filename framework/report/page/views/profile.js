// Profile: where the time and the bytes of a run went.
import { add } from '../base/dom.js';
import { bytes, number, words } from '../base/format.js';
import { scaleFor } from '../base/palette.js';
import { AnyPicture } from '../parts/any.js';
import { barChart } from '../parts/bars.js';
import { choices, frame } from '../parts/frame.js';
import { Legend } from '../parts/legend.js';
import { fitted } from '../parts/lines.js';
import { Matrix } from '../parts/matrix.js';

function mapsOf(archive) {
  return archive.variables((one) => one.view === 'profile');
}

function bars(archive, key, title, sentence) {
  const list = (archive.data.profile || []).filter((one) => one[key] > 0);
  if (!list.length) return null;
  const chart = fitted((width) => barChart({ items: list.map((one) => ({ label: one.tool, value: key === 'bytes' ? one[key] / 1e6 : one[key] })), title, width }));
  const shown = frame({ title, sentence, rows: () => ({ caption: title, head: ['tool', 'seconds', 'bytes', 'cases'], rows: list.map((one) => [one.tool, one.seconds, one.bytes, one.cases]) }), name: key });
  add(shown.body, chart.root);
  return { root: shown.root, redraw: () => chart.draw() };
}

/** Seconds or bytes of each component of each block, as a map. */
class BlockMap {
  constructor(list) {
    this.list = list;
    this.key = 'seconds';
    this.blocks = [...new Set(list.map((one) => one.block))].sort((a, b) => a - b);
    this.components = [...new Set(list.map((one) => one.component))];
    this.map = new Matrix();
    this.legend = new Legend();
    this.frame = frame({ title: 'Blocks and components', sentence: 'What each component of each block of the model took over the run; block −1 is what comes before and after the blocks.', name: 'profile',
      rows: () => ({ caption: 'blocks and components', head: ['block', 'component', 'calls', 'seconds', 'allocated bytes', 'peak bytes', 'weight bytes'], rows: list.map((one) => [String(one.block), one.component, one.calls, one.seconds, one.allocated_bytes, one.peak_bytes, one.weight_bytes]) }) });
    add(this.frame.body, choices('Colour', ['seconds', 'allocated_bytes', 'peak_bytes', 'weight_bytes'].map((id) => ({ id, label: words(id) })), this.key, (id) => { this.key = id; this.redraw(); }), this.legend.root, this.map.root);
    this.root = this.frame.root;
  }

  redraw() {
    const { blocks, components, key } = this;
    const values = new Float32Array(blocks.length * components.length).fill(NaN);
    for (const one of this.list) values[blocks.indexOf(one.block) * components.length + components.indexOf(one.component)] = one[key];
    const scale = scaleFor({ name: key }, values);
    const show = (x) => Number.isNaN(x) ? '' : key === 'seconds' ? number(x) : bytes(x);
    this.legend.set({ scale, title: words(key), unit: key === 'seconds' ? 's' : 'bytes' });
    this.map.set({ rows: blocks.length, columns: components.length, values, scale, up: true, rowTitle: 'block', rowLabel: (i) => String(blocks[i]), columnLabel: (j) => components[j],
      cellText: (i, j) => show(values[i * components.length + j]), describe: (i, j) => `block ${blocks[i]}, ${components[j]}, ${show(values[i * components.length + j]) || 'none'}`,
      label: `map of ${words(key)}: ${blocks.length} blocks by ${components.length} components` });
  }
}

export const profile = {
  id: 'profile', title: 'Profile', withoutCase: true,
  has: ({ archive }) => (archive.data.profile || []).length + (archive.data.profile_blocks || []).length + mapsOf(archive).length > 0,
  why: () => 'The archive does not say what its parts cost. An experiment with measured costs does.',
  async mount(panel, context) {
    const { archive } = context;
    const parts = [
      bars(archive, 'seconds', 'Seconds by tool', 'Time that each tool took over all cases, in seconds.'),
      bars(archive, 'bytes', 'Peak memory by tool', 'Largest memory of the process while each tool ran, in megabytes of 1,000,000 bytes.'),
    ].filter(Boolean);
    for (const variable of mapsOf(archive)) {
      const picture = new AnyPicture(context);
      await picture.set(variable);
      parts.push(picture);
    }
    if (archive.data.profile_blocks?.length) parts.push(new BlockMap(archive.data.profile_blocks));
    add(panel, parts.map((part) => part.root));
    const redraw = () => parts.forEach((part) => part.redraw());
    redraw();
    return { redraw, update: redraw };
  },
};
