/** A stream of chunks, which records how often it was asked for the next one and whether it was cancelled. */
export function streamOf(chunks: readonly Uint8Array[]) {
  const asked = { pulls: 0, cancelled: false };
  const stream = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        const chunk = chunks[asked.pulls];
        asked.pulls += 1;
        if (chunk) controller.enqueue(chunk);
        else controller.close();
      },
      cancel() {
        asked.cancelled = true;
      },
    },
    { highWaterMark: 0 },
  );
  return { stream, asked };
}
