// The archive as the views ask for it: variables by their view, parts of a case, labels, vocabulary.
import { partsOf, resolveChanges, valuesOf } from './blocks.js';
import { inUnit, shellWord, words } from './format.js';

/** Whether a dimension counts cases. */
export function isCase(dim) {
  return dim === 'case' || dim === 'case_number';
}

/** The name of a variable with its result, as commands and the address hold it. */
export function idOf(variable) {
  return `${variable.result.name}/${variable.name}`;
}

/** Variables as options of a list. */
export function optionsOf(variables) {
  return variables.map((one) => ({ id: idOf(one), label: `${one.result.name}: ${words(one.name)}` }));
}

/** The variable that the address names, else the first one. */
export function chosenOf(variables, id) {
  return variables.find((one) => idOf(one) === id) || variables[0];
}

/** What a variable is and its unit, as the beginning of a sentence. */
export function meaningOf(variable) {
  return (variable.long_name || words(variable.name)).replace(/^./, (c) => c.toUpperCase()) + inUnit(variable.unit);
}

/** What a part of a variable is, without the dimension `case`. */
function shapeOf(variable, part) {
  const kept = variable.dims.map((dim, at) => [dim, part.shape[at]]).filter(([dim, size]) => !isCase(dim) || size !== 1);
  return { variable, dims: kept.map(([dim]) => dim), shape: kept.map(([, size]) => size ?? 1), approximate: Boolean(part.block.approximate) };
}

/** One archive of the page. */
export class Archive {
  constructor(index, data) {
    this.index = index;
    this.data = data;
    this.results = data.results || [];
    this.chosen = data.cases?.chosen || [];
    for (const result of this.results)
      for (const variable of result.variables) variable.result = result;
  }

  /** Reads what every view needs: names of cases and the texts of token ids. */
  async open() {
    const { cases, vocabulary } = this.data;
    this.ids = await valuesOf(cases?.id);
    this.errors = await valuesOf(cases?.error);
    const [ids, texts] = await Promise.all([valuesOf(vocabulary?.id), valuesOf(vocabulary?.text)]);
    this.vocabulary = new Map();
    for (let i = 0; i < ids.length; ++i) this.vocabulary.set(ids[i], texts[i]);
    return this;
  }

  caseName(index) {
    return this.ids[index] ?? `case ${index}`;
  }

  caseIndex(name) {
    const at = this.ids.indexOf(name);
    return this.chosen.includes(at) ? at : this.firstCase();
  }

  /** The first case of the page with values: a failed one has none. */
  firstCase() {
    const filled = new Set(this.variables().flatMap((one) => (one.parts || []).map((part) => part.case)));
    return this.chosen.find((index) => filled.has(index)) ?? this.chosen[0];
  }

  tokenText(id) {
    return this.vocabulary.get(Number(id)) ?? `id ${id}`;
  }

  /** All variables but labels of axes, optionally those that `test` accepts. */
  variables(test = () => true) {
    return this.results.flatMap((result) => result.variables).filter((one) => !one.coordinate && test(one));
  }

  /** Tokens of a case in a result: `{start, texts, positions, ids}`; null without a token axis. */
  async tokens(result, caseIndex) {
    const entry = result?.tokens?.[String(caseIndex)];
    if (!entry) return null;
    const [positions, ids, texts] = await Promise.all(
      [valuesOf(entry.position), valuesOf(entry.input_id), valuesOf(entry.input_token)]);
    return { start: entry.start, count: entry.count, positions, ids, texts };
  }

  /** The part of a variable that belongs to a case; parts without a case belong to all. */
  partOf(variable, caseIndex) {
    const parts = variable?.parts || [];
    return parts.find((part) => part.case === caseIndex) || parts.find((part) => part.case === null || part.case === undefined);
  }

  /**
   * The values of a variable for a case: `{dims, shape, values, approximate}` without the dimension
   * `case`; null if the page does not hold them.
   */
  async load(variable, caseIndex) {
    const part = this.partOf(variable, caseIndex);
    if (!part) return null;
    let values = await valuesOf(part.block);
    if (part.block.encoding === 'changes') values = resolveChanges(values, part.shape[0]);
    return { ...shapeOf(variable, part), values };
  }

  /** As `load`, with the members of `partsOf` in the place of all `values`. */
  async loadParts(variable, caseIndex) {
    const part = this.partOf(variable, caseIndex);
    return part ? { ...shapeOf(variable, part), ...await partsOf(part.block) } : null;
  }

  /** Labels of a dimension of a result: texts, or numbers from 0. */
  async labels(result, dim, size, caseIndex) {
    if (dim === 'token') {
      const tokens = await this.tokens(result, caseIndex);
      if (tokens) return Array.from(tokens.texts);
    }
    const entry = result.dims?.find((one) => one.name === dim);
    const labels = entry?.labels ? await valuesOf(entry.labels) : [];
    // A page keeps the first ranks of those that the archive has.
    const isLabelled = labels.length === size || (dim === 'rank' && labels.length > size);
    return Array.from({ length: size }, (_, i) => isLabelled ? String(labels[i]) : String(i));
  }

