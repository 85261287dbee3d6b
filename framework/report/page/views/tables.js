// Tables: all variables over one dimension as columns of one table.
import { add, el, put } from '../base/dom.js';
import { token, unitText, words } from '../base/format.js';
import { dimsWithoutCase } from '../base/groups.js';
import { empty, frame } from '../parts/frame.js';
import { tableOf } from '../parts/table.js';

function tablesOf(archive) {
  const groups = new Map();
  for (const variable of archive.variables((one) => one.view === 'table')) {
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
  if (!columns.length) return put(box, empty(archive.whyEmpty(group.variables[0], index)));
  const labels = await archive.labels(group.result, group.dim, size, index);
  const rows = () => ({ caption: `${group.result.name} by ${words(group.dim || 'value')}`, head: [words(group.dim || 'value'), ...columns.map((one) => one.head)],
    rows: labels.map((label, i) => [label, ...columns.map((one) => one.value(i))]) });
  const shown = frame({ title: `${group.result.name}: by ${words(group.dim || 'value')}`, rows, isTable: true, name: group.dim || 'table',
    sentence: group.variables.map((one) => `${words(one.name)}: ${one.long_name || one.description || '—'}`).join('. ') + '.' });
  add(shown.body, tableOf(rows()));
  return put(box, shown.root);
}

export const tables = {
  id: 'tables', title: 'Tables',
  has: ({ archive }) => tablesOf(archive).length > 0,
  why: () => 'The archive has no variable with view table.',
  async mount(panel, context) {
    const groups = tablesOf(context.archive).map((group) => ({ group, box: add(panel, el('div')).lastChild }));
    const show = () => Promise.all(groups.map(({ group, box }) => fill(box, context, group)));
    await show();
    return { update: (changed) => changed.has('case') ? show() : undefined };
  },
};
