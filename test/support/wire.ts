/**
 * A TCP proxy before a server, to make a node's way there slow, or cut it. What crosses stays in order in each
 * direction of a connection.
 */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import type { Teardown } from './node.js'

/** A lane keeps one delay for so long: were it drawn for each piece, the slowest would hold up all behind it. */
const SPELL_MS = 100

export class Wire {
  /** Each way takes from 0 to so long. */
  delayMaxMs = 0
  /** Once the near side has said this, no answer comes through any more, until the wire is mended. */
  muteAfter: string | undefined
  readonly #open = new Set<Socket>()
  #isCut = false
  #isSilent = false
  #isMute = false

  private constructor(
    private readonly server: Server,
    readonly port: number,
    /** Where new connections lead; those that there are stay. */
    public targetPort: number,
  ) {}

  /** A proxy before a port of this machine, on a free one. */
  static async start(test: Teardown, targetPort: number, random: () => number = () => 0): Promise<Wire> {
    const server = createServer()
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const wire = new Wire(server, (server.address() as AddressInfo).port, targetPort)
    server.on('connection', (near) => wire.#carry(near, random))
    test.teardown(() => {
      wire.cut()
      wire.server.close()
    })
    return wire
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`
  }

  /** Connections that are open. */
  get carried(): number {
    return this.#open.size / 2
  }

  /** Nothing crosses any more, and who tries is turned away. */
  cut(): void {
    this.#isCut = true
    for (const socket of this.#open) socket.destroy()
  }

  /** From now on packets are lost: nothing crosses, and neither side hears of the other's end. For good. */
  silence(): void {
    this.#isSilent = true
    for (const socket of this.#open) socket.pause()
  }

  mend(): void {
    this.#isCut = false
    this.#isMute = false
    this.muteAfter = undefined
  }

  #carry(near: Socket, random: () => number): void {
    if (this.#isCut) return void near.destroy()
    const far = connect(this.targetPort, '127.0.0.1')
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#open.add(from)
      from.setNoDelay(true)
      from.on('error', () => {})
      from.once('close', () => {
        this.#open.delete(from)
        if (!this.#isSilent || this.#isCut) to.destroy()
      })
      this.#lane(from, to, random, (bytes) => {
        if (from === far) return !this.#isMute
        if (this.muteAfter !== undefined && bytes.includes(this.muteAfter)) this.#isMute = true
        return true
      })
    }
  }

  #lane(from: Socket, to: Socket, random: () => number, crosses: (bytes: Buffer) => boolean): void {
    const pieces: { bytes: Buffer; dueMs: number }[] = []
    let delayMs = 0
    let drawnMs = Number.NEGATIVE_INFINITY
    let lastMs = 0
    const pass = (): void => {
      const nowMs = performance.now()
      while (pieces.length > 0 && pieces[0]!.dueMs <= nowMs) to.write(pieces.shift()!.bytes)
      if (pieces.length > 0) setTimeout(pass, pieces[0]!.dueMs - nowMs)
    }
    from.on('data', (bytes) => {
      if (!crosses(bytes)) return
      const nowMs = performance.now()
      if (nowMs - drawnMs >= SPELL_MS) {
        delayMs = random() * this.delayMaxMs
        drawnMs = nowMs
      }
      lastMs = Math.max(lastMs, nowMs + delayMs)
      pieces.push({ bytes, dueMs: lastMs })
      if (pieces.length === 1) pass()
    })
  }
}
