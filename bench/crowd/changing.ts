/** Users of one gateway that log in and out, and watchers that time the pushes. */
import type { Account } from '../../src/sdk/light-client.js'
import type { Scope } from '../support/scope.js'
import { CrowdProcess } from './crowd-process.js'

/** Somebody's clients, and the port of the gateway that they connect to. */
export interface Clients {
  port: number
  accounts: Account[]
}

/** A change is the login of a user who is away, or the goodbye of one who is there; users take turns. */
export type ChangingOrder =
  /** Everybody is away; the watchers come, and share the users among them. */
  | { verb: 'begin'; users: Clients; watchers: Clients }
  /** `inFlight` changes are under way at any time; a pause follows each. */
  | { verb: 'keep'; count: number; inFlight: number; pauseMs: number }
  /** Each begins when it is due, whether or not those before it have been told; a user's own wait for each other. */
  | { verb: 'pace'; count: number; perSecond: number }

/** Of a number of changes that were all told, each once. */
export interface ChangesDone {
  /** From the first that was due to the last that was told. */
  seconds: number
  /** Of each change, from when it was due until the watcher had read the push. */
  latenciesMs: Float64Array
  /** How much later than due each began: its user's last one was not over, or this process was busy. */
  lateMs: Float64Array
  /** How many of them were logins. */
  logins: number
  /** Of the process that makes and hears them. */
  cpuSeconds: number
}

export type ChangingAnswer = { verb: 'begun' } | ({ verb: 'done' } & ChangesDone)

export class ChangingCrowd {
  private constructor(private readonly process: CrowdProcess<ChangingOrder, ChangingAnswer>) {}

  static async start(scope: Scope, users: Clients, watchers: Clients): Promise<ChangingCrowd> {
    const process = CrowdProcess.start<ChangingOrder, ChangingAnswer>(scope, 'changing', {
      name: 'who makes the changes',
    })
    await process.answered('begun', { verb: 'begin', users, watchers })
    return new ChangingCrowd(process)
  }

  /** One after another, `pauseMs` between them. */
  oneByOne(count: number, pauseMs: number): Promise<ChangesDone> {
    return this.process.answered('done', { verb: 'keep', count, inFlight: 1, pauseMs })
  }

  /** As fast as they are told. */
  saturate(count: number, inFlight: number): Promise<ChangesDone> {
    return this.process.answered('done', { verb: 'keep', count, inFlight, pauseMs: 0 })
  }

  atRate(count: number, perSecond: number): Promise<ChangesDone> {
    return this.process.answered('done', { verb: 'pace', count, perSecond })
  }
}
