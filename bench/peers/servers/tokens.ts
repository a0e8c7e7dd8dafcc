/** Tokens for the peers that check one: HS256, as Porchlight's are. */
import { randomBytes } from 'node:crypto'
import { SignJWT } from 'jose'

/** One for all peers of a run. */
export const PEER_SECRET = randomBytes(32).toString('base64')

/** One for each subject, for a day. */
export function signTokens(subjects: readonly string[]): Promise<string[]> {
  const key = Buffer.from(PEER_SECRET)
  return Promise.all(
    subjects.map((subject) =>
      new SignJWT()
        .setProtectedHeader({ alg: 'HS256' })
        .setSubject(subject)
        .setExpirationTime('1d')
        .sign(key),
    ),
  )
}
