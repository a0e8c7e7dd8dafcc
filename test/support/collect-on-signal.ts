/** Loaded into every thread of a measured process: on SIGUSR2 each collects its garbage. Needs `--expose-gc`. */
import { BroadcastChannel, isMainThread } from 'node:worker_threads'

const channel = new BroadcastChannel('collect-garbage')
channel.onmessage = () => globalThis.gc?.()
channel.unref()
if (isMainThread) {
  process.on('SIGUSR2', () => {
    channel.postMessage('now')
    globalThis.gc?.()
  })
}
