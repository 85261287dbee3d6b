// Receipts and provenance: which checks held, from what the results were made, how to check and repeat it.
import { add, el } from '../base/dom.js';
import { bytes, number } from '../base/format.js';
import { commandLine, empty, frame } from '../parts/frame.js';
import { tableOf } from '../parts/table.js';

function verdict(one) {
  return el(one.passed ? 'span.ok' : 'span.no', {}, one.passed ? '✓ passed' : '✗ FAILED');
}

/** How much of the tolerance a receipt used, on a scale of powers of ten. */
function margin(one) {
  if (!(one.tolerance > 0) || !(one.value >= 0)) return '';
  const share = one.value === 0 ? 0 : Math.max(0, Math.min(1, 1 + Math.log10(one.value / one.tolerance) / 8));
  return el('span.gauge', { role: 'img', 'aria-label': `${number(one.value / one.tolerance)} of the tolerance` }, el(one.passed ? 'i' : 'i.over', { style: { width: `${100 * share}%` } }));
}

function receiptFrame(archive) {
  const list = [...(archive.data.receipts || [])].sort((a, b) => a.passed - b.passed);
  const rows = () => ({
    caption: 'receipts', head: ['receipt', 'verdict', 'result', 'value', 'tolerance', 'used', 'worst case', 'note'],
    rows: list.map((one) => [one.name, verdict(one), one.result, one.value ?? NaN, one.tolerance ?? NaN, margin(one), one.worst_case || '—', one.note || (one.failed_cases?.length > 1 ? `failed: ${one.failed_cases.slice(0, 12).join(', ')}` : '')]),
  });
  const shown = frame({ title: 'Receipts', name: 'receipts', rows, isTable: true,
    sentence: 'Each receipt is a check that a tool made of its own result: a difference that must not exceed a tolerance. The worst of all cases is shown.' });
  add(shown.body, list.length ? tableOf(rows()) : empty('The tools of this run made no receipts.'));
  return shown.root;
}

function simple(title, sentence, head, rows, name) {
  const make = () => ({ caption: title.toLowerCase(), head, rows });
  const shown = frame({ title, sentence, rows: rows.length ? make : undefined, name, isTable: true });
  add(shown.body, rows.length ? tableOf(make()) : empty('The archive holds none.'));
  return shown.root;
}

function digests(archive) {
  const { data } = archive;
  const rows = Object.entries(data.digests || {}).map(([name, value]) => [name, el('code.hash', {}, value)]);
  const shown = frame({ title: 'Digests', sentence: `SHA-256 over the contents${data.verified ? '; they were recomputed and agree' : ''}. Equal recipe and environment give equal results.`,
    rows: () => ({ caption: 'digests', head: ['digest', 'value'], rows }), name: 'digests', isTable: true });
  add(shown.body, tableOf({ caption: 'digests', head: ['digest', 'value'], rows }),
    el('h4', {}, 'Check and repeat'), Object.values(data.commands || {}).filter(Boolean).map(commandLine));
  return shown.root;
}

function leaves(value, path = '') {
  if (value !== null && typeof value === 'object' && Object.keys(value).length)
    return Object.entries(value).flatMap(([name, one]) => leaves(one, path ? `${path}.${name}` : name));
  return [[path, typeof value === 'string' ? value : JSON.stringify(value)]];
}

export const receipts = {
  id: 'receipts', title: 'Receipts and provenance', withoutCase: true,
  has: () => true,
  async mount(panel, { archives }) {
    for (const archive of archives) {
      const { data } = archive;
      if (archives.length > 1) add(panel, el('h3.archive', {}, data.file));
      const parameters = Object.keys(data.request || {}).length ? leaves(data.request) : [];
      add(panel, receiptFrame(archive), digests(archive),
        simple('Request', 'The parameters of the run, with all defaults.', ['parameter', 'value'], parameters, 'request'),
        simple('Files', 'The files that the run read.', ['file', 'role', 'size', 'SHA-256'], (data.files || []).map((one) => [one.name, one.role, bytes(one.bytes), el('code.hash', {}, one.sha256)]), 'files'),
        simple('Plug-ins', 'The libraries with the tools and experiments of the run.', ['library', 'version', 'tools', 'SHA-256'], (data.plugins || []).map((one) => [one.name, one.version, one.tools, el('code.hash', {}, one.sha256)]), 'plugins'),
        simple('Environment', 'Versions and the machine, as far as results depend on them.', ['name', 'value'], data.environment || [], 'environment'),
        simple('Run', 'When and where the run was made; no digest but the seal covers it.', ['name', 'value'], data.run || [], 'run'));
    }
    return {};
  },
};
