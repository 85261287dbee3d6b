// Graph: nodes at fixed places, layer by token, and the strongest edges between them.
import { add, el, put, svg } from '../base/dom.js';
import { number, plural, shellWord, token, words } from '../base/format.js';
import { dimsWithoutCase } from '../base/groups.js';
import { linear } from '../base/scales.js';
import { button, keyed, slider } from '../parts/frame.js';
import { announce } from '../parts/live.js';
import { fitted } from '../parts/lines.js';
import { FramedView, mountParts, putReason } from '../parts/view.js';

const kMostEdges = 2000;
const kSteps = 101;

/** Results with edges: a start, an end and a weight for each. */
function graphsOf(archive) {
  return archive.results.map((result) => {
    const find = (pattern, isNode) => result.variables.find((one) => one.view === 'graph' && one.type !== 'string' && pattern.test(one.name) && dimsWithoutCase(one).length === 1 && (dimsWithoutCase(one)[0] === 'node') === isNode);
    return { result, source: find(/(source|sender|from)$/, false), target: find(/(target|receiver|to)$/, false), weight: find(/(weight|effect|value|score)$/, false),
      layer: find(/(layer|block)$/, true), place: find(/(token|position)$/, true) };
  }).filter((one) => one.source && one.target && one.weight);
}

/** Variables of the view graph that no graph shows, such as those of a result without the ends of its edges. */
export function outsideGraphs(archive) {
  const drawn = new Set(graphsOf(archive).flatMap((one) => [one.source, one.target, one.weight, one.layer, one.place]));
  return archive.variables((one) => one.view === 'graph' && !drawn.has(one));
}

class Graph extends FramedView {
  constructor(context, parts) {
    super(context, 'edges', 'command');
    Object.assign(this, { parts, least: 0, chosen: -1 });
    this.chart = fitted((width) => this.make(width));
    this.said = el('p.note');
    this.stage = keyed('div.keyed', 'graph', (key) => this.key(key), {}, this.chart.root);
    add(this.frame.body, this.stage, this.said);
  }

  command() {
    return `lensbench export ${shellWord(this.archive.data.file)} ${shellWord(this.parts.result.name)} --format csv`;
  }

  async show() {
    const { archive, parts } = this;
    const index = this.caseIndex();
    const turn = this.turn = {};
    const [source, target, weight, layer, place, tokens] = await Promise.all([parts.source, parts.target, parts.weight, parts.layer, parts.place].map((one) => archive.load(one, index)).concat(archive.tokens(parts.result, index)));
    if (turn !== this.turn) return;
    if (!source || !target || !weight) {
      putReason(this.stage, archive, parts.weight, index);
      return;
    }
    this.tokens = tokens;
    const all = Array.from(weight.values, (value, i) => ({ from: source.values[i], to: target.values[i], value }));
    const nodes = Math.max(...all.flatMap((one) => [one.from, one.to])) + 1;
    const names = await archive.labels(parts.result, 'node', nodes, index);
    this.nodes = Array.from({ length: nodes }, (_, i) => ({ layer: layer?.values[i] ?? 0, place: place?.values[i] ?? i, name: names[i] }));
    const sum = (list) => list.reduce((total, one) => total + Math.abs(one.value), 0);
    this.edges = all.sort((a, b) => Math.abs(b.value) - Math.abs(a.value)).slice(0, kMostEdges);
    this.largest = Math.abs(this.edges[0]?.value || 1);
    this.total = sum(all);
    this.count = all.length;
    put(this.controls, slider('Least weight', kSteps, 0, (i) => number(this.largest * i / (kSteps - 1)), (i) => { this.least = this.largest * i / (kSteps - 1); this.draw(); }),
      button('full screen', () => this.stage.requestFullscreen?.()));
    this.draw();
  }

  shown() {
    return this.edges.filter((one) => Math.abs(one.value) >= this.least && (this.chosen < 0 || one.from === this.chosen || one.to === this.chosen));
  }

