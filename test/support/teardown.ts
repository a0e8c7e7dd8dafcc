import type { Teardown } from './node.js'

/** For what is run by hand: what it starts ends with it, in reverse order, as at the end of a test. */
export async function withTeardown<T>(work: (test: Teardown) => Promise<T>): Promise<T> {
  const ends: (() => unknown)[] = []
  try {
    return await work({ teardown: (end) => void ends.push(end) })
  } finally {
    for (const end of ends.reverse()) await end()
  }
}
