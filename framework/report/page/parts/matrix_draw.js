// Draws a map on its canvas: cells, texts in cells, hatching, contour, labels.
import { colourOf } from '../base/dom.js';
import { halvings } from './pyramid.js';

const kText = '12px "DejaVu Sans Mono", ui-monospace, monospace';
const kLabel = '12px system-ui, "DejaVu Sans", sans-serif';

/** A text cut so that it fits a width. */
function fitted(context, text, width) {
  if (context.measureText(text).width <= width) return text;
  const letters = Array.from(text);
  let low = 0;
  let high = letters.length;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (context.measureText(letters.slice(0, middle).join('') + '…').width <= width) low = middle;
    else high = middle - 1;
  }
  return low ? letters.slice(0, low).join('') + '…' : '';
}

function hatch(context, colour) {
  const tile = document.createElement('canvas');
  tile.width = tile.height = 6;
  const pen = tile.getContext('2d');
  pen.strokeStyle = colour;
  pen.lineWidth = 1.2;
  pen.beginPath();
  for (const at of [-6, 0, 6]) {
    pen.moveTo(at, 6);
    pen.lineTo(at + 6, 0);
  }
  pen.stroke();
  return context.createPattern(tile, 'repeat');
}

function drawLarge(map, context) {
  const { geometry: g, options: o } = map;
  const pattern = hatch(context, colourOf('--soft'));
  const gap = Math.min(g.cw, g.ch) >= 12 ? 1 : 0;
  for (let i = g.firstRow; i < g.lastRow; ++i)
    for (let j = g.firstColumn; j < g.lastColumn; ++j) {
      const value = o.values[i * o.columns + j];
      const [x, y, w, h] = map.rect(i, j);
      context.fillStyle = Number.isNaN(value) ? colourOf('--faint') : o.scale.css(value);
      context.fillRect(x, y, w - gap, h - gap);
      if ((Number.isNaN(value) && !o.plainGaps) || o.hatched?.(i, j)) {
        context.fillStyle = pattern;
        context.fillRect(x, y, w - gap, h - gap);
      }
    }
  if (g.cw >= (o.textWidth || 44) && g.ch >= 15 && o.cellText) drawTexts(map, context);
}

function drawTexts(map, context) {
  const { geometry: g, options: o } = map;
  context.font = kText;
  context.textAlign = 'center';
  context.textBaseline = 'middle';
  for (let i = g.firstRow; i < g.lastRow; ++i)
    for (let j = g.firstColumn; j < g.lastColumn; ++j) {
      const text = o.cellText(i, j);
      if (!text) continue;
      const [x, y, w, h] = map.rect(i, j);
      const value = o.values[i * o.columns + j];
      context.fillStyle = Number.isNaN(value) ? colourOf('--ink') : o.scale.ink(value);
      context.fillText(fitted(context, text, w - 6), x + w / 2, y + h / 2 + 0.5);
    }
}

function drawSmall(map, context) {
  const { geometry: g, options: o, window: w } = map;
  context.fillStyle = colourOf('--faint');
  context.fillRect(g.left, g.top, g.width, g.height);
  const across = halvings(g.cw);
  const down = halvings(g.ch);
  const image = map.pyramid.canvas(down, across, o.scale, o.up);
  const perColumn = 2 ** across;
  const perRow = 2 ** down;
  const top = o.up ? o.rows - w.r1 : w.r0;
  context.imageSmoothingEnabled = false;
  context.save();
  context.beginPath();
  context.rect(g.left, g.top, g.width, g.height);
  context.clip();
  // With rows counted upwards the last, incomplete, row of a halved level is at the top.
  const lost = o.up ? image.height * perRow - o.rows : 0;
  context.drawImage(image, w.c0 / perColumn, (top + lost) / perRow, (w.c1 - w.c0) / perColumn, (w.r1 - w.r0) / perRow, g.left, g.top, g.width, g.height);
  context.restore();
}

function drawContour(map, context) {
  const { geometry: g, options: o } = map;
  // On narrow cells the line would hide the colours.
  if (!o.contour || g.cw < 9) return;
  for (const [colour, width] of [['#fff', 3.5], [colourOf('--cursor'), 1.8]]) {
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.beginPath();
    let before;
    for (let j = g.firstColumn; j < g.lastColumn; ++j) {
      const row = o.contour[j];
      const isDrawn = row >= 0 && row >= map.window.r0 && row <= map.window.r1;
      const x = map.x(j) - 0.5;
      const y = isDrawn ? map.edge(row) - 0.5 : undefined;
      if (isDrawn) {
        if (before === undefined) context.moveTo(x, y);
        else context.lineTo(x, y);
        context.lineTo(x + g.cw, y);
      }
      before = y;
    }
    context.stroke();
  }
}

