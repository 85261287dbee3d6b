// Scales and axes of the charts: a function from values to pixels with a domain and round ticks.
import { ticks } from 'd3-array';
import { add, svg } from './dom.js';
import { number } from './format.js';

/** Smallest and largest finite number; [0, 1] if there is none. */
export function span(values) {
  let [low, high] = [Infinity, -Infinity];
  for (const x of values) {
    if (!Number.isFinite(x)) continue;
    low = Math.min(low, x);
    high = Math.max(high, x);
  }
  return low <= high ? [low, high] : [0, 1];
}

/** Maps values from `domain` to `range` in equal steps. */
export function linear(domain, range) {
  const [a, b] = domain;
  const scale = (x) => range[0] + (x - a) / ((b - a) || 1) * (range[1] - range[0]);
  scale.invert = (y) => a + (y - range[0]) / ((range[1] - range[0]) || 1) * (b - a);
  scale.ticks = (count) => ticks(a, b, count);
  scale.domain = domain;
  return scale;
}

/** A domain whose ends are round numbers. */
export function nice([low, high], count = 6) {
  const marks = ticks(low, high, count);
  const step = marks.length > 1 ? marks[1] - marks[0] : 0;
  return step > 0 ? [Math.floor(low / step + 1e-9) * step, Math.ceil(high / step - 1e-9) * step] : [low, high];
}

/** Maps positive values from `domain` to `range` by their logarithm. */
export function logarithmic(domain, range) {
  const inner = linear(domain.map(Math.log), range);
  const scale = (x) => inner(Math.log(x));
  scale.ticks = (count) => {
    const [low, high] = domain.map(Math.log10);
    const powers = [];
    for (let k = Math.ceil(low - 1e-9); k <= high + 1e-9; ++k) powers.push(10 ** k);
    if (powers.length < 2) return ticks(domain[0], domain[1], count).filter((x) => x > 0);
    const step = Math.ceil(powers.length / count);
    return powers.filter((_, i) => i % step === 0);
  };
  scale.domain = domain;
  return scale;
}

/** Ticks and lines of the left axis, across a chart from `left` to `right`. */
export function leftAxis(y, count, left, right) {
  return svg('g.axis', {}, y.ticks(count).map((value) => add(svg('g', { transform: `translate(0,${y(value)})` }),
    svg('line', { x1: left, x2: right }), svg('text', { x: left - 7, dy: '.32em', 'text-anchor': 'end' }, number(value)))));
}

/** The bottom axis: a text at each of some places. */
export function bottomAxis(marks, y, left, right) {
  return svg('g.axis', { transform: `translate(0,${y})` }, svg('line', { x1: left, x2: right }),
    marks.map(({ at, text }) => svg('text', { x: at, y: 18, 'text-anchor': 'middle' }, text)));
}
