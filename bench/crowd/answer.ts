/** How a process of a crowd answers the process that started it. */
import type { Failed } from './crowd-process.js'

export function answer<Answer extends { verb: string }>(message: Answer): void {
  process.send!(message)
}

export function fail(reason: string): void {
  answer<Failed>({ verb: 'failed', reason })
}
