/** A server of Node in a process of its own. */
import { once } from 'node:events'
import type { Scope } from '../../support/scope.js'

/** Resolves when the module, which gets `settings` as its environment, has sent `{ port }`. */
export async function startNodeServer(
  scope: Scope,
  module: URL,
  settings: Record<string, string> = {},
): Promise<{ port: number; pid: number }> {
  const child = scope.fork(module, [], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    env: { PATH: process.env.PATH, NODE_ENV: 'production', ...settings },
  })
  const ended = once(child, 'exit').then(() => {
    throw new Error(`${module.pathname} does not start: see above`)
  })
  // Its later, ordinary end is nobody's failure.
  ended.catch(() => {})
  const [{ port }] = (await Promise.race([once(child, 'message'), ended])) as [{ port: number }]
  return { port, pid: child.pid! }
}
