// Profile: where the time and the bytes of a run went.
import { add } from '../base/dom.js';
import { bytes, number } from '../base/format.js';
import { AnyPicture } from '../parts/any.js';
import { barChart } from '../parts/bars.js';
import { frame } from '../parts/frame.js';
import { fitted } from '../parts/lines.js';

function mapsOf(archive) {
  return archive.variables((one) => one.view === 'profile');
}

function bars(archive, key, title, sentence, show) {
  const list = (archive.data.profile || []).filter((one) => one[key] > 0);
  if (!list.length) return null;
  const chart = fitted((width) => barChart({ items: list.map((one) => ({ label: `${one.tool} (${show(one[key])})`, value: key === 'bytes' ? one[key] / 1e6 : one[key] })), title, width }));
  const shown = frame({ title, sentence, rows: () => ({ caption: title, head: ['tool', 'seconds', 'bytes', 'cases'], rows: list.map((one) => [one.tool, one.seconds, one.bytes, one.cases]) }), name: key });
  add(shown.body, chart.root);
  return { root: shown.root, redraw: () => chart.draw() };
}

export const profile = {
  id: 'profile', title: 'Profile', withoutCase: true,
  has: ({ archive }) => (archive.data.profile || []).length + mapsOf(archive).length > 0,
  why: () => 'The archive does not say what its parts cost. An experiment with measured costs does.',
  async mount(panel, { archive, caseIndex }) {
    const parts = [
      bars(archive, 'seconds', 'Seconds by tool', 'Time that each tool took over all cases, in seconds.', (x) => `${number(x)} s`),
      bars(archive, 'bytes', 'Megabytes by tool', 'Size of what each tool wrote over all cases, in megabytes of 1,000,000 bytes.', bytes),
    ].filter(Boolean);
    for (const variable of mapsOf(archive)) {
      const picture = new AnyPicture(archive, caseIndex);
      await picture.set(variable);
      parts.push(picture);
    }
    add(panel, parts.map((part) => part.root));
    const redraw = () => parts.forEach((part) => part.redraw());
    redraw();
    return { redraw, update: redraw };
  },
};
