// Colours of values. A scale maps a value to a place in a table of 256 colours, so that a map of many
// cells is coloured without a call per cell.
import { kCividis, kPurpleOrange, kViridis } from './palette_tables.js';

const palettes = { viridis: kViridis, cividis: kCividis, signs: kPurpleOrange };
const tables = new Map();

/** 256 colours of a palette, as bytes red, green, blue; between the colours of its table in a line. */
export function tableOf(name) {
  if (!tables.has(name)) {
    const digits = palettes[name];
    const last = digits.length / 6 - 1;
    const part = (i, k) => parseInt(digits.slice(6 * i + 2 * k, 6 * i + 2 * k + 2), 16);
    const table = new Uint8Array(768);
    for (let i = 0; i < 256; ++i) {
      const at = i / 255 * last;
      const low = Math.min(last - 1, Math.floor(at));
      for (let k = 0; k < 3; ++k) table[3 * i + k] = Math.round(part(low, k) + (at - low) * (part(low + 1, k) - part(low, k)));
    }
    tables.set(name, table);
  }
  return tables.get(name);
}

/**
 * A scale of colours. `kind` is linear, log or signed; `domain` the values of both ends. A signed
 * scale has 0 in the middle.
 */
export function scaleOf({ palette, kind, domain }) {
  const table = tableOf(palette);
  let [low, high] = domain;
  if (kind === 'signed') {
    high = Math.max(Math.abs(low), Math.abs(high)) || 1;
    low = -high;
  }
  const toLog = kind === 'log';
  const floor = toLog ? Math.max(low, high * 1e-9, Number.MIN_VALUE) : low;
  const start = toLog ? Math.log(floor) : low;
  const width = ((toLog ? Math.log(Math.max(high, floor)) : high) - start) || 1;
  const place = (value) => ((toLog ? Math.log(Math.max(value, floor)) : value) - start) / width;
  const index = (value) => Math.max(0, Math.min(255, Math.round(place(value) * 255)));
  const rgbAt = (value) => table.subarray(3 * index(value), 3 * index(value) + 3);
  return {
    palette, kind, table, index, place, domain: [low, high],
    rgb: rgbAt,
    css: (value) => Number.isNaN(value) ? 'transparent' : `rgb(${rgbAt(value).join(',')})`,
    ink: (value) => Number.isNaN(value) ? 'var(--ink)' : inkOn(rgbAt(value)),
    valueAt: (t) => toLog ? Math.exp(start + t * width) : start + t * width,
  };
}

function luminance([r, g, b]) {
  const part = (c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
}

/** The contrast of two colours by WCAG 2: 1 to 21. */
export function contrast(a, b) {
  const [x, y] = [luminance(a), luminance(b)].sort((p, q) => q - p);
  return (x + 0.05) / (y + 0.05);
}

/** Black or white, whichever is easier to read on a colour: at least 4.5:1 on any. */
export function inkOn(colour) {
  return contrast(colour, [0, 0, 0]) >= contrast(colour, [255, 255, 255]) ? '#000' : '#fff';
}

/** Smallest and largest finite value; [0, 1] if there is none. */
export function extent(values) {
  let low = Infinity;
  let high = -Infinity;
  for (let i = 0; i < values.length; ++i) {
    const x = values[i];
    if (x < low && x > -Infinity) low = x;
    if (x > high && x < Infinity) high = x;
  }
  return low <= high ? [low, high] : [0, 1];
}

/**
 * The scale that suits a variable: around 0 where the page says that it is signed, ranks by logarithm,
 * probabilities from 0 to 1, values that are never above 0, such as log probabilities, up to 0.
 */
export function scaleFor(variable, values, wish = {}) {
  const [low, high] = extent(values);
  if (variable.signed) return scaleOf({ palette: 'signs', kind: 'signed', domain: [low, high] });
  const isRank = /(^|_)rank$/.test(variable.name);
  const isProbability = /probability$/.test(variable.name) && high <= 1.0001;
  const palette = wish.palette || (isProbability || isRank ? 'viridis' : 'cividis');
  if (isRank || wish.log) return scaleOf({ palette, kind: 'log', domain: [isRank ? 1 : low || high * 1e-6, Math.max(high, isRank ? 2 : 0)] });
  return scaleOf({ palette, kind: 'linear', domain: [Math.min(0, low), isProbability && high > 0.4 ? 1 : high > 0 ? high : Number(low === 0)] });
}