  /** Why a variable cannot be drawn for a case. */
  whyEmpty(variable, caseIndex) {
    if (variable?.left_out) return variable.left_out;
    if (this.errors[caseIndex]) return `Case ${this.caseName(caseIndex)} failed, so it has no values: ${this.errors[caseIndex]}`;
    const name = caseIndex === undefined ? '' : ` for case ${this.caseName(caseIndex)}`;
    return `The page holds no values${name}. All values are in the archive: ${this.showCommand(variable)}`;
  }

  showCommand(variable) {
    const name = variable ? ` ${shellWord(idOf(variable))} --format csv` : '';
    return `lensbench ${variable ? 'export' : 'show'} ${shellWord(this.data.file)}${name}`;
  }
}

/** Number of values after the leading dimensions: offset of index `[i, j, …]` in row-major order. */
export function offset(shape, index) {
  let at = 0;
  for (let k = 0; k < shape.length; ++k) at = at * shape[k] + (index[k] || 0);
  return at;
}

/**
 * A plane of a loaded variable: dimension `down` by dimension `across`, the others fixed at
 * `fixed[dim]` (0 where not given).
 */
export function plane(loaded, down, across, fixed = {}) {
  const { dims, shape, values } = loaded;
  const stride = dims.map((_, k) => shape.slice(k + 1).reduce((a, b) => a * b, 1));
  const r = dims.indexOf(down);
  const c = dims.indexOf(across);
  const rows = r < 0 ? 1 : shape[r];
  const columns = c < 0 ? 1 : shape[c];
  let start = 0;
  dims.forEach((dim, k) => {
    if (k !== r && k !== c) start += Math.min(fixed[dim] || 0, shape[k] - 1) * stride[k];
  });
  const rowStride = r < 0 ? 0 : stride[r];
  const columnStride = c < 0 ? 0 : stride[c];
  // A plane that is the whole variable is used as it is: large maps are not copied.
  if (values instanceof Float32Array && start === 0 && columnStride === 1 && rowStride === columns && values.length === rows * columns)
    return { rows, columns, values };
  const cut = new Float32Array(rows * columns);
  for (let i = 0; i < rows; ++i)
    for (let j = 0; j < columns; ++j) cut[i * columns + j] = values[start + i * rowStride + j * columnStride];
  return { rows, columns, values: cut };
}

/** The `lensbench plot` line that draws a variable; of texts, token ids and single numbers, which have no figure, the line that writes them. */
export function figureCommand(archive, variable, caseIndex, more = '', file = 'figure.svg') {
  if (variable.is_token_id || variable.type === 'string' || variable.dims.every(isCase)) return archive.showCommand(variable);
  const isPart = variable.dims.some((dim) => dim === 'token' || isCase(dim)) || (variable.parts?.[0]?.case ?? -1) >= 0;
  const chosen = isPart && archive.ids.length ? ` --case ${shellWord(archive.caseName(caseIndex))}` : '';
  const name = shellWord(idOf(variable));
  return `lensbench plot ${shellWord(archive.data.file)} ${name}${chosen}${more} -o ${file}`;
}

/** The options of a figure command that fix dimensions: pairs of a dimension and a label. */
export function atLabels(pairs = []) {
  return pairs.map((pair) => ` --at ${shellWord(pair.join('='))}`).join('');
}

/** The option of a figure command that cuts tokens out: neighbours of their positions as one span. */
export function tokenSpans(positions) {
  const spans = [];
  for (const at of [...new Set(positions)].sort((a, b) => a - b)) {
    const last = spans[spans.length - 1];
    if (last && at === last[1] + 1) last[1] = at;
    else spans.push([at, at]);
  }
  return spans.length ? ` --tokens ${spans.map(([first, last]) => first === last ? first : `${first}:${last}`).join()}` : '';
}

/** The option of a figure command for a logarithmic scale. */
export function logOption(scale) {
  return scale?.kind === 'log' ? ' --log' : '';
}

/** The names that the interval of a variable may have: of one variable, or of both ends. */
function intervalNames({ name, interval }) {
  const said = Array.isArray(interval) ? interval : interval ? [interval] : [];
  return [...said, `${name}_interval`, `${name}_low`, `${name}_high`];
}

/** Both ends of the interval of a variable, `{low, high}`; null without one. */
export async function intervalOf(archive, variable, caseIndex) {
  const mates = intervalNames(variable).map((name) => variable.result.variables.find((one) => one !== variable && one.name === name)).filter(Boolean);
  const pair = mates.find((one) => one.dims.includes('bound') || /interval$/.test(one.name));
  if (pair) {
    const both = await archive.load(pair, caseIndex);
    if (!both) return null;
    const at = both.dims.includes('bound') ? both.dims.indexOf('bound') : both.shape.lastIndexOf(2);
    const stride = both.shape.slice(at + 1).reduce((a, b) => a * b, 1);
    const end = (k) => Float32Array.from({ length: both.values.length / 2 }, (_, i) => both.values[Math.floor(i / stride) * 2 * stride + k * stride + i % stride]);
    return { low: end(0), high: end(1) };
  }
  const ends = mates.filter((one) => one.dims.length === variable.dims.length);
  if (ends.length < 2) return null;
  const [a, b] = await Promise.all(ends.slice(0, 2).map((one) => archive.load(one, caseIndex)));
  return a && b ? { low: a.values, high: b.values } : null;
}

/** Whether a variable is an end of another one's interval, which that one draws. */
export function isInterval(variable) {
  return variable.result.variables.some((one) => one !== variable && intervalNames(one).includes(variable.name));
}
