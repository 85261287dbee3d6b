// Variables that belong together: all maps of one result over the same layers and tokens, decoded from
// the same point, are one group that a view shows with a choice of colours.
import { isCase } from './model.js';

const kBases = ['top_id', 'top_probability', 'top_logit', 'target_probability', 'target_log_probability', 'target_rank',
  'target_logit', 'kl_final_to_layer', 'cross_entropy', 'entropy'];

/** Short names of the usual colours, as the address holds them. */
const kShort = { target_probability: 'probability', target_logit: 'logit', entropy: 'entropy', kl_final_to_layer: 'kl', target_rank: 'rank', cross_entropy: 'cross-entropy', target_log_probability: 'log-probability' };
const kLabels = { kl: 'KL' };
const kOrder = ['probability', 'logit', 'entropy', 'kl', 'rank'];

function prefixOf(name) {
  if (kBases.includes(name)) return '';
  const base = kBases.find((one) => name.endsWith(`_${one}`));
  return base ? name.slice(0, -base.length) : '';
}

export function dimsWithoutCase(variable) {
  return variable.dims.filter((dim) => !isCase(dim));
}

function isMap(variable) {
  const dims = dimsWithoutCase(variable);
  const isDrawn = ['heatmap', 'trajectory'].includes(variable.view) || /(^|_)top_(id|probability|logit)$/.test(variable.name);
  if (variable.type === 'string' || !isDrawn || dims[1] !== 'token' || /head|component|neuron/.test(dims[0])) return false;
  return dims.length === 2 || (dims.length === 3 && dims[2] === 'rank');
}

/** Groups of maps over tokens: `{key, result, point, axis, label, topId, topValue, metrics}`. */
export function mapGroups(archive) {
  const groups = new Map();
  for (const variable of archive.variables(isMap)) {
    const [axis] = dimsWithoutCase(variable);
    const point = prefixOf(variable.name);
    const key = [variable.result.name, axis, point].join('|');
    if (!groups.has(key)) groups.set(key, { key, result: variable.result, axis, point, metrics: [] });
    const group = groups.get(key);
    if (dimsWithoutCase(variable).length === 2) group.metrics.push(metric(variable, point));
    else if (variable.is_token_id) group.topId = variable;
    else if (variable.name.endsWith('probability') || !group.topValue) group.topValue = variable;
  }
  const all = [...groups.values()].filter((group) => group.metrics.length || group.topValue);
  for (const group of all) finish(group, all);
  // Maps that say what the model would answer come first.
  return all.sort((a, b) => Boolean(b.topId) - Boolean(a.topId) || Boolean(b.metrics.some((one) => one.id === 'probability')) - Boolean(a.metrics.some((one) => one.id === 'probability')));
}

function metric(variable, point) {
  const name = variable.name.slice(point.length);
  const id = kShort[name] || name;
  return { id, label: kLabels[id] || id.replace(/_/g, ' '), variable };
}

function finish(group, all) {
  const place = (one) => (kOrder.indexOf(one.id) + 99) % 99;
  if (group.topValue && !group.metrics.some((one) => one.id === 'probability'))
    group.metrics.push({ id: 'probability', label: 'probability', variable: group.topValue, isTop: true });
  group.metrics.sort((a, b) => place(a) - place(b));
  const siblings = all.filter((other) => other.result === group.result);
  const point = group.point.replace(/_$/, '').replace(/_/g, ' ');
  const name = point || (group.metrics.some((one) => one.id === 'probability') ? 'residual stream' : group.axis);
  group.label = siblings.length > 1 ? `${group.result.name}: ${name}` : group.result.name;
}

/** The layer from which the first token of a column stays the last one; -1 where there is none. */
export function settledRows({ rows, columns, values }) {
  const settled = new Int32Array(columns).fill(-1);
  for (let j = 0; j < columns; ++j) {
    const final = values[(rows - 1) * columns + j];
    let row = rows - 1;
    while (row > 0 && values[(row - 1) * columns + j] === final) --row;
    settled[j] = row;
  }
  return settled;
}
