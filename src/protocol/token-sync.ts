/** What token-sync hears: questions about tokens, and what is to be recorded of them. */
import type { TokenDigest } from '../rules/logins/token-digest.js'
import type { LoginNumber, PlatformId, TokenRecord, TokenState, UserId } from '../rules/types.js'
import type { Question } from '../runtime/index.js'

/**
 * Is the token good? Answered from memory where it was asked a short while ago. With `isLogin` the answer while the
 * store is away follows AUTH_WHEN_STORE_DOWN; otherwise it fails then. io, api → token-sync
 */
export interface CheckToken extends Question<TokenState> {
  kind: 'checkToken'
  userId: UserId
  platformId: PlatformId
  token: string
  isLogin: boolean
}

/**
 * Flag tokens as kicked by the login `by`, for `ttlS` seconds. io, api → token-sync. Known here at once; answered when it
 * is written. Fails when the store is away, and is written when it is back.
 */
export interface KickTokens extends Question<null> {
  kind: 'kickTokens'
  userId: UserId
  platformId: PlatformId
  tokens: string[]
  by: LoginNumber
  ttlS: number
}

/** A login with the number `login` was made with the token, whatever earlier logins did to it. Signal. io → token-sync. */
export interface VouchForToken {
  kind: 'vouchForToken'
  userId: UserId
  platformId: PlatformId
  token: string
  login: LoginNumber
}

/** Every token on record of a user, on all platforms. api → token-sync. */
export interface TokensOf extends Question<TokenRecord[]> {
  kind: 'tokensOf'
  userId: UserId
}

/** Remember a token as normal for `ttlS` seconds. api → token-sync. */
export interface RememberToken extends Question<null> {
  kind: 'rememberToken'
  userId: UserId
  platformId: PlatformId
  token: string
  ttlS: number
}

/** Take tokens off the record. api → token-sync. */
export interface ForgetTokens extends Question<null> {
  kind: 'forgetTokens'
  userId: UserId
  platformId: PlatformId
  tokens: string[]
}

/** Remember a refresh token, by its digest, for `ttlS` seconds. api → token-sync. */
export interface RememberRefresh extends Question<null> {
  kind: 'rememberRefresh'
  userId: UserId
  platformId: PlatformId
  refresh: TokenDigest
  ttlS: number
}

/** Use a refresh token up: true for exactly one caller, while it is on record. api → token-sync. */
export interface TakeRefresh extends Question<boolean> {
  kind: 'takeRefresh'
  userId: UserId
  platformId: PlatformId
  refresh: TokenDigest
}

/** Forget every refresh token of a user on a platform. api → token-sync. */
export interface ForgetRefreshes extends Question<null> {
  kind: 'forgetRefreshes'
  userId: UserId
  platformId: PlatformId
}

/** Tokens were kicked, through whatever node, by the login with the number `by`. Signal. cluster-sync → token-sync. */
export interface TokensKicked {
  kind: 'tokensKicked'
  userId: UserId
  platformId: PlatformId
  tokens: TokenDigest[]
  by: LoginNumber
}

/** Messages of other nodes may have been lost, kicks among them. Signal. cluster-sync → token-sync. */
export interface ChangesMissed {
  kind: 'changesMissed'
}

/** The store serves again; kicks may have been missed meanwhile. Signal. cluster-sync → token-sync. */
export interface StoreBack {
  kind: 'storeBack'
}

export type Command =
  | CheckToken
  | KickTokens
  | VouchForToken
  | TokensOf
  | RememberToken
  | ForgetTokens
  | RememberRefresh
  | TakeRefresh
  | ForgetRefreshes
  | TokensKicked
  | ChangesMissed
  | StoreBack
