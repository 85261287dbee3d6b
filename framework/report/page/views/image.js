// Image: values over the rectangles of a picture, with the picture below them where the page holds it.
import { valuesOf } from '../base/blocks.js';
import { add, el, put, svg } from '../base/dom.js';
import { number, quoted, words } from '../base/format.js';
import { dimsWithoutCase } from '../base/groups.js';
import { atLabels, idOf, meaningOf, plane } from '../base/model.js';
import { scaleFor } from '../base/palette.js';
import { cell, get, set, setCell } from '../base/state.js';
import { keyed, picker, slider } from '../parts/frame.js';
import { Legend } from '../parts/legend.js';
import { announce } from '../parts/live.js';
import { FramedView, mounting, putReason, touches } from '../parts/view.js';

/** Variables over rectangles: `{variable, dim, boxes}`; boxes are one variable of left, top, right, bottom, or one for each edge. */
function imagesOf(archive) {
  return archive.variables((one) => one.view === 'image' && one.type !== 'string').map((variable) => {
    const dims = dimsWithoutCase(variable);
    const found = (test) => variable.result.variables.find((one) => one !== variable && test.test(one.name) && dims.includes(dimsWithoutCase(one)[0]));
    const whole = found(/rectangle/);
    const boxes = whole ? [whole] : [/^x0/, /^y0/, /^x1/, /^y1/].map(found);
    return { variable, boxes, number: found(/^image$/), dim: boxes[0] && dimsWithoutCase(boxes[0])[0] };
  }).filter((one) => one.boxes.every(Boolean));
}

/**
 * Left, top, right, bottom of each rectangle, and the left edge of each picture by its number; several
 * pictures of a case are side by side.
 */
function placesOf(boxes, numbers) {
  if (!boxes[1]) return { values: boxes[0].values, shifts: { 0: 0 } };
  const [left, top, right, bottom] = boxes.map((one) => one.values);
  const values = [], shifts = { [numbers[0] || 0]: 0 };
  let shift = 0, end = 0;
  left.forEach((x, i) => {
    if (i && numbers[i] > numbers[i - 1]) shifts[numbers[i]] = shift = end + 8;
    end = Math.max(end, right[i] + shift);
    values.push(x + shift, top[i], right[i] + shift, bottom[i]);
  });
  return { values: new Float64Array(values), shifts };
}

/** Pictures of a case; those that the page holds have an address as `href`. */
function picturesOf(archive, index) {
  const all = archive.data.images?.[String(index)] || [];
  return Promise.all(all.map(async (one) => ({ ...one, href: one.source && (await valuesOf(one.source))[0] })));
}

/** Name and digest of each picture, or why it is not shown. */
function wordsOf(pictures) {
  return pictures.map((one) => one.reason ? ` ${quoted(one.name)} is not shown: ${one.reason}.` : ` Picture ${quoted(one.name)}, SHA-256 ${one.sha256}.`).join('');
}

class ImageView extends FramedView {
  constructor(context) {
    super(context, 'image');
    Object.assign(this, { options: imagesOf(context.archive), layer: 0, opacity: 60, fixed: {} });
    this.legend = new Legend();
    this.stage = keyed('div.keyed', 'picture', (key) => this.key(key));
    this.said = el('p.note');
    add(this.frame.body, this.legend.root, this.stage, this.said);
  }

  get variable() {
    return this.current.variable;
  }

  command() {
    const { loaded, down, layer, rowNames, others, fixed } = this;
    return super.command(atLabels(loaded ? [...down ? [[down, rowNames[layer]]] : [], ...others.map(({ dim, names }) => [dim, names[fixed[dim] || 0]])] : []));
  }

  async show() {
    const { archive, options } = this;
    const index = this.caseIndex();
    const turn = this.turn = {};
    this.current = options.find((one) => idOf(one.variable) === get('picture')) || options[0];
    const { variable, boxes, number } = this.current;
    const [pictures, loaded, numbers, ...edges] = await Promise.all([picturesOf(archive, index), ...[variable, number, ...boxes].map((one) => one && archive.load(one, index))]);
    if (turn !== this.turn) return;
    const places = edges.every(Boolean) && placesOf(edges, numbers?.values || []);
    if (!loaded || !places) {
      putReason(this.stage, archive, variable, index);
      return;
    }
    const [down, ...others] = loaded.dims.filter((dim) => dim !== this.current.dim);
    const [rows, ...names] = await Promise.all([down, ...others].map((dim) => archive.labels(variable.result, dim, loaded.shape[loaded.dims.indexOf(dim)] ?? 1, index)));
    if (turn !== this.turn) return;
    Object.assign(this, { loaded, places, down, rowNames: rows, pictures, image: pictures.some((one) => one.href) });
    this.others = others.map((dim, k) => ({ dim, names: names[k] }));
    const layers = this.down ? loaded.shape[loaded.dims.indexOf(this.down)] : 1;
    this.layer = Math.min(this.layer || layers - 1, layers - 1);
    put(this.controls, options.length > 1 && picker('Value', options.map((one) => ({ id: idOf(one.variable), label: words(one.variable.name) })), idOf(this.current.variable), (value) => set({ picture: value })),
      this.others.map(({ dim, names }) => picker(words(dim), names.map((label, i) => ({ id: String(i), label })), String(this.fixed[dim] || 0), (i) => { this.fixed[dim] = Number(i); this.draw(); })),
      layers > 1 && slider(words(this.down), layers, this.layer, (i) => rows[i], (i) => { this.layer = i; setCell(i, undefined); this.draw(); }),
      this.image && slider('Opacity', 101, this.opacity, (i) => `${i} %`, (i) => { this.opacity = i; this.draw(); }));
    this.frame.say(`${variable.result.name}: ${words(variable.name)}`, `${meaningOf(variable)}, by rectangle.${wordsOf(pictures)}`);
    this.draw();
  }

