/** The line between one client and the server, which a test can cut, keep down, or let lose what the server says. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import type { Teardown } from '../support/node.js'

export class TcpLine {
  readonly #ends = new Set<Socket>()
  #losesAnswers = false
  #isDown = false

  private constructor(
    private readonly server: Server,
    private target: { host: string; port: number },
  ) {
    server.on('connection', (client) => this.#join(client))
  }

  /** A new line to the server; open until the test ends. */
  static async to(test: Teardown, target: { host: string; port: number }): Promise<TcpLine> {
    const server = createServer({ noDelay: true })
    const line = new TcpLine(server, target)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    test.teardown(() => {
      server.close()
      line.cut()
    })
    return line
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port
  }

  /** Reset every connection at both ends. A client may connect again at once. */
  cut(): void {
    for (const end of this.#ends) end.resetAndDestroy()
    this.#losesAnswers = false
  }

  /** The same, and every new connection too until it is up again. */
  goDown(): void {
    this.#isDown = true
    this.cut()
  }

  comeUp(): void {
    this.#isDown = false
  }

  /** New connections lead to another server; those that are open stay. */
  leadTo(target: { host: string; port: number }): void {
    this.target = target
  }

  /** From now until `passAnswers` or the cut, what the server sends is lost. */
  loseAnswers(): void {
    this.#losesAnswers = true
  }

  passAnswers(): void {
    this.#losesAnswers = false
  }

  #join(client: Socket): void {
    if (this.#isDown) {
      client.resetAndDestroy()
      return
    }
    const server = connect({ ...this.target, noDelay: true })
    client.on('data', (bytes) => server.write(bytes))
    server.on('data', (bytes) => {
      if (!this.#losesAnswers) client.write(bytes)
    })
    const ends = [client, server]
    for (const end of ends) {
      this.#ends.add(end)
      // A reset by the other end: 'close' follows.
      end.on('error', () => {})
      end.on('close', () => {
        this.#ends.delete(end)
        for (const other of ends) other.destroy()
      })
    }
  }
}
