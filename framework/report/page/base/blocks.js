// Reads the data blocks of the page: base64 of raw deflate in elements that the browser does not run,
// or bytes that a server sent. A block is unpacked when a view asks for it, and kept.
const unpacked = new Map();
const unpackedCodes = new Map();
let received = null;

/** Uses blocks that a server sent, by their numbers, in place of those in the document. */
export function useBlocks(blocks) {
  received = blocks;
  unpacked.clear();
  unpackedCodes.clear();
}

async function inflate(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate-raw'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

async function bytesOf(id) {
  const node = document.getElementById(id);
  if (!node) throw new Error(`block ${id}: not in the page; make the page anew`);
  const binary = atob(node.textContent.trim());
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; ++i) bytes[i] = binary.charCodeAt(i);
  return inflate(bytes);
}

/** The index of the page: what it contains, without the large data. */
export async function readIndex() {
  return JSON.parse(new TextDecoder().decode(await bytesOf('index')));
}

const kArrays = {
  float32: Float32Array, float64: Float64Array, int32: Int32Array, int64: BigInt64Array,
  int8: Int8Array, int16: Int16Array, uint8: Uint8Array, uint16: Uint16Array,
};

/** The value of each code of 8 or 16 bits: 0 is a missing value, the others are steps. */
function valuesOfCodes(block, steps) {
  const { low, high } = block;
  const table = new Float32Array(steps + 2).fill(NaN);
  const isLog = block.encoding.startsWith('log');
  for (let code = 1; code < table.length; ++code) {
    const x = low + (code - 1) * (high - low) / steps;
    table[code] = isLog ? Math.exp(x) : x;
  }
  if (isLog && block.zero) table[1] = 0;
  return table;
}

/** The values of codes. */
export function lookUp({ codes, table }, start, count) {
  const values = new Float32Array(count);
  for (let i = 0; i < count; ++i) values[i] = table[codes[start + i]];
  return values;
}

function typed(bytes, type) {
  const Kind = kArrays[type];
  if (!Kind) throw new Error(`block: type ${type} is not known; open the page with the version that made it`);
  const whole = bytes.byteLength - bytes.byteLength % Kind.BYTES_PER_ELEMENT;
  const values = new Kind(bytes.buffer, bytes.byteOffset, whole / Kind.BYTES_PER_ELEMENT);
  return type === 'int64' ? Float64Array.from(values, Number) : values;
}

function texts(bytes) {
  const all = new TextDecoder().decode(bytes).split('\0');
  all.pop();
  return all;
}

/** Elements whose first bytes were stored together, then the second ones, and so on. */
function whole(bytes, width) {
  if (width === 1) return bytes;
  const count = bytes.length / width;
  const made = new Uint8Array(bytes.length);
  for (let k = 0; k < width; ++k) for (let i = 0; i < count; ++i) made[i * width + k] = bytes[k * count + i];
  return made;
}

async function unpack(block) {
  return LIVE ? received[block.block] : whole(await bytesOf(`block-${block.block}`), block.shuffled || 1);
}

function isCoded(block) {
  return /(8|16)$/.test(block.encoding || '');
}

async function decodeCodes(block) {
  const bytes = await unpack(block);
  return block.encoding.endsWith('16') ? { codes: typed(bytes, 'uint16'), table: valuesOfCodes(block, 65534) } : { codes: bytes, table: valuesOfCodes(block, 254) };
}

async function decode(block) {
  if (isCoded(block)) {
    const coded = await decodeCodes(block);
    return lookUp(coded, 0, coded.codes.length);
  }
  const bytes = await unpack(block);
  return block.encoding === 'strings' || block.type === 'strings' || block.type === 'string' ? texts(bytes) : typed(bytes, block.type);
}

/** The values of a block: a typed array, or a list of texts. */
export async function valuesOf(block) {
  if (!block) return [];
  if (block.values) return block.values.map((value) => value === null ? NaN : value);
  if (!unpacked.has(block.block)) unpacked.set(block.block, decode(block));
  return unpacked.get(block.block);
}

/**
 * The numbers of a block of which not all are wanted: `read(start, count)` gives some of them, since
 * patterns of many heads would need much memory as a whole. Of a block of codes also `coded`: its
 * codes and the value of each, where a larger code has a larger value and 0 is a missing one.
 */
export async function partsOf(block) {
  if (block.values || !isCoded(block)) {
    const values = await valuesOf(block);
    return { read: (start, count) => new Float32Array(values.slice(start, start + count)) };
  }
  if (!unpackedCodes.has(block.block)) unpackedCodes.set(block.block, decodeCodes(block));
  const coded = await unpackedCodes.get(block.block);
  return { coded, read: (start, count) => lookUp(coded, start, count) };
}

/** Resolves ids stored as changes: 0 where the id is that of the layer below, else id + 1. */
export function resolveChanges(codes, layers) {
  const ids = new Int32Array(codes.length);
  const stride = layers ? codes.length / layers : codes.length;
  for (let i = 0; i < codes.length; ++i) ids[i] = codes[i] === 0 && i >= stride ? ids[i - stride] : codes[i] - 1;
  return ids;
}
