/**
 * Reads a stream to its end, or cancels it as soon as it exceeds `limit` bytes.
 *
 * @returns the bytes, or undefined when there were more than `limit`
 */
export async function readBounded(stream: ReadableStream<Uint8Array> | null, limit: number) {
  const chunks: Uint8Array[] = [];
  let length = 0;
  // Leaving the loop early cancels the stream.
  for await (const chunk of stream ?? []) {
    length += chunk.byteLength;
    if (length > limit) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, length);
}
