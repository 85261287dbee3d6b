// The whole map in a strip, with a frame around the columns in sight; dragging moves them.
import { colourOf, el } from '../base/dom.js';
import { halvings } from './pyramid.js';

const kHeight = 34;

export class Minimap {
  constructor(map) {
    this.map = map;
    this.canvas = el('canvas', { 'aria-hidden': 'true', onpointerdown: (event) => this.drag(event), onpointermove: (event) => event.buttons && this.drag(event) });
    this.root = el('div.minimap', { hidden: true }, this.canvas);
  }

  drag(event) {
    const { map } = this;
    const box = this.canvas.getBoundingClientRect();
    const middle = (event.clientX - box.left) / box.width * map.options.columns;
    map.pan(middle - (map.window.c0 + map.window.c1) / 2);
  }

  draw() {
    const { options: o, window: w, geometry: g, pyramid } = this.map;
    this.root.hidden = w.c1 - w.c0 >= o.columns;
    if (this.root.hidden) return;
    const width = Math.max(60, Math.round(g.width));
    this.canvas.width = width;
    this.canvas.height = kHeight;
    this.root.style.marginLeft = `${g.left}px`;
    const context = this.canvas.getContext('2d');
    context.imageSmoothingEnabled = false;
    const image = pyramid.canvas(halvings(kHeight / o.rows), halvings(width / o.columns), o.scale, o.up);
    context.drawImage(image, 0, 0, image.width, image.height, 0, 0, width, kHeight);
    const x = w.c0 / o.columns * width;
    const size = Math.max(3, (w.c1 - w.c0) / o.columns * width);
    context.lineWidth = 4;
    context.strokeStyle = '#fff';
    context.strokeRect(x + 1, 1, size - 2, kHeight - 2);
    context.lineWidth = 2;
    context.strokeStyle = colourOf('--cursor');
    context.strokeRect(x + 1, 1, size - 2, kHeight - 2);
  }
}
