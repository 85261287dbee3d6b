// Horizontal bars around 0, with labels, numbers and whiskers.
import { add, svg } from '../base/dom.js';
import { number, shorten } from '../base/format.js';
import { linear, nice, span } from '../base/scales.js';

const kLetter = 7.4;  // width of a letter of the labels

/** The labels of rows: at the left, or above the rows where they would be cut in a narrow chart. */
function labelsOf(items, width, row, most, share = 0.36) {
  const wanted = 20 + kLetter * Math.min(most, Math.max(...items.map((one) => Array.from(one.label).length)));
  const isAbove = width < 480 && wanted > width * share;
  const left = isAbove ? 8 : Math.min(width * 0.36, wanted);
  return {
    left, row: isAbove ? row + 15 : row, above: isAbove ? 15 : 0,
    text: (label, y) => svg('text.label', isAbove ? { x: left, y: y - 15 } : { x: left - 7, y, 'text-anchor': 'end' }, shorten(label, Math.floor((isAbove ? width : left - 12) / kLetter))),
  };
}

/**
 * `items` are {label, value, other, low, high, isSum}; `other` is the value of a second series that is
 * drawn as a thin bar. `series` names both.
 */
export function barChart({ items, title, width = 760, cursor, onmove, series = [] }) {
  const values = items.flatMap((one) => [one.value, one.other, one.low, one.high]).filter((v) => Number.isFinite(v));
  const [low, high] = span([0, ...values]);
  // Bars in both directions need the room of long labels in a narrow chart.
  const labels = labelsOf(items, width, 24, 26, low < 0 ? 0.2 : undefined);
  const { left, row } = labels;
  const height = items.length * row + 10;
  // Room for the numbers of bars in one direction.
  const room = (isOf) => width < 480 ? Math.min(70, 12 + 7 * Math.max(0, ...items.filter((one) => isOf(one.value)).map((one) => number(one.value).length))) : 70;
  const x = linear(low === high ? [0, 1] : [low, high], [left + (low < 0 ? room((value) => value < 0) : 8), width - room((value) => !(value < 0))]);
  const root = svg('svg.chart.bars', { viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': `bars of ${title}: ${items.length} values from ${number(low)} to ${number(high)}` });
  // Where labels are above the bars, the line is interrupted at them.
  const zero = (y1, y2) => svg('line.zero', { x1: x(0), x2: x(0), y1, y2 });
  if (!labels.above) add(root, zero(0, height));
  items.forEach((one, i) => {
    const y = i * row + 4 + labels.above;
    const group = svg(`g.item${cursor === i ? '.focus' : ''}`, { onclick: onmove && (() => onmove(i)) }, svg('title', {}, `${one.label}: ${number(one.value)}`),
      svg('rect.hit', { x: 0, y: i * row + 2, width, height: row }));
    add(group, labels.text(one.label, y + 13), labels.above ? zero(y - 1, y + 18) : '');
    if (Number.isFinite(one.value)) {
      const [a, b] = [x(Math.min(0, one.value)), x(Math.max(0, one.value))];
      add(group, svg(`rect.${one.isSum ? 'sum' : one.value < 0 ? 'minus' : 'plus'}`, { x: a, y: y + 1, width: Math.max(1, b - a), height: one.other === undefined ? 15 : 10, rx: 2 }));
      if (Number.isFinite(one.other)) add(group, svg('rect.other', { x: x(Math.min(0, one.other)), y: y + 13, width: Math.max(1, Math.abs(x(one.other) - x(0))), height: 4 }));
      if (Number.isFinite(one.low)) add(group, whisker(x(one.low), x(one.high), y + 8));
      const ends = [one.other, one.low, one.high].filter((v) => Number.isFinite(v)).map(x);
      const edge = one.value < 0 ? Math.min(a, ...ends) : Math.max(b, ...ends);
      add(group, svg('text.value', { x: edge + (one.value < 0 ? -5 : 5), y: y + 13, 'text-anchor': one.value < 0 ? 'end' : 'start' }, number(one.value)));
    } else {
      add(group, svg('text.value', { x: x(0) + 5, y: y + 13 }, '—'));
    }
    add(root, group);
  });
  if (series.length > 1) root.setAttribute('aria-description', `thick: ${series[0]}; thin: ${series[1]}`);
  return root;
}

function whisker(a, b, y) {
  return svg('path.whisker', { d: `M${a},${y - 4}v8M${a},${y}H${b}M${b},${y - 4}v8` });
}

/** Dots with whiskers on one axis: `items` are {label, value, low, high, text}. */
export function dotChart({ items, title, width = 760, reference = 0, bands = [] }) {
  const labels = labelsOf(items, width, 30, 30);
  const { left, row } = labels;
  const right = 24;
  const height = items.length * row + 34;
  const known = items.flatMap((one) => [one.value, one.low, one.high]).concat(bands.flatMap((band) => [band.low, band.high]), reference).filter((v) => Number.isFinite(v));
  const x = linear(nice(span(known)), [left, width - right]);
  const root = svg('svg.chart.dots', { viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': `${title}: ${items.length} values with intervals` });
  for (const band of bands) add(root, svg('rect.reference', { x: x(band.low), y: 0, width: Math.max(2, x(band.high) - x(band.low)), height: height - 28 }, svg('title', {}, band.label)));
  for (const tick of x.ticks(6)) add(root, svg('line.tick', { x1: x(tick), x2: x(tick), y1: 0, y2: height - 28 }), svg('text', { x: x(tick), y: height - 10, 'text-anchor': 'middle' }, number(tick)));
  add(root, svg('line.zero', { x1: x(reference), x2: x(reference), y1: 0, y2: height - 28 }));
  items.forEach((one, i) => {
    const y = i * row + 16 + labels.above;
    add(root, labels.text(one.label, y + 4));
    if (Number.isFinite(one.low) && Number.isFinite(one.high)) add(root, whisker(x(one.low), x(one.high), y));
    // A filled dot is significant, an open one is not: the sign does not need colour.
    if (Number.isFinite(one.value)) add(root, svg(`circle.mean${one.isOpen ? '.open' : ''}`, { cx: x(one.value), cy: y, r: 5 }, svg('title', {}, `${one.label}: ${number(one.value)}${one.text ? `, ${one.text}` : ''}`)));
  });
  return root;
}
