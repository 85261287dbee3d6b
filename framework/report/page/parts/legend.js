// The colours of a map and their values, as text too.
import { el, put } from '../base/dom.js';
import { number, unitText } from '../base/format.js';

/** A legend that `set({scale, title, unit, note, approximate})` fills. */
export class Legend {
  constructor() {
    this.root = el('div.legend');
  }

  set({ scale, title, unit, note, approximate, mark }) {
    const stops = Array.from({ length: 17 }, (_, i) => {
      const at = 3 * Math.round(i / 16 * 255);
      return `rgb(${scale.table.slice(at, at + 3).join(',')}) ${i / 16 * 100}%`;
    });
    const middle = scale.kind === 'signed' ? 0 : scale.valueAt(0.5);
    put(this.root, el('span.legend-title', {}, `${title}${unitText(unit) ? `,${unitText(unit)}` : ''}`),
      el('span.scale', {}, el('span.ramp', { style: { background: `linear-gradient(to right, ${stops.join(', ')})` }, 'aria-hidden': 'true' }, mark > scale.domain[0] && mark < scale.domain[1] ? el('i', { style: { left: `${100 * scale.place(mark)}%` }, title: number(mark) }) : ''),
        el('span.ticks', {}, [scale.domain[0], middle, scale.domain[1]].map((x) => el('span', {}, number(x))))),
      note || approximate ? el('span.note', {}, [note, approximate && 'Values are rounded to 8 bits (≈).'].filter(Boolean).join(' ')) : '');
  }
}
