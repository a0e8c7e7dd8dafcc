/**
 * A client of the gateway that costs next to nothing, for crowds of thousands: it logs in as OpenIM's SDK does, hears
 * when and how it ends, and looks at nothing else that it is sent.
 */

import { CloseCode } from '../../src/openim/close-codes.js'
import type { PlatformId, UserId } from '../../src/rules/types.js'
import { LightSocket, type SocketEnd } from '../../src/sdk/light-socket.js'
import { handshakeQuery } from '../../src/sdk/openim-handshake.js'

/** How long a handshake may take, as in OpenIM's SDKs. */
const HANDSHAKE_MS = 10_000
const GOODBYE_MS = 3_000

export interface LightLogin {
  port: number
  userId: UserId
  platformId: PlatformId
  token: string
}

/** The gateway did not take the login. `errCode` 0 = it gave no reason. */
export class RefusedError extends Error {
  constructor(
    readonly errCode: number,
    why: string,
  ) {
    super(why)
  }
}

export class LightClient extends LightSocket {
  /** Once, when the socket has gone after a login that was accepted, with the code of the close frame. */
  onEnd: (code: number) => void = () => {}
  isOpen = false
  readonly #onVerdict: (why: RefusedError | undefined) => void

  private constructor(login: LightLogin, onVerdict: (why: RefusedError | undefined) => void) {
    const { port, userId, platformId, token } = login
    const query = handshakeQuery({ url: '', token, userId, platformId, isMsgResp: true })
    super({ host: '127.0.0.1', port }, `/?${query}`, HANDSHAKE_MS)
    this.#onVerdict = onVerdict
    this.readsPayloads = true
  }

  /** Resolves when the gateway has said that all is well; rejects with `RefusedError`. */
  static login(login: LightLogin): Promise<LightClient> {
    return new Promise((resolve, reject) => {
      const client: LightClient = new LightClient(login, (why) =>
        why === undefined ? resolve(client) : reject(why),
      )
    })
  }

  /** A goodbye, as of a user who goes. `onEnd` follows. */
  leave(): void {
    this.goodbye()
    // A gateway that hangs does not answer it.
    this.endWithin(GOODBYE_MS)
  }

  /** Break off without a goodbye. `onEnd` follows. */
  break(): void {
    this.breakOff()
  }

  protected override onUpgraded(): void {
    this.endWithin(HANDSHAKE_MS)
  }

  protected override onFrame(_length: number, payload: Buffer | undefined, isText: boolean): void {
    if (this.isOpen || !isText) return
    const verdict = payload!.toString()
    const errCode = errCodeOf(verdict)
    if (errCode !== 0) return this.#refused(errCode ?? 0, verdict.slice(0, 200))
    this.isOpen = true
    this.readsPayloads = false
    this.endWithin(0)
    this.#onVerdict(undefined)
  }

  protected override onEnded({ closeCode = CloseCode.NoCloseFrame, answer, error }: SocketEnd): void {
    if (!this.isOpen) {
      const body = answer.slice(answer.indexOf('\r\n\r\n') + 4)
      return this.#refused(errCodeOf(body) ?? 0, body.slice(0, 200) || (error ?? 'closed before a verdict'))
    }
    this.isOpen = false
    this.onEnd(closeCode)
  }

  #refused(errCode: number, why: string): void {
    this.#onVerdict(new RefusedError(errCode, why))
    this.breakOff()
  }
}

/** Undefined = that is no verdict. */
function errCodeOf(verdict: string): number | undefined {
  try {
    return (JSON.parse(verdict) as { errCode: number }).errCode
  } catch {
    return undefined
  }
}
