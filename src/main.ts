#!/usr/bin/env node
/**
 * The one entry: of the process, of its threads, and of the process that reads a token file through. What it is follows
 * from where it runs and from its first argument.
 */
import { isMainThread } from 'node:worker_threads'
import { setEntry } from './files/entry.js'
import { hearStopSignals } from './node/stop-signals.js'
import { CHECK_ARGUMENT } from './store/memory/check-argument.js'

setEntry(import.meta.url)
if (isMainThread) await runProcess()

async function runProcess(): Promise<void> {
  const [first, path] = process.argv.slice(2)
  if (first === CHECK_ARGUMENT) {
    const { checkTokenFile } = await import('./store/memory/token-file-check.js')
    return checkTokenFile(path!)
  }
  // Before the rest is loaded, which takes a while.
  const signals = hearStopSignals()
  const { run } = await import('./cli/run.js')
  return run(process.argv.slice(2), process.env, signals)
}

/** What a thread is hosted with; resolves when it has ended. */
export default async function host(task: unknown): Promise<void> {
  const { default: hostThread } = await import('./node/thread.js')
  return hostThread(task as Parameters<typeof hostThread>[0])
}
