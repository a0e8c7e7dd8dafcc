/**
 * A process, or a thread, that has a token file open and ends in some way. Arguments: folder, and what to do.
 * Prints a line, or posts it, when the promises of the store have resolved.
 */
import '../support/entry.js'
import { parentPort, workerData } from 'node:worker_threads'
import { Platform } from '../../src/openim/platforms.js'
import { MemoryBackend } from '../../src/store/memory/memory-backend.js'
import { MemoryStore } from '../../src/store/memory/memory-store.js'
import { openTokenFile } from '../../src/store/memory/token-file.js'
import { deaf } from '../support/deaf.js'

const HOUR_S = 3_600
const [dir, act] = (workerData as string[] | undefined) ?? process.argv.slice(2)
const say = (line: string) => (parentPort ? parentPort.postMessage(line) : process.stdout.write(`${line}\n`))

const backend = new MemoryBackend(Date.now, () => openTokenFile(dir!))
const store = new MemoryStore(backend, {
  nodeId: 'writer',
  processId: 'process',
  presenceTtlS: 60,
  watchTtlS: 60,
  nodeLeaseMs: 10_000,
  offlineGraceMs: 0,
})
await store.open(deaf)

await store.rememberToken('u', Platform.Web, 'good', HOUR_S)
await store.rememberToken('u', Platform.Web, 'bad', HOUR_S)
await store.kickTokens('u', Platform.Web, ['bad'], 7, HOUR_S)

if (act === 'stay') {
  say('done')
  setInterval(() => {}, 1_000)
}

if (act === 'fill') {
  let failed = ''
  for (let i = 0; failed === ''; i++) {
    await store
      .rememberToken(`u${i}`, Platform.Web, 'x'.repeat(10_000), HOUR_S)
      .catch((error: Error & { code: string }) => {
        failed = `${error.code}: ${error.message}`
      })
  }
  // Long enough for a rejection that nobody handles to be noticed.
  for (let i = 0; i < 10; i++) await new Promise((resolve) => setImmediate(resolve))
  say(failed)
}
