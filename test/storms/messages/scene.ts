/** Real nodes, and pairs of users who chat through them as fast as they can, while something breaks. */

import { Platform } from '../../../src/openim/platforms.js'
import { mulberry32 } from '../../../src/runtime/testkit/world.js'
import { Admin } from '../../../src/sdk/admin.js'
import { CROWD_LIMITS } from '../../crowd/limits.js'
import { ChildNode } from '../../support/child-node.js'
import { inParallel } from '../../support/in-parallel.js'
import { SECRET, type Teardown } from '../../support/node.js'
import { until } from '../../support/redis.js'
import { Chatter } from './chatter.js'
import { Ledger, type Problem } from './ledger.js'

export interface SceneSettings {
  /** Of users, each with a connection. */
  pairs: number
  /** How often something breaks. */
  rounds: number
  seed: number
  say(line: string): void
}

const LIMITS = {
  ...CROWD_LIMITS,
  USERS: 'open',
  MESSAGES: 'on',
  SENDS_PER_MIN_PER_USER: '10000000',
  REQUESTS_PER_S_MAX: '1000000',
  REQUESTS_PER_S_PER_USER: '10000000',
}
const ROUND_ANSWERS_MIN = 300
const ROUND_ANSWERS_MAX = 2_000
/** Logins of all, and answers, on a machine with much else to do. */
const BACK_WITHIN_MS = 60_000
const AT_ONCE = 16

export class Scene {
  readonly ledger = new Ledger()
  readonly random: () => number
  readonly #nodes = new Map<string, ChildNode>()
  readonly #envs = new Map<string, Record<string, string>>()
  #chatters: Chatter[] = []
  /** From each fault to the next answer, ms. */
  readonly gapsMs: number[] = []

  constructor(
    private readonly test: Teardown,
    readonly settings: SceneSettings,
  ) {
    this.random = mulberry32(settings.seed)
    test.teardown(() => Promise.all(this.#chatters.map((chatter) => chatter.end())))
  }

  /** What the scene starts ends with the test. */
  teardown(end: () => unknown): void {
    this.test.teardown(end)
  }

  node(nodeId: string): ChildNode {
    return this.#nodes.get(nodeId)!
  }

  /** A node starts; one that was killed, with its name, its address and its data. */
  async open(nodeId: string, env: Record<string, string> = this.#envs.get(nodeId)!): Promise<void> {
    const node = await ChildNode.start(this.test, { ...LIMITS, NODE_ID: nodeId, ...env })
    this.#nodes.set(nodeId, node)
    this.#envs.set(nodeId, { ...env, WS_PORT: String(node.wsPort) })
  }

  /** SIGKILL. */
  async kill(nodeId: string): Promise<void> {
    const node = this.node(nodeId)
    this.#nodes.delete(nodeId)
    await node.kill()
  }

  /** All log in, each pair over the nodes as they come, and send. */
  async beginLoad(): Promise<void> {
    const { pairs } = this.settings
    const [first] = this.#nodes.values()
    const admin = new Admin(first!.apiUrl, SECRET)
    const platformId = Platform.Web
    const userIds = Array.from({ length: 2 * pairs }, (_, index) => `user${String(index).padStart(4, '0')}`)
    this.#chatters = await inParallel(userIds, AT_ONCE, async (userId) => {
      const index = Number(userId.slice(4))
      return new Chatter({
        userId,
        peerId: userIds[index ^ 1]!,
        platformId,
        token: await admin.userToken(userId, platformId),
        ledger: this.ledger,
        urls: () => this.#urlsFor(index),
        random: this.random,
      })
    })
    await this.#allAreIn()
    for (const chatter of this.#chatters) chatter.startSending()
    this.settings.say(`${userIds.length} users send`)
  }

  /** Everybody is in, and a random number of messages was answered. */
  async underLoad(): Promise<void> {
    await this.#allAreIn()
    const more = ROUND_ANSWERS_MIN + Math.floor(this.random() * (ROUND_ANSWERS_MAX - ROUND_ANSWERS_MIN))
    await this.#answersTo(this.ledger.answered + more)
  }

  /** Something breaks, and is mended; resolves with the next answer after that. */
  async fault(work: () => Promise<void>): Promise<void> {
    const sinceMs = performance.now()
    await work()
    await this.#answersTo(this.ledger.answered + 1)
    this.gapsMs.push(performance.now() - sinceMs)
  }

  /** The load ends: each message is answered in the end, read by both, and pushed to whoever was there. */
  async problems(): Promise<Problem[]> {
    const { ledger, settings } = this
    const stopped = Promise.all(this.#chatters.map((chatter) => chatter.stopSending())).then(() => true)
    let isQuiet = false
    void stopped.then(() => {
      isQuiet = true
    })
    await until('every message is answered', () => isQuiet, BACK_WITHIN_MS).catch(() => {})
    const readings = await inParallel(this.#chatters, AT_ONCE, (chatter) => chatter.readAll())
    const isHeard = () =>
      this.#chatters.every((chatter, index) => chatter.heardSeq >= readings[index]!.maxSeq)
    // What is missing then is a problem of the ledger.
    await until('every message is pushed', isHeard).catch(() => {})
    const stored = readings.reduce((sum, { copies }) => sum + copies.length, 0) / 2
    settings.say(
      `${ledger.sent} messages sent, ${ledger.answered} acknowledged, ${stored} stored and read twice; ` +
        `${ledger.sessions.length} connections, ${ledger.broken} sends without an answer`,
    )
    return ledger.problems(readings)
  }

  /** A pair is not on one node where there are several. */
  #urlsFor(index: number): string[] {
    const urls = [...this.#nodes.values()].map(({ wsUrl }) => wsUrl)
    return [...urls.slice(index % urls.length), ...urls.slice(0, index % urls.length)]
  }

  async #allAreIn(): Promise<void> {
    let count = 0
    const logins = this.#chatters.map(async (chatter) => {
      await chatter.ready()
      count++
    })
    await until('every user is in', () => count === logins.length, BACK_WITHIN_MS)
  }

  async #answersTo(count: number): Promise<void> {
    await until(`${count} answers`, () => this.ledger.answered >= count, BACK_WITHIN_MS)
  }
}
