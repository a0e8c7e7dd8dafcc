/**
 * What a benchmark starts ends with it, also when it fails: in reverse order, and child processes by their ID. Its
 * folders go too.
 */
import { type ChildProcess, type ForkOptions, fork, type SpawnOptions, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const END_MS = 5_000

const running = new Set<ChildProcess>()
const folders = new Set<string>()
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL')
  for (const folder of folders) remove(folder)
})

export class Scope {
  readonly #ends: (() => unknown)[] = []

  /** What to add to the message of a failure in this scope; '' = nothing. */
  readonly explanations: (() => string)[] = []

  defer(end: () => unknown): void {
    this.#ends.push(end)
  }

  /** Run a module in a process of its own. */
  fork(module: URL, args: string[], options: ForkOptions = {}): ChildProcess {
    return this.#own(fork(module, args, { stdio: ['ignore', 'pipe', 'pipe', 'ipc'], ...options }))
  }

  /** Run a program, which must be there. */
  spawn(program: string, args: string[], options: SpawnOptions = {}): ChildProcess {
    return this.#own(spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options }))
  }

  /** A new one, empty. */
  folder(): string {
    const folder = mkdtempSync(join(tmpdir(), 'porchlight-bench-'))
    folders.add(folder)
    this.defer(() => remove(folder))
    return folder
  }

  #own(child: ChildProcess): ChildProcess {
    running.add(child)
    child.once('exit', () => running.delete(child))
    this.defer(() => end(child))
    return child
  }

  async close(): Promise<void> {
    for (const end of this.#ends.splice(0).reverse()) await end()
  }
}

export async function withScope<T>(work: (scope: Scope) => Promise<T>): Promise<T> {
  const scope = new Scope()
  try {
    return await work(scope)
  } catch (error) {
    const explained = scope.explanations.map((explain) => explain()).filter((text) => text !== '')
    throw new Error([(error as Error).message, ...explained].join('\n'), { cause: error })
  } finally {
    await scope.close()
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), END_MS)
  await exited
  clearTimeout(timer)
}

function remove(folder: string): void {
  rmSync(folder, { recursive: true, force: true })
  folders.delete(folder)
}
