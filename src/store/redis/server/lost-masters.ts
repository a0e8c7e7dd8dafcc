/** Masters of a Cluster that were lost and are back. */
import type { Cluster, Redis } from 'ioredis'

/** A Cluster without news of lost masters for this long has settled. */
const SETTLED_AFTER_MS = 1_000

/**
 * Notices when one master of a Cluster was lost and is back, or was replaced: the Cluster as a whole stays up, but
 * writes may be gone, so the node has to assert again. Judged whenever the client has read the slot table.
 */
export class LostMasters {
  readonly #cluster: Cluster
  readonly #onBack: (reason: string) => void
  readonly #lost = new Set<string>()
  #masters = new Set<string>()
  #settling: NodeJS.Timeout | undefined

  constructor(cluster: Cluster, onBack: (reason: string) => void) {
    this.#cluster = cluster
    this.#onBack = onBack
    cluster.on('-node', (node: Redis) => {
      const key = `${node.options.host}:${node.options.port}`
      if (this.#masters.has(key)) this.#lost.add(key)
    })
    cluster.on('refresh', () => this.#refreshed())
    // Back as a whole: that is told anyway.
    cluster.on('ready', () => this.#lost.clear())
  }

  stop(): void {
    clearTimeout(this.#settling)
  }

  #refreshed(): void {
    const before = this.#masters
    this.#masters = new Set(
      this.#cluster.slots.map((owners) => owners?.[0]).filter((key) => key !== undefined),
    )
    for (const key of before) {
      if (this.#masters.has(key)) continue
      this.#lost.delete(key)
      this.#settle(`master ${key} was replaced`)
    }
    // While the client connects, it takes a connection that somebody else has begun to use for a broken one.
    if (this.#cluster.status !== 'ready') return
    for (const key of this.#lost) this.#probe(key)
  }

  #probe(key: string): void {
    const node = this.#cluster
      .nodes('master')
      .find(({ options }) => `${options.host}:${options.port}` === key)
    const back = () => this.#lost.delete(key) && this.#settle(`master ${key} is back`)
    node?.ping().then(back, () => {})
  }

  /** Tell it once the news have ended: right after a fail-over the servers' tables contradict each other. */
  #settle(reason: string): void {
    clearTimeout(this.#settling)
    this.#settling = setTimeout(() => this.#onBack(reason), SETTLED_AFTER_MS)
  }
}
