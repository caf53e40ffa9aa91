/**
 * Reads a stream to its end, or gives it up as soon as it proves longer than `limit` bytes.
 *
 * @returns the bytes, or undefined when there were more than `limit`
 */
export async function readAtMost(stream: ReadableStream<Uint8Array> | null, limit: number) {
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
