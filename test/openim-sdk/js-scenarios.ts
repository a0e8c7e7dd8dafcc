/** What people do with `@openim/client-sdk`, a scenario each, and how it is played. */
import type { Test } from 'tap'
import { type ClientOptions, JsUser } from './js-user.js'
import type { SdkServer } from './server.js'

/** Logs somebody in: the same name is the same user all through a scenario, and a new one in the next. */
export interface Login {
  (name: string, options?: ClientOptions): Promise<JsUser>
  /** Only starts their SDK. */
  later(name: string): Promise<JsUser>
}

export type Walk = (t: Test, login: Login) => Promise<void>

/** A question that the SDK was about to ask, for a notice that came just before its own logout. */
const LOGGED_OUT = /network error, ws not connected/

export class JsScenarios {
  readonly #subject: string
  readonly #scenarios: { title: string; walk: Walk }[] = []

  /** `subject`: unlike that of other scenarios that are played on the same servers. */
  constructor(subject: string) {
    this.#subject = subject
  }

  readonly add = (title: string, walk: Walk) => void this.#scenarios.push({ title, walk })

  /**
   * Every scenario is a subtest with users of its own, none of whose SDKs may leave a rejection unhandled. Of several
   * servers, each login takes the next.
   */
  readonly play = (t: Test, servers: readonly SdkServer[]): void => {
    for (const [index, { title, walk }] of this.#scenarios.entries()) {
      t.test(title, (t) => play(t, servers, `${this.#subject}-js-${index}`, walk))
    }
  }
}

async function play(t: Test, servers: readonly SdkServer[], suffix: string, walk: Walk): Promise<void> {
  const users: JsUser[] = []
  const start = async (name: string, options?: ClientOptions) => {
    const server = servers[users.length % servers.length]!
    const user = await JsUser.start(t, server, `${name}-${suffix}`, options)
    users.push(user)
    return user
  }
  const login = async (name: string, options?: ClientOptions) => {
    const user = await start(name, options)
    await user.login()
    return user
  }
  await walk(t, Object.assign(login, { later: start }))
  for (const { userId, faults } of users) {
    const rest = faults.filter((fault) => !LOGGED_OUT.test(fault))
    t.same(rest, [], `no unhandled rejection at ${userId}`)
  }
}
