/** The server's side of OpenIM's REST: who holds the secret may make tokens for users. */
import type { PlatformId, UserId } from '../presence/types.js'

/** Why the gateway did not do what was asked; `kind` says whose fault it is. */
export class AdminError extends Error {
  constructor(
    readonly kind: 'unreachable' | 'wrongSecret' | 'refused',
    message: string,
  ) {
    super(message)
  }
}

interface Answer {
  errCode: number
  errMsg: string
  errDlt: string
  data?: { token?: string }
}

/** OpenIM's NoPermissionError: the secret does not fit. */
const NO_PERMISSION = 1002

export class Admin {
  readonly #apiUrl: string
  readonly #secret: string
  readonly #adminUserId: UserId
  #adminToken: Promise<string> | undefined

  /** `apiUrl` without a slash at its end; `adminUserId` is one of the gateway's ADMIN_USER_IDS. */
  constructor(apiUrl: string, secret: string, adminUserId: UserId = 'imAdmin') {
    this.#apiUrl = apiUrl
    this.#secret = secret
    this.#adminUserId = adminUserId
  }

  /** Ask for the admin token, which tells at once whether the gateway is there and the secret is right. */
  async login(): Promise<void> {
    await this.#admin()
  }

  /** A new token for one user on one platform. Throws AdminError. */
  async userToken(userID: UserId, platformID: PlatformId): Promise<string> {
    const headers = { token: await this.#admin() }
    return this.#post('/auth/get_user_token', { userID, platformID }, headers)
  }

  #admin(): Promise<string> {
    this.#adminToken ??= this.#post('/auth/get_admin_token', {
      secret: this.#secret,
      userID: this.#adminUserId,
    })
    return this.#adminToken
  }

  async #post(path: string, body: object, headers: Record<string, string> = {}): Promise<string> {
    let answer: Answer
    try {
      const response = await fetch(`${this.#apiUrl}${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', operationID: 'admin', ...headers },
        body: JSON.stringify(body),
      })
      answer = (await response.json()) as Answer
    } catch {
      throw new AdminError('unreachable', `no gateway answers at ${this.#apiUrl}`)
    }
    const token = answer.data?.token
    if (answer.errCode === 0 && token !== undefined) return token
    const kind = answer.errCode === NO_PERMISSION ? 'wrongSecret' : 'refused'
    throw new AdminError(kind, `${path}: ${answer.errCode} ${answer.errMsg} ${answer.errDlt}`.trimEnd())
  }
}
