/** Clients who come back when they are cut off, as those of real users do, in processes of their own. */
import type { Account } from '../../src/sdk/light-client.js'
import type { Scope } from './scope.js'
import { type Failed, WorkerProcess } from './worker-process.js'

export type ReturningOrder =
  /** They come as they will come back: each when its first back-off is over. */
  | { verb: 'come'; port: number; accounts: Account[]; seed: number }
  /** Count anew who logs in: all of them will be cut off. */
  | { verb: 'expectCut' }

export type ReturningAnswer =
  | { verb: 'expecting' }
  /** Everybody is in. `tries`: connections begun for that. */
  | { verb: 'in'; atNs: bigint; tries: number }
  | Failed

/** The last one is in. */
export interface AllIn {
  /** Time of the system's clock. */
  atNs: bigint
  /** Connections that were begun, of all clients. */
  tries: number
}

type Worker = WorkerProcess<ReturningOrder, ReturningAnswer>

export class ReturningCrowd {
  private constructor(
    private readonly workers: Worker[],
    private readonly seed: number,
  ) {}

  /** `seed`: of their back-offs. */
  static start(scope: Scope, processes: number, seed: number): ReturningCrowd {
    const module = new URL('./returning-crowd-process.js', import.meta.url)
    const start = () =>
      WorkerProcess.start<ReturningOrder, ReturningAnswer>(scope, module, 'the returning crowd')
    return new ReturningCrowd(Array.from({ length: processes }, start), seed)
  }

  get pids(): number[] {
    return this.workers.map(({ pid }) => pid)
  }

  /** Resolves when each client has its verdict. */
  async come(port: number, accounts: readonly Account[]): Promise<AllIn> {
    const part = Math.ceil(accounts.length / this.workers.length)
    const all = this.workers.map((worker, n) => {
      const own = accounts.slice(n * part, (n + 1) * part)
      return worker.answered('in', {
        verb: 'come',
        port,
        accounts: own,
        seed: this.seed * this.workers.length + n,
      })
    })
    return allIn(await Promise.all(all))
  }

  /** To be called before they are cut off. Returns how to wait for the last one who is back. */
  async expectCut(): Promise<() => Promise<AllIn>> {
    await Promise.all(this.workers.map((worker) => worker.answered('expecting', { verb: 'expectCut' })))
    const all = Promise.all(this.workers.map((worker) => worker.answered('in')))
    // Who waits for it is told.
    all.catch(() => {})
    return async () => allIn(await all)
  }
}

function allIn(parts: AllIn[]): AllIn {
  const last = parts.reduce((one, other) => (one.atNs > other.atNs ? one : other))
  return { atNs: last.atNs, tries: parts.reduce((sum, { tries }) => sum + tries, 0) }
}
