/** Servers that are programs of the system, each with a folder of its own for its configuration and what it keeps. */
import type { ChildProcess } from 'node:child_process'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { removeFolder, temporaryFolder } from '../../../test/support/leftovers.js'
import type { Scope } from '../../support/scope.js'

const READY_MS = 60_000
/** For a line that is to come. */
const SAYS_WITHIN_MS = 10_000
const LOOK_MS = 25
const OUTPUT_LENGTH_MAX = 2_000

/** Removed with the scope. */
export function folderOf(scope: Scope, name: string): string {
  const folder = temporaryFolder(name)
  scope.defer(() => removeFolder(folder))
  return folder
}

export interface Program {
  child: ChildProcess
  pid: number
  /** Resolves when the program says a line with this text, from now on. */
  says(text: string): Promise<void>
}

/** Resolves when it takes connections on the port of the loopback address. */
export async function startProgram(
  scope: Scope,
  path: string,
  args: string[],
  { port, env = {} }: { port: number; env?: Record<string, string> },
): Promise<Program> {
  const child = scope.spawn(path, args, { env: { PATH: process.env.PATH, ...env } })
  let output = ''
  const waiting = new Map<string, () => void>()
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.on('data', (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-OUTPUT_LENGTH_MAX)
      for (const [text, resolve] of waiting) if (output.includes(text)) resolve()
    })
  }
  scope.explanations.push(() => (output === '' ? '' : `${path} said:\n${output}`))
  const deadlineMs = performance.now() + READY_MS
  while (!(await takesConnections(port))) {
    if (child.exitCode !== null) throw new Error(`${path} ended with ${child.exitCode}`)
    if (performance.now() > deadlineMs) throw new Error(`${path} is not ready within ${READY_MS} ms`)
    await sleep(LOOK_MS)
  }
  return {
    child,
    pid: child.pid!,
    async says(text) {
      output = ''
      const said = new Promise<void>((resolve) => {
        waiting.set(text, resolve)
      })
      await Promise.race([said, sleep(SAYS_WITHIN_MS, undefined, { ref: false })])
      waiting.delete(text)
      if (!output.includes(text)) throw new Error(`${path} does not say "${text}"`)
    },
  }
}

function takesConnections(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    const end = (isOpen: boolean) => {
      socket.destroy()
      resolve(isOpen)
    }
    socket.once('connect', () => end(true))
    socket.once('error', () => end(false))
  })
}
