// Reads the data blocks of the page: base64 of raw deflate in elements that the browser does not run,
// or bytes that a server sent. A block is unpacked when a view asks for it, and kept.
const unpacked = new Map();
let received = null;

/** Uses blocks that a server sent, by their numbers, in place of those in the document. */
export function useBlocks(blocks) {
  received = blocks;
  unpacked.clear();
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

/** Values that were stored in 8 or 16 bits: code 0 is a missing value, the others are steps. */
function dequantise(codes, block, steps) {
  const { low, high } = block;
  const table = new Float32Array(steps + 2).fill(NaN);
  const isLog = block.encoding.startsWith('log');
  for (let code = 1; code < table.length; ++code) {
    const x = low + (code - 1) * (high - low) / steps;
    table[code] = isLog ? Math.exp(x) : x;
  }
  if (isLog && block.zero) table[1] = 0;
  const values = new Float32Array(codes.length);
  for (let i = 0; i < codes.length; ++i) values[i] = table[codes[i]];
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

async function decode(block) {
  const bytes = LIVE ? received[block.block] : whole(await bytesOf(`block-${block.block}`), block.shuffled || 1);
  const encoding = block.encoding || 'plain';
  if (encoding === 'strings' || block.type === 'strings' || block.type === 'string') return texts(bytes);
  if (encoding.endsWith('16')) return dequantise(typed(bytes, 'uint16'), block, 65534);
  if (encoding.endsWith('8')) return dequantise(bytes, block, 254);
  return typed(bytes, block.type);
}

/** The values of a block: a typed array, or a list of texts. */
export async function valuesOf(block) {
  if (!block) return [];
  if (block.values) return block.values.map((value) => value === null ? NaN : value);
  if (!unpacked.has(block.block)) unpacked.set(block.block, decode(block));
  return unpacked.get(block.block);
}

/** Resolves ids stored as changes: 0 where the id is that of the layer below, else id + 1. */
export function resolveChanges(codes, layers) {
  const ids = new Int32Array(codes.length);
  const stride = layers ? codes.length / layers : codes.length;
  for (let i = 0; i < codes.length; ++i) ids[i] = codes[i] === 0 && i >= stride ? ids[i - stride] : codes[i] - 1;
  return ids;
}
