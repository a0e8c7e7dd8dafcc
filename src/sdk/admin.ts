/** A client of the administrators' part of REST: with the secret it makes tokens for users and revokes them. */
import { CodedError, type Retry } from '../errors/errors.js'
import { retryOf } from '../openim/catalogue.js'
import { WireCode } from '../openim/codes.js'
import type { PlatformId, UserId } from '../rules/types.js'

/** Why the gateway did not do what was asked. */
export class AdminError extends CodedError {
  constructor(
    readonly code: 'GATEWAY_UNREACHABLE' | 'WRONG_SECRET' | 'CALL_REFUSED',
    message: string,
    /** The gateway's number for it; absent when it did not answer. */
    readonly errCode?: number,
  ) {
    super(message)
  }

  get retry(): Retry {
    return retryOf(this.errCode ?? WireCode.Success)
  }
}

/** Tokens as the gateway gives them. Times: seconds from now. */
export interface UserTokens {
  token: string
  expireTimeSeconds: number
  /** Only of a gateway that has refresh tokens on. */
  refreshToken?: string
  refreshExpireTimeSeconds?: number
}

/** One connection of a user, on whatever node. */
export interface UserConnection {
  connectionID: string
  platformID: PlatformId
  /** OpenIM's name of the platform. */
  platform: string
  nodeID: string
  isBackground: boolean
}

export interface KnownConnections {
  connections: UserConnection[]
  unansweredNodes: string[]
}

/** Which of a user's connections to end; nothing = all. At most one field. */
export interface KickSelection {
  platformID?: PlatformId
  connectionID?: string
  token?: string
}

interface Answer {
  errCode: number
  errMsg: string
  errDlt: string
  data?: unknown
}

/** The admin token has expired, or is no longer good: the secret gets another. */
const STALE_TOKEN: ReadonlySet<number | undefined> = new Set([
  WireCode.TokenExpiredError,
  WireCode.TokenUnknownError,
  WireCode.TokenKickedError,
  WireCode.TokenNotExistError,
])

/** Every method throws AdminError. */
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

  /** A new token for one user on one platform. */
  async userToken(userID: UserId, platformID: PlatformId): Promise<string> {
    return (await this.userTokens(userID, platformID)).token
  }

  /** The same with its life and its refresh token. */
  userTokens(userID: UserId, platformID: PlatformId): Promise<UserTokens> {
    return this.#asAdmin('/auth/get_user_token', { userID, platformID })
  }

  /** What a user's device does when its token runs out; the refresh token is used up. */
  refresh(refreshToken: string): Promise<UserTokens> {
    return this.#post('/auth/refresh_token', { refreshToken })
  }

  /** End a user's connections on a platform, in the whole cluster, and every token that they have for it. */
  async forceLogout(userID: UserId, platformID: PlatformId): Promise<void> {
    await this.#asAdmin('/auth/force_logout', { userID, platformID })
  }

  /** End a user's connections in the whole cluster, and their tokens. How many there were. */
  async kick(userID: UserId, selection: KickSelection = {}): Promise<number> {
    const { kicked } = await this.#asAdmin<{ kicked: number }>('/connection/kick', { userID, ...selection })
    return kicked
  }

  /** A user's connections in the whole cluster. Fails with 90004 when a node that holds the user has not answered. */
  async connections(userID: UserId): Promise<UserConnection[]> {
    const { connections, unansweredNodes } = await this.knownConnections(userID)
    if (unansweredNodes.length === 0) return connections
    throw new AdminError(
      'CALL_REFUSED',
      `${unansweredNodes.join(', ')} did not answer in time`,
      WireCode.NetworkError,
    )
  }

  /** Those that are known, and the nodes that hold the user as well and have not answered. */
  knownConnections(userID: UserId): Promise<KnownConnections> {
    return this.#asAdmin<KnownConnections>('/connection/list', { userID })
  }

  /** One that could not be had is not kept. */
  #admin(): Promise<string> {
    const credentials = { secret: this.#secret, userID: this.#adminUserId }
    this.#adminToken ??= this.#post<UserTokens>('/auth/get_admin_token', credentials).then(
      ({ token }) => token,
      (error: unknown) => {
        this.#adminToken = undefined
        throw error
      },
    )
    return this.#adminToken
  }

  async #asAdmin<T>(path: string, body: object): Promise<T> {
    const used = this.#admin()
    try {
      return await this.#post(path, body, { token: await used })
    } catch (error) {
      if (!(error instanceof AdminError) || !STALE_TOKEN.has(error.errCode)) throw error
      // Many calls may find it stale at once: one asks for another.
      if (this.#adminToken === used) this.#adminToken = undefined
      return this.#post(path, body, { token: await this.#admin() })
    }
  }

  async #post<T>(path: string, body: object, headers: Record<string, string> = {}): Promise<T> {
    let answer: Answer
    try {
      const response = await fetch(`${this.#apiUrl}${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', operationID: 'admin', ...headers },
        body: JSON.stringify(body),
      })
      answer = (await response.json()) as Answer
    } catch {
      throw new AdminError('GATEWAY_UNREACHABLE', `no gateway answers at ${this.#apiUrl}`)
    }
    const { errCode, errMsg, errDlt, data } = answer
    // The route decides the form of what it answers with.
    if (errCode === WireCode.Success && data !== undefined) return data as T
    const code = errCode === WireCode.NoPermissionError ? 'WRONG_SECRET' : 'CALL_REFUSED'
    throw new AdminError(code, `${path}: ${errCode} ${errMsg} ${errDlt}`.trimEnd(), errCode)
  }
}
