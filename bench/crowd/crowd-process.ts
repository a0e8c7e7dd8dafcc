/**
 * Clients in a process of their own, so that they take no time from what is measured: it is given orders, one after
 * another, and its answers are heard.
 */
import type { ChildProcess } from 'node:child_process'
import type { Scope } from '../support/scope.js'

/** What it may be; `roles.ts` has the modules. */
export type RoleName = 'counting' | 'returning' | 'changing' | 'messaging' | 'dialect'

/** What any of them may answer at any time. It is no use from then on. */
export interface Failed {
  verb: 'failed'
  reason: string
}

export type AnswerOf<Answer extends { verb: string }, V extends Answer['verb']> = Extract<Answer, { verb: V }>

/** What failures call it, and what its role is started with. */
interface Start {
  name: string
  settings?: object
}

export class CrowdProcess<Order extends object, Answer extends { verb: string }> {
  readonly #child: ChildProcess
  #waiting: (answer: Answer | Failed) => void = () => {}
  #failure: Error | undefined

  private constructor(child: ChildProcess, name: string) {
    this.#child = child
    const hear = (answer: Answer | Failed) => {
      if (isFailed(answer)) this.#failure ??= new Error(answer.reason)
      this.#waiting(answer)
    }
    child.on('message', hear)
    child.once('exit', () => hear({ verb: 'failed', reason: `${name} has gone` }))
  }

  static start<Order extends object, Answer extends { verb: string }>(
    scope: Scope,
    role: RoleName,
    { name, settings = {} }: Start,
  ): CrowdProcess<Order, Answer> {
    const child = scope.fork(new URL('./main.js', import.meta.url), [role, JSON.stringify(settings)], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      serialization: 'advanced',
    })
    return new CrowdProcess(child, name)
  }

  get pid(): number {
    return this.#child.pid!
  }

  /** The next answer, which must be this one; without an order it comes of itself. */
  async answered<V extends Answer['verb']>(verb: V, order?: Order): Promise<AnswerOf<Answer, V>> {
    if (this.#failure !== undefined) throw this.#failure
    const waiting = new Promise<Answer | Failed>((resolve) => {
      this.#waiting = resolve
    })
    if (order !== undefined) this.#child.send(order)
    const answer = await waiting
    if (isFailed(answer)) throw this.#failure
    if (answer.verb !== verb) throw new Error(`the process answers ${answer.verb} instead of ${verb}`)
    return answer as AnswerOf<Answer, V>
  }
}

function isFailed(answer: { verb: string }): answer is Failed {
  return answer.verb === 'failed'
}
