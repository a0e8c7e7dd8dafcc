/** Clients who come back when they are cut off, as those of real users do, in processes of their own. */
import type { Account } from '../../src/sdk/light-client.js'
import type { Scope } from '../support/scope.js'
import { CrowdProcess } from './crowd-process.js'

export type ReturningOrder =
  /** They come as they will come back: each when its first back-off is over. */
  | { verb: 'come'; port: number; accounts: Account[]; seed: number }
  /** Count anew who logs in: all of them will be cut off. */
  | { verb: 'expectCut' }

export type ReturningAnswer =
  | { verb: 'expecting' }
  /** Everybody is in. `tries`: connections begun for that. */
  | { verb: 'in'; atNs: bigint; tries: number }

/** The last one is in. */
export interface AllIn {
  /** Time of the system's clock. */
  atNs: bigint
  /** Connections that were begun, of all clients. */
  tries: number
}

type Process = CrowdProcess<ReturningOrder, ReturningAnswer>

export class ReturningCrowd {
  private constructor(
    private readonly processes: Process[],
    private readonly seed: number,
  ) {}

  /** `seed`: of their back-offs. */
  static start(scope: Scope, processes: number, seed: number): ReturningCrowd {
    const start = (): Process => CrowdProcess.start(scope, 'returning', { name: 'the returning crowd' })
    return new ReturningCrowd(Array.from({ length: processes }, start), seed)
  }

  get pids(): number[] {
    return this.processes.map(({ pid }) => pid)
  }

  /** Resolves when each client has its verdict. */
  async come(port: number, accounts: readonly Account[]): Promise<AllIn> {
    const part = Math.ceil(accounts.length / this.processes.length)
    const all = this.processes.map((process, n) => {
      const own = accounts.slice(n * part, (n + 1) * part)
      return process.answered('in', {
        verb: 'come',
        port,
        accounts: own,
        seed: this.seed * this.processes.length + n,
      })
    })
    return allIn(await Promise.all(all))
  }

  /** To be called before they are cut off. Returns how to wait for the last one who is back. */
  async expectCut(): Promise<() => Promise<AllIn>> {
    await Promise.all(this.processes.map((process) => process.answered('expecting', { verb: 'expectCut' })))
    const all = Promise.all(this.processes.map((process) => process.answered('in')))
    // Who waits for it is told.
    all.catch(() => {})
    return async () => allIn(await all)
  }
}

function allIn(parts: AllIn[]): AllIn {
  const last = parts.reduce((one, other) => (one.atNs > other.atNs ? one : other))
  return { atNs: last.atNs, tries: parts.reduce((sum, { tries }) => sum + tries, 0) }
}