  draw() {
    if (!this.loaded) return;
    const { rows, values } = plane(this.loaded, this.current.dim, '', { ...this.fixed, [this.down]: this.layer });
    Object.assign(this, { count: rows, values });
    const scale = scaleFor(this.current.variable, this.loaded.values);
    this.legend.set({ scale, title: this.name(), unit: this.current.variable.unit });
    const edge = (k) => Math.max(...Array.from({ length: rows }, (_, i) => this.box(i)[k]));
    const shown = this.pictures.map((one, k) => ({ ...one, x: this.places.shifts[k] })).filter((one) => one.href && one.x !== undefined);
    const width = Math.max(edge(2), ...shown.map((one) => one.x + one.width));
    const height = Math.max(edge(3), ...shown.map((one) => one.height));
    const root = svg('svg.picture', { viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': `${rows} rectangles` });
    // Only pictures that the page holds itself are shown: the policy would block any other.
    for (const one of shown) if (one.href.startsWith('data:image/')) add(root, svg('image', { href: one.href, x: one.x, width: one.width, height: one.height }));
    this.at = Math.min(cell().column ?? 0, rows - 1);
    for (let i = 0; i < rows; ++i) {
      const [left, top, right, bottom] = this.box(i);
      add(root, svg(`rect${i === this.at ? '.here' : ''}`, { x: left, y: top, width: right - left, height: bottom - top, fill: scale.css(values[i]), 'fill-opacity': this.image ? this.opacity / 100 : 1, onclick: () => this.move(i) }, svg('title', {}, `${i}: ${number(values[i])}`)));
    }
    this.stage.setAttribute('aria-label', `picture with ${rows} rectangles; arrow keys move the cursor`);
    put(this.stage, root);
    put(this.said, this.describe(this.at));
    this.frame.refresh();
  }

  box(i) {
    return Array.from(this.places.values.subarray(4 * i, 4 * i + 4));
  }

  /** What the rectangles show, with the labels chosen for further dimensions. */
  name() {
    return [words(this.current.variable.name), ...this.others.map(({ dim, names }) => `${words(dim)} ${quoted(names[this.fixed[dim] || 0])}`)].join(', ');
  }

  describe(i) {
    return `rectangle ${i} (${this.box(i).join(', ')}), ${this.down ? `${words(this.down)} ${this.rowNames[this.layer]}, ` : ''}${this.name()}: ${number(this.values[i])}`;
  }

  move(i) {
    setCell(undefined, i);
    this.draw();
    announce(this.describe(i));
  }

  key(key) {
    const by = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 1, ArrowUp: -1 }[key];
    if (!by || !this.loaded) return false;
    const top = (i) => this.places.values[4 * i + 1];
    let to = this.at + by;
    // Up and down go to the rectangle of the next row that begins at the same place.
    if (/Up|Down/.test(key)) while (to >= 0 && to < this.count && (top(to) === top(this.at) || this.places.values[4 * to] !== this.places.values[4 * this.at])) to += by;
    if (to >= 0 && to < this.count) this.move(to);
    return true;
  }

  rows() {
    return { caption: 'rectangles', head: ['rectangle', 'left', 'top', 'right', 'bottom', this.name()],
      rows: Array.from({ length: this.count || 0 }, (_, i) => [String(i), ...this.box(i), this.values[i]]) };
  }

  update(changed) {
    if (touches(changed, 'open', 'case', 'picture')) return this.show();
    if (changed.has('cell')) this.draw();
    return undefined;
  }
}

export const image = {
  id: 'image', title: 'Image',
  has: ({ archive }) => imagesOf(archive).length > 0,
  why: () => 'No variable has view image and rectangles.',
  mount: mounting(ImageView),
};
