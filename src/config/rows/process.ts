/** Threads, files, logs, and how the process stops. */
import { choice, int, MINUTE_MS, path, SECOND_MS, WORKED_OUT } from '../kinds.js'

export const processSettings = {
  ioThreads: int({ env: 'IO_THREADS', default: 1, min: 1, max: 64, doc: 'Threads that hold the sockets.' }),
  shardThreads: int({
    env: 'SHARD_THREADS',
    defaultDoc: '`1`, with fewer than four cores `0`',
    absent: WORKED_OUT,
    min: 0,
    max: 64,
    doc: 'Threads that the presence shards share; 0 = they live on the io threads.',
  }),
  threadHeapMb: int({
    env: 'THREAD_HEAP_MB',
    default: 1024,
    min: 128,
    max: 65_536,
    doc: 'JavaScript heap of one thread, in MiB; a thread that needs more is ended and hosted anew.',
  }),
  dataDir: path({
    env: 'DATA_DIR',
    default: '.porchlight',
    doc: 'Directory where the embedded store and development mode keep their files.',
  }),
  logLevel: choice({
    env: 'LOG_LEVEL',
    default: 'info',
    choices: ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'],
    doc: 'Least severe log lines that are written.',
  }),
  drainRate: int({
    env: 'DRAIN_RATE',
    default: 1_000,
    min: 1,
    max: 1_000_000,
    doc: 'Clients that a stopping node sends away in a second, so that the others can take them.',
  }),
  shutdownDelayMs: int({
    env: 'SHUTDOWN_DELAY_MS',
    default: 0,
    min: 0,
    max: 10 * MINUTE_MS,
    doc:
      'How long a stopping node says that it is not ready before it closes its listener: so long load balancers may ' +
      'still send clients. Comes before SHUTDOWN_TIMEOUT_MS.',
  }),
  shutdownTimeoutMs: int({
    env: 'SHUTDOWN_TIMEOUT_MS',
    default: 30 * SECOND_MS,
    min: 0,
    max: 60 * MINUTE_MS,
    doc:
      'How long a stop may take: sending the clients away, their grace, the end. Then the rest is cut. Where it is less ' +
      'than twice the grace, users are shown offline at once.',
  }),
}