  draw() {
    if (!this.nodes) return;
    const { edges, nodes } = this;
    const share = edges.filter((one) => Math.abs(one.value) >= this.least).reduce((total, one) => total + Math.abs(one.value), 0) / (this.total || 1);
    this.frame.say(`${this.parts.result.name}: graph`, `${plural(nodes.length, 'node')} by token (across) and layer (up), ${plural(this.shown().length, 'edge')} of ${number(this.count)}; the edges in sight carry ${number(Math.round(1000 * share) / 10)} % of the absolute weight. Purple edges are positive, orange dashed ones negative.`);
    this.stage.setAttribute('aria-label', `graph of ${nodes.length} nodes; arrow keys choose a node`);
    this.chart.draw();
    this.frame.refresh();
  }

  make(width) {
    if (!this.nodes) return '';
    const { nodes } = this;
    const span = (key) => [Math.min(...nodes.map((one) => one[key])), Math.max(...nodes.map((one) => one[key]))];
    const [layers, places] = [span('layer'), span('place')];
    const height = Math.max(220, Math.min(720, (layers[1] - layers[0] + 1) * 62));
    const x = linear(places, [60, width - 40]);
    const y = linear(layers, [height - 44, 26]);
    const at = (node) => [x(node.place), y(node.layer)];
    const root = svg('svg.chart.graph', { viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': `${nodes.length} nodes and ${this.shown().length} edges` });
    for (const edge of [...this.shown()].reverse()) {
      const [[ax, ay], [bx, by]] = [at(nodes[edge.from]), at(nodes[edge.to])];
      const size = Math.abs(edge.value) / this.largest;
      add(root, svg(`path.edge.${edge.value < 0 ? 'minus' : 'plus'}`, { d: `M${ax},${ay}C${ax},${(ay + by) / 2} ${bx},${(ay + by) / 2} ${bx},${by}`, 'stroke-width': 0.5 + 4 * size, opacity: 0.25 + 0.65 * size },
        svg('title', {}, `${nodes[edge.from].name} to ${nodes[edge.to].name}: ${number(edge.value)}`)));
    }
    nodes.forEach((node, i) => {
      const [cx, cy] = at(node);
      add(root, svg(`circle.node${i === this.chosen ? '.here' : ''}`, { cx, cy, r: i === this.chosen ? 8 : 5, onclick: () => this.choose(i === this.chosen ? -1 : i) }, svg('title', {}, node.name)));
      if (i === this.chosen) add(root, svg('text.label', { x: cx, y: cy - 13, 'text-anchor': 'middle' }, node.name));
    });
    for (let k = layers[0]; k <= layers[1]; ++k) add(root, svg('text', { x: 14, y: y(k) + 4 }, `${k}`));
    for (let k = places[0]; k <= places[1] && places[1] - places[0] < 60; ++k) add(root, svg('text', { x: x(k), y: height - 12, 'text-anchor': 'middle' }, this.tokens ? token(this.tokens.texts[k] ?? k) : String(k)));
    return root;
  }

  choose(i) {
    this.chosen = i;
    this.draw();
    const text = i < 0 ? 'no node chosen: all edges are shown' : `${this.nodes[i].name}, layer ${this.nodes[i].layer}, ${plural(this.shown().length, 'edge')}`;
    put(this.said, text);
    announce(text);
  }

  key(key) {
    if (!this.nodes) return false;
    const to = { ArrowRight: 1, ArrowDown: -1, ArrowLeft: -1, ArrowUp: 1 }[key];
    if (to) this.choose((this.chosen + to + this.nodes.length) % this.nodes.length);
    else if (key === 'Escape') this.choose(-1);
    else return false;
    return true;
  }

  rows() {
    return { caption: `edges of ${this.parts.result.name}, the strongest first`, head: ['from', 'to', words(this.parts.weight.name)], rows: (this.edges || []).map((one) => [this.nodes[one.from].name, this.nodes[one.to].name, one.value]) };
  }

  redraw() {
    if (this.nodes) this.chart.draw();
  }
}

export const graph = {
  id: 'graph', title: 'Graph',
  has: ({ archive }) => graphsOf(archive).length > 0,
  why: () => 'The archive has no graph: no result with variables of view graph that name the start, the end and the weight of edges.',
  mount: (panel, context) => mountParts(panel, graphsOf(context.archive).map((one) => new Graph(context, one)), 'case'),
};
