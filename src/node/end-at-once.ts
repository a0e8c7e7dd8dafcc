/** The end of the process that nothing can hold up. */
import { flushLastLines } from '../observe/standard-output.js'

/**
 * By SIGKILL: `process.exit` would wait for the threads, and one that ends with its sockets open takes the process down
 * with a native trace. The kernel does not let process 1 of a container kill itself; its way is `abort`, whose last
 * step is an instruction that no process survives.
 */
export function endAtOnce(): never {
  flushLastLines()
  process.kill(process.pid, 'SIGKILL')
  process.abort()
}
