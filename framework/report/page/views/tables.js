// Tables: all variables over one dimension as columns of one table.
import { add, el, put, terms } from '../base/dom.js';
import { plural, token, unitText, words } from '../base/format.js';
import { dimsWithoutCase } from '../base/groups.js';
import { frame } from '../parts/frame.js';
import { tableOf } from '../parts/table.js';
import { putReason } from '../parts/view.js';
import { outsideGraphs } from './graph.js';

function tablesOf(archive) {
  const groups = new Map();
  const undrawn = new Set(outsideGraphs(archive));
  for (const variable of archive.variables((one) => one.view === 'table' || undrawn.has(one))) {
    const [dim = ''] = dimsWithoutCase(variable);
    const key = `${variable.result.name}|${dim}`;
    if (!groups.has(key)) groups.set(key, { result: variable.result, dim, variables: [] });
    groups.get(key).variables.push(variable);
  }
  return [...groups.values()];
}

/** Columns of a variable: one, or one for each index of its second dimension. */
function columnsOf(archive, variable, loaded, names) {
  const [, second = 1] = loaded.shape;
  const show = (value) => variable.is_token_id ? (value < 0 ? '—' : token(archive.tokenText(value))) : value;
  const name = words(variable.name) + unitText(variable.unit);
  const rest = loaded.values.length / (loaded.shape[0] || 1);
  if (rest === 1) return [{ head: name, value: (i) => show(loaded.values[i]) }];
  const width = Math.min(rest, 12);
  return Array.from({ length: width }, (_, k) => ({ head: `${name} ${second === rest ? names[k] : k}`, value: (i) => show(loaded.values[i * rest + k]) }));
}

async function fill(box, { archive, caseIndex }, group) {
  const index = caseIndex();
  const columns = [];
  let size = 0;
  for (const variable of group.variables) {
    const loaded = await archive.load(variable, index);
    if (!loaded) continue;
    size = Math.max(size, loaded.shape[0] ?? 1);
    columns.push(...columnsOf(archive, variable, loaded, loaded.dims[1] ? await archive.labels(group.result, loaded.dims[1], loaded.shape[1], index) : []));
  }
  if (!columns.length) return putReason(box, archive, group.variables[0], index);
  // Single numbers of a case, or of all cases, are one row.
  const labels = group.dim ? await archive.labels(group.result, group.dim, size, index) : ['value'];
  const title = `${group.result.name}: ${group.dim ? `by ${words(group.dim)}` : 'single values'}`;
  const rows = () => ({ caption: title, head: [words(group.dim || ' '), ...columns.map((one) => one.head)],
    rows: labels.map((label, i) => [label, ...columns.map((one) => one.value(i))]) });
  const meanings = group.variables.map((one) => [words(one.name), one.long_name || one.description || '—']);
  const isShort = meanings.length < 4;
  const shown = frame({ title, rows, isTable: true, name: group.dim || 'table',
    sentence: isShort ? `${meanings.map((one) => one.join(': ')).join('. ')}.` : `${plural(labels.length, 'row')} of ${meanings.length} values; below is what they mean.` });
  add(shown.body, tableOf(rows()), !isShort && el('details.request', {}, el('summary', {}, 'Meaning of the columns'), terms('dl.pairs', meanings)));
  return put(box, shown.root);
}

export const tables = {
  id: 'tables', title: 'Tables',
  has: ({ archive }) => tablesOf(archive).length > 0,
  why: () => 'The archive has no variable with view table, and graphs show all that have view graph.',
  async mount(panel, context) {
    const groups = tablesOf(context.archive).map((group) => ({ group, box: add(panel, el('div')).lastChild }));
    const show = () => Promise.all(groups.map(({ group, box }) => fill(box, context, group)));
    await show();
    return { update: (changed) => changed.has('case') ? show() : undefined };
  },
};
