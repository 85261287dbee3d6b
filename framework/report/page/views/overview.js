// Overview: the request, what went wrong, and a table of all cases.
import { valuesOf } from '../base/blocks.js';
import { add, breakable, el, terms } from '../base/dom.js';
import { number, plural, unitText, words } from '../base/format.js';
import { empty, frame } from '../parts/frame.js';
import { CaseTable } from '../parts/case_table.js';

const kStatus = ['planned', 'complete', 'failed'];

/** The columns of the table of cases: `{name, unit, values, texts}`. */
async function columnsOf(archive) {
  const { cases } = archive.data;
  const [status, text, error, tokens, seconds] = await Promise.all(
    [cases.status, cases.text, cases.error, cases.tokens, cases.seconds].map(valuesOf));
  const n = cases.count;
  const columns = [
    { name: 'case', texts: archive.ids, width: '18ch' },
    { name: 'text', texts: text, width: '32ch', grows: true },
    { name: 'status', texts: Array.from({ length: n }, (_, i) => kStatus[status[i]] ?? '—'), width: '12ch' },
    { name: 'tokens', values: tokens, width: '8ch' },
  ];
  for (const column of cases.columns || [])
    columns.push({ name: words(column.name), unit: column.unit, values: await valuesOf(column.block), width: '11ch' });
  columns.push({ name: 'seconds', unit: 's', values: seconds, width: '11ch' });
  const used = columns.filter((column) => column.texts ? column.texts.length : Array.from(column.values).some((x) => !Number.isNaN(x)));
  return { columns: used, errors: error, status };
}

function card(title, value, note, kind = '') {
  return el(`div.card${kind}`, {}, el('dt', {}, title), el('dd', {}, breakable(value), note ? el('small', {}, breakable(note)) : ''));
}

function cards(archive, status) {
  const { data } = archive;
  const failed = Array.from(status).filter((x) => x === 2).length;
  const receipts = data.receipts || [];
  const broken = receipts.filter((one) => !one.passed).length;
  return el('dl.cards', {},
    card('experiment', data.experiment || (data.tools || []).join(', ') || '—', data.experiment_version && `version ${data.experiment_version}`),
    card('model', data.model || '—', data.architecture),
    card('cases', number(data.cases.count), failed ? `${failed} failed` : 'none failed', failed ? '.bad' : ''),
    card('receipts', receipts.length ? `${receipts.length - broken} of ${receipts.length}` : 'none', receipts.length ? (broken ? 'passed' : 'all passed') : '', broken ? '.bad' : ''),
    card('tools', number((data.tools || []).length), (data.tools || []).join(', ')));
}

function failures(archive, errors) {
  const rows = [];
  for (let i = 0; i < errors.length && rows.length < 50; ++i) if (errors[i]) rows.push(el('li', {}, el('b', {}, archive.caseName(i)), ' ', errors[i]));
  if (!rows.length) return '';
  return el('details.failures', { open: rows.length <= 3 }, el('summary', {}, `${plural(rows.length, 'case')} with an error`), el('ul', {}, rows));
}

function requestOf(archive) {
  const entries = Object.entries(archive.data.request || {});
  if (!entries.length) return '';
  const text = (value) => typeof value === 'string' ? value : JSON.stringify(value);
  return el('details.request', {}, el('summary', {}, 'Request'), terms('dl.pairs', entries.map(([name, value]) => [name, text(value)])));
}

export const overview = {
  id: 'overview', title: 'Overview', withoutCase: true,
  has: () => true,
  async mount(panel, { archive, go, firstView }) {
    const { columns, errors, status } = await columnsOf(archive);
    if (!archive.data.cases.count) {
      add(panel, cards(archive, status), requestOf(archive), empty('The archive has no cases.'));
      return {};
    }
    const chosen = new Set(archive.chosen);
    const table = new CaseTable(columns, archive.data.cases.count, {
      isOpen: (i) => chosen.has(i),
      open: (i) => go({ case: archive.caseName(i), view: firstView() }),
    });
    const rows = () => ({
      caption: 'cases', head: columns.map((column) => column.name + unitText(column.unit)),
      rows: Array.from(table.order, (i) => columns.map((column) => column.texts ? column.texts[i] : column.values[i])),
    });
    const shown = frame({
      title: 'Cases', rows, name: 'cases',
      sentence: `One row a case; a row with an arrow opens that case in the other views. ${plural(chosen.size, 'case')} of ${number(archive.data.cases.count)} ${chosen.size === 1 ? 'has its' : 'have their'} data in this page.`,
    });
    add(shown.body, table.root);
    add(panel, cards(archive, status), failures(archive, errors), requestOf(archive), shown.root);
    return { update: () => table.draw(), redraw: () => table.draw() };
  },
};