function drawRowLabels(map, context) {
  const { geometry: g, options: o } = map;
  context.font = kLabel;
  context.fillStyle = colourOf('--soft');
  context.textAlign = 'right';
  context.textBaseline = 'middle';
  const step = Math.max(1, Math.ceil(13 / g.ch));
  for (let i = g.firstRow; i < g.lastRow; ++i) {
    if (i % step && i !== o.rows - 1) continue;
    if (i === o.rows - 1 && i % step && i % step < step / 2) continue;
    const [, y, , h] = map.rect(i, g.firstColumn);
    context.fillText(fitted(context, o.rowLabel(i), g.left - (o.rowTitle ? 25 : 10)), g.left - 7, y + h / 2);
  }
}

/** Room that a label needs if the labels are numbers, which say nothing when they are cut; else 0. */
function roomOfNumbers(map, context) {
  const { geometry: g, options: o } = map;
  if (o.tokenColumns) return 0;
  const every = Math.max(1, Math.floor((g.lastColumn - g.firstColumn) / 100));
  let widest = 0;
  for (let j = g.firstColumn; j < g.lastColumn; j += every) {
    const label = o.columnLabel(j);
    if (!/^[-−]?[\d.]+(e[-−+]?\d+)?$/.test(label)) return 0;
    widest = Math.max(widest, context.measureText(label).width);
  }
  return widest + 8;
}

function drawColumnLabels(map, context) {
  const { geometry: g, options: o } = map;
  context.font = o.tokenColumns ? kText : kLabel;
  context.fillStyle = colourOf('--soft');
  context.textBaseline = 'middle';
  const y = g.top + g.height + 5;
  const room = roomOfNumbers(map, context);
  const isWide = g.cw >= Math.max(34, room);
  const step = isWide ? 1 : o.tokenColumns && g.cw >= 11 ? 1 : Math.max(1, niceStep(Math.max(44, room) / g.cw));
  for (let j = g.firstColumn; j < g.lastColumn; ++j) {
    if (j % step) continue;
    const x = map.x(j) + g.cw / 2;
    if (x > g.left + g.width) continue;
    if (isWide || step > 1 || !o.tokenColumns) {
      context.textAlign = 'center';
      const text = fitted(context, step > 1 && o.tokenColumns ? String(j) : o.columnLabel(j), isWide ? g.cw - 4 : step * g.cw - 4);
      // A number at the last column would be cut off by the edge of the canvas.
      context.fillText(text, Math.min(x, g.left + g.width + g.right - context.measureText(text).width / 2), y + 8);
    } else {
      context.save();
      context.translate(x, y);
      context.rotate(-Math.PI / 2);
      context.textAlign = 'right';
      context.fillText(fitted(context, o.columnLabel(j), g.bottom - 8), 0, 0);
      context.restore();
    }
  }
}

function drawTitles(map, context) {
  const { geometry: g, options: o } = map;
  context.font = kLabel;
  context.fillStyle = colourOf('--soft');
  context.textBaseline = 'middle';
  context.textAlign = 'center';
  if (o.columnTitle) context.fillText(o.columnTitle, g.left + g.width / 2, g.top + g.height + g.bottom - 9);
  if (!o.rowTitle) return;
  context.save();
  context.translate(8, g.top + g.height / 2);
  context.rotate(-Math.PI / 2);
  if (context.measureText(o.rowTitle).width < g.height) context.fillText(o.rowTitle, 0, 0);
  context.restore();
}

function niceStep(wanted) {
  const power = 10 ** Math.floor(Math.log10(Math.max(1, wanted)));
  return [1, 2, 5, 10].map((k) => k * power).find((step) => step >= wanted) || 1;
}

export function drawMap(map, context) {
  const { geometry: g } = map;
  context.clearRect(0, 0, g.left + g.width + g.right, g.top + g.height + g.bottom);
  if (map.isLarge()) drawLarge(map, context);
  else drawSmall(map, context);
  drawContour(map, context);
  drawRowLabels(map, context);
  drawColumnLabels(map, context);
  drawTitles(map, context);
}

/** The cursor and the pins, on a canvas of their own, so that a move does not draw the map. */
export function drawCursor(map, context, { row, column, pins, isFocused }) {
  const { geometry: g } = map;
  context.clearRect(0, 0, g.left + g.width + g.right, g.top + g.height + g.bottom);
  const frame = (i, j, colour, width) => {
    const [x, y, w, h] = map.rect(i, j);
    const grow = Math.max(0, (5 - Math.min(w, h)) / 2);
    context.lineWidth = width + 2;
    context.strokeStyle = '#fff';
    context.strokeRect(x - grow - 1, y - grow - 1, w + 2 * grow + 1, h + 2 * grow + 1);
    context.lineWidth = width;
    context.strokeStyle = colour;
    context.strokeRect(x - grow - 1, y - grow - 1, w + 2 * grow + 1, h + 2 * grow + 1);
  };
  for (const pin of pins || []) if (map.contains(pin.row, pin.column)) frame(pin.row, pin.column, colourOf('--accent'), 1.5);
  if (!map.contains(row, column)) return;
  const [x, y, w, h] = map.rect(row, column);
  context.fillStyle = colourOf('--cursor');
  context.fillRect(g.left - 4, y, 3, Math.max(2, h - 1));
  context.fillRect(x, g.top + g.height + 1, Math.max(2, w - 1), 3);
  frame(row, column, colourOf('--cursor'), isFocused ? 3 : 2);
}
