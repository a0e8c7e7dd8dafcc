/** What is asked of lists of tokens. */
import { append } from '../rules/append.js'
import { compareIssue, compareText, isRenewal, readIssue } from '../rules/logins/token-order.js'
import type { PlatformId, TokenRecord } from '../rules/types.js'

export type OneToken = Pick<TokenRecord, 'platformId' | 'token'>

/** The newest good token that was made for a login; undefined when there is none. */
export function latestLogin(records: readonly TokenRecord[]): TokenRecord | undefined {
  return records
    .filter(({ state }) => state === 'normal')
    .map((record) => ({ record, issue: readIssue(record.token) }))
    .filter(({ issue }) => !isRenewal(issue))
    .sort((a, b) => compareIssue(b.issue, a.issue) || compareText(b.record.token, a.record.token))[0]?.record
}

export function byPlatform(records: readonly OneToken[]): Map<PlatformId, OneToken[]> {
  const groups = new Map<PlatformId, OneToken[]>()
  for (const record of records) append(groups, record.platformId, record)
  return groups
}

export function textsOf(records: readonly OneToken[]): string[] {
  return records.map(({ token }) => token)
}
