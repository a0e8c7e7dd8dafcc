/** Longer than a slow machine needs, shorter than the test runner's patience. */
export const TIMEOUT_MS = 15_000

/** Poll until `look` gives a value; for what has no event, such as a record in Redis or the end of a thread. */
export async function eventually<T>(look: () => Promise<T | undefined> | T | undefined): Promise<T> {
  const deadlineMs = Date.now() + TIMEOUT_MS
  for (;;) {
    const found = await look()
    if (found !== undefined) return found
    if (Date.now() > deadlineMs) throw new Error(`not so within ${TIMEOUT_MS} ms: ${look}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
