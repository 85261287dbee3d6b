// Smaller versions of a map, so that thousands of columns are drawn in a screen's width: amounts keep
// the largest value of the cells that share a pixel, signed values their mean.

function halveColumns({ rows, columns, values }, pool) {
  const half = Math.ceil(columns / 2);
  const made = new Float32Array(rows * half);
  for (let i = 0; i < rows; ++i)
    for (let j = 0; j < half; ++j) {
      const at = i * columns + 2 * j;
      made[i * half + j] = 2 * j + 1 < columns ? pool(values[at], values[at + 1]) : values[at];
    }
  return { rows, columns: half, values: made };
}

function halveRows({ rows, columns, values }, pool) {
  const half = Math.ceil(rows / 2);
  const made = new Float32Array(half * columns);
  for (let i = 0; i < half; ++i)
    for (let j = 0; j < columns; ++j) {
      const at = 2 * i * columns + j;
      made[i * columns + j] = 2 * i + 1 < rows ? pool(values[at], values[at + columns]) : values[at];
    }
  return { rows: half, columns, values: made };
}

// A missing value counts only where both are missing.
const largest = (a, b) => a >= b || Number.isNaN(b) ? a : b;
const mean = (a, b) => Number.isNaN(a) ? b : Number.isNaN(b) ? a : (a + b) / 2;

/** Paints the values of a level on a canvas, a pixel a value. */
export function paint({ rows, columns, values }, scale, canvas = document.createElement('canvas'), up = false) {
  canvas.width = columns;
  canvas.height = rows;
  const context = canvas.getContext('2d');
  const image = context.createImageData(columns, rows);
  const pixels = new Uint32Array(image.data.buffer);
  const colours = new Uint32Array(256);
  for (let i = 0; i < 256; ++i) colours[i] = 0xff000000 | scale.table[3 * i + 2] << 16 | scale.table[3 * i + 1] << 8 | scale.table[3 * i];
  for (let i = 0; i < rows; ++i) {
    const row = (up ? rows - 1 - i : i) * columns;
    for (let j = 0; j < columns; ++j) {
      const value = values[row + j];
      pixels[i * columns + j] = Number.isNaN(value) ? 0 : colours[scale.index(value)];
    }
  }
  context.putImageData(image, 0, 0);
  return canvas;
}

export class Pyramid {
  constructor(map, signed) {
    this.pool = signed ? mean : largest;
    this.levels = new Map([['0,0', map]]);
    this.canvases = new Map();
  }

  /** The map with rows halved `down` times and columns `across` times. */
  level(down, across) {
    const key = `${down},${across}`;
    if (!this.levels.has(key))
      this.levels.set(key, across > 0 ? halveColumns(this.level(down, across - 1), this.pool) : halveRows(this.level(down - 1, 0), this.pool));
    return this.levels.get(key);
  }

  /** The painted level, kept until the scale changes. */
  canvas(down, across, scale, up) {
    if (this.scale !== scale) {
      this.scale = scale;
      this.canvases.clear();
    }
    const key = `${down},${across}`;
    if (!this.canvases.has(key)) this.canvases.set(key, paint(this.level(down, across), scale, undefined, up));
    return this.canvases.get(key);
  }
}

/**
 * A map with rows and columns halved as by a pyramid that keeps the largest value, in one pass. `isLower`:
 * only the lower triangle has values.
 */
export function pooled({ rows, columns, values }, halved, isLower) {
  const [down, across] = [rows, columns].map((size) => Math.ceil(size / 2 ** halved));
  const made = new Float32Array(down * across).fill(NaN);
  for (let i = 0; i < rows; ++i) {
    const from = (i >> halved) * across;
    const end = isLower ? Math.min(columns, i + 1) : columns;
    for (let j = 0; j < end; ++j) {
      const value = values[i * columns + j];
      const at = from + (j >> halved);
      if (!(made[at] >= value)) made[at] = Number.isNaN(value) ? made[at] : value;
    }
  }
  return { rows: down, columns: across, values: made };
}

/**
 * As `pooled` for a map of codes of which a larger one has a larger value, and 0 none: the largest
 * code of each pixel. To look up the values of all cells takes several times as long.
 */
export function pooledCodes({ codes, start, rows, columns }, halved, isLower) {
  const size = 2 ** halved;
  const [down, across] = [rows, columns].map((length) => Math.ceil(length / size));
  const made = new codes.constructor(down * across);
  for (let i = 0; i < rows; ++i) {
    let at = start + i * columns;
    const end = at + (isLower ? Math.min(columns, i + 1) : columns);
    for (let to = (i >> halved) * across; at < end; ++to) {
      const stop = Math.min(end, at + size);
      let top = made[to];
      for (; at < stop; ++at) top = Math.max(top, codes[at]);
      made[to] = top;
    }
  }
  return { rows: down, columns: across, codes: made };
}

/** How often a side must be halved so that a cell is at least about a pixel wide. */
export function halvings(cell) {
  return cell >= 1 ? 0 : Math.min(16, Math.ceil(Math.log2(1 / cell)));
}
