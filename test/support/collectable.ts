/** Processes that collect their garbage when they are told to, so that what is left is what they need. */
import type { ChildProcess } from 'node:child_process'

/** Process options that let `collectGarbage` reach every thread of a child. */
export const COLLECTABLE = [
  '--expose-gc',
  '--import',
  new URL('./collect-on-signal.js', import.meta.url).href,
]

/** The child's threads hear of it in their own time; there is no answer to wait for. */
export function collectGarbage(child: ChildProcess): void {
  child.kill('SIGUSR2')
}
