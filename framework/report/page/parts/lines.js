// Lines over layers or steps, with axes, intervals and points.
import { add, el, put, svg } from '../base/dom.js';
import { number } from '../base/format.js';
import { bottomAxis, leftAxis, linear, logarithmic, nice, span } from '../base/scales.js';

/** Eight colours that colour-blind readers tell apart, with a dash for each. */
export const kDashes = ['', '6 3', '2 3', '8 3 2 3', '', '6 3', '2 3', '8 3 2 3'];

/** An SVG path through points; it is broken where `y` is not finite. */
function pathOf(points) {
  let isOpen = false;
  return points.map(([x, y]) => {
    if (!Number.isFinite(y)) {
      isOpen = false;
      return '';
    }
    const step = `${isOpen ? 'L' : 'M'}${x.toFixed(1)},${y.toFixed(1)}`;
    isOpen = true;
    return step;
  }).join('');
}

/** A closed band between two lines, from the points at which both are known. */
function bandOf(xs, low, high) {
  const known = xs.map((_, i) => i).filter((i) => Number.isFinite(low[i]) && Number.isFinite(high[i]));
  const there = known.map((i) => [xs[i], low[i]]);
  return known.length > 1 ? `${pathOf([...there, ...known.map((i) => [xs[i], high[i]]).reverse()])}Z` : '';
}

function finite(values) {
  return Array.from(values).filter((x) => Number.isFinite(x));
}

/** A small line without axes; the cell in focus has a dot. */
export function sparkline(values, at, label) {
  const width = 260;
  const height = 56;
  const x = linear([0, values.length - 1], [5, width - 5]);
  const [low, high] = span(values);
  const y = linear(low === high ? [low - 1, high + 1] : [low, high], [height - 5, 5]);
  return svg('svg.sparkline', { viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': label },
    svg('path.stroke', { d: pathOf(Array.from(values, (v, i) => [x(i), y(v)])) }),
    Number.isFinite(values[at]) ? svg('circle.dot', { cx: x(at), cy: y(values[at]), r: 4 }) : '');
}

/**
 * A chart of lines: `lines` is a list of {label, values, low, high}, `x` the labels of the points, `scale`
 * linear or log, `down` puts small values on top, `cursor` an index to mark.
 */
export function lineChart({ lines, x: names, xTitle, yTitle, scale = 'linear', down, cursor, width = 760, height = 320, onmove }) {
  const margin = { left: 64, right: 16, top: 12, bottom: 44 };
  const all = finite(lines.flatMap((one) => [...one.values, ...(one.low || []), ...(one.high || [])]));
  const positive = all.filter((v) => v > 0);
  const isLog = scale === 'log' && positive.length > 0;
  let domain = span(isLog ? positive : all);
  if (domain[0] === domain[1]) domain = isLog ? [domain[0] / 2, domain[0] * 2] : [domain[0] - 1, domain[0] + 1];
  const range = down ? [margin.top, height - margin.bottom] : [height - margin.bottom, margin.top];
  const y = isLog ? logarithmic(domain, range) : linear(nice(domain), range);
  const x = linear([0, Math.max(1, names.length - 1)], [margin.left, width - margin.right]);
  const defined = (v) => Number.isFinite(v) && (!isLog || v > 0);
  const root = svg('svg.chart', { viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': `lines of ${yTitle} over ${xTitle}: ${lines.map((one) => one.label).join(', ')}` });
  const step = Math.max(1, Math.ceil(names.length / (width / 48)));
  const marks = names.map((text, i) => ({ text, at: x(i) })).filter((_, i) => i % step === 0);
  add(root, leftAxis(y, 6, margin.left, width - margin.right), bottomAxis(marks, height - margin.bottom, margin.left, width - margin.right));
  add(root, svg('text.axis-title', { x: (margin.left + width - margin.right) / 2, y: height - 6, 'text-anchor': 'middle' }, xTitle),
    svg('text.axis-title', { x: 14, y: (height - margin.bottom) / 2, transform: `rotate(-90 14 ${(height - margin.bottom) / 2})`, 'text-anchor': 'middle' }, yTitle));
  if (cursor >= 0 && cursor < names.length) add(root, svg('line.cursor', { x1: x(cursor), x2: x(cursor), y1: margin.top, y2: height - margin.bottom }));
  lines.forEach((one, k) => {
    const place = (v) => defined(v) ? y(v) : NaN;
    if (one.low && one.high) add(root, svg(`path.band.s${k % 8}`, { d: bandOf(names.map((_, i) => x(i)), Array.from(one.low, place), Array.from(one.high, place)) }));
    add(root, svg(`path.stroke.s${k % 8}`, { d: pathOf(Array.from(one.values, (v, i) => [x(i), place(v)])), 'stroke-dasharray': kDashes[k % 8] }));
    Array.from(one.values).forEach((value, i) => {
      if (defined(value) && names.length <= 60) add(root, svg(`circle.s${k % 8}`, { cx: x(i), cy: y(value), r: i === cursor ? 4.5 : 2.5 }, svg('title', {}, `${one.label}, ${names[i]}: ${number(value)}`)));
    });
  });
  if (onmove) root.addEventListener('click', (event) => {
    const box = root.getBoundingClientRect();
    const at = Math.round(x.invert((event.clientX - box.left) / box.width * width));
    if (at >= 0 && at < names.length) onmove(at);
  });
  return root;
}

/** The key to the lines: dash, colour and text. */
export function lineKey(lines) {
  return el('ul.line-key', {}, lines.map((one, k) => el('li', {},
    svg('svg', { width: 34, height: 10, 'aria-hidden': 'true' }, svg(`line.stroke.s${k % 8}`, { x1: 1, x2: 33, y1: 5, y2: 5, 'stroke-dasharray': kDashes[k % 8] })), ' ', one.label, one.extra || '')));
}

/** Keeps a chart as wide as its box, so that its texts keep their size. */
export function fitted(make) {
  const root = el('div.chart-box');
  const draw = () => {
    const width = Math.max(280, Math.min(1100, root.clientWidth || root.lastWidth || 760));
    root.lastWidth = width;
    put(root, make(width));
  };
  return { root, draw };
}
