/**
 * The order in which a user's tokens were issued: by `iat`, then by the text of `jti`, as the tokens say themselves.
 *
 * Nodes' clocks differ, so a new token's place is not left to the clock: it is taken after all tokens on record
 * (Lamport's bakery). A node that reads the record later stands later; two that read it at the same time draw different
 * random parts, which every node compares alike.
 *
 * Tokens are decoded without a look at their signatures: they are from our own record, and only order and age are
 * read.
 */

/** What a token says of its own times. One that cannot be read is older than all others, and does not expire. */
export interface Issue {
  issuedAtS: number
  jti: string
  expiresAtS: number
}

/** The place of a token that is still to be made: its `iat` and `jti`. */
export type Place = Pick<Issue, 'issuedAtS' | 'jti'>

/** A token is made for a login, or for a device that is logged in already and whose token runs out. */
export type Occasion = 'login' | 'renewal'

/** OpenIM dates tokens back, so that a service whose clock is behind takes them. */
const ISSUED_BEFORE_S = 5

/** Milliseconds in base 36, so that texts sort as the times do; something random; a mark on renewals. */
const JTI = /^([0-9a-z]{9})[0-9a-f]{8}(-r)?$/
const JTI_TIME_DIGITS = 9
const JTI_TIME_MAX_MS = 36 ** JTI_TIME_DIGITS - 1
const RENEWAL_MARK = '-r'

export function readIssue(token: string): Issue {
  const { iat, jti, exp } = payloadOf(token)
  return {
    issuedAtS: Number.isFinite(iat) ? (iat as number) : Number.NEGATIVE_INFINITY,
    jti: typeof jti === 'string' ? jti : '',
    expiresAtS: Number.isFinite(exp) ? (exp as number) : Number.POSITIVE_INFINITY,
  }
}

/** Negative when `a` was issued before `b`. */
export function compareIssue(a: Place, b: Place): number {
  if (a.issuedAtS !== b.issuedAtS) return a.issuedAtS < b.issuedAtS ? -1 : 1
  return compareText(a.jti, b.jti)
}

/** By code units, alike on every machine. */
export function compareText(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}

/** A place after every token of `held`. `random`: eight hexadecimal digits that nobody else draws. */
export function nextPlace(
  held: readonly string[],
  nowMs: number,
  random: string,
  occasion: Occasion = 'login',
): Place {
  const now: Place = { issuedAtS: Math.floor(nowMs / 1000) - ISSUED_BEFORE_S, jti: '' }
  const latest = held
    .map(readIssue)
    .reduce<Place>((late, issue) => (compareIssue(issue, late) > 0 ? issue : late), now)
  const rest = random + (occasion === 'renewal' ? RENEWAL_MARK : '')
  if (latest === now) return { issuedAtS: now.issuedAtS, jti: timeText(nowMs) + rest }
  const timeMs = Math.max(nowMs, timeOf(latest.jti) + 1)
  // Nothing surely sorts after somebody else's jti in the same second.
  if (!(timeMs <= JTI_TIME_MAX_MS)) return { issuedAtS: latest.issuedAtS + 1, jti: timeText(nowMs) + rest }
  return { issuedAtS: latest.issuedAtS, jti: timeText(timeMs) + rest }
}

/** Whether a token was made for a device that was logged in already. False for tokens of other makers. */
export function isRenewal(issue: Place): boolean {
  return JTI.exec(issue.jti)?.[2] === RENEWAL_MARK
}

/** NaN where it says none. */
function timeOf(jti: string): number {
  return Number.parseInt(JTI.exec(jti)?.[1] ?? '', 36)
}

function timeText(timeMs: number): string {
  return Math.floor(timeMs).toString(36).padStart(JTI_TIME_DIGITS, '0')
}

function payloadOf(token: string): Record<string, unknown> {
  try {
    const payload: unknown = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())
    return typeof payload === 'object' && payload !== null ? (payload as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}
