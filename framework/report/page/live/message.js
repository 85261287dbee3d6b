// What the server answers: the size of a JSON text, the text, then the blocks of values, each at a
// multiple of 8 bytes.
const align = (at) => (at + 7) & ~7;

/** Reads a message: `{id, notes, file, index, blocks}` with the blocks as bytes of the buffer. */
export function readMessage(buffer) {
  const size = new DataView(buffer).getUint32(0, true);
  const message = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, size)));
  let at = 4 + size;
  const blocks = message.blocks.map((length) => {
    at = align(at) + length;
    return new Uint8Array(buffer, at - length, length);
  });
  return { ...message, blocks };
}
