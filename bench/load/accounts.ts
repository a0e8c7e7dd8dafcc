/** The accounts of the clients: tokens from the gateway's REST, or from a file. */
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { codeOf } from '../../src/errors/errors.js'
import { Admin, AdminError } from '../../src/sdk/admin.js'
import type { Account } from '../../src/sdk/light-client.js'
import type { Target } from '../../src/sdk/light-socket.js'
import { inParallel } from '../../test/support/in-parallel.js'
import { LoadError, type LoadOptions } from './options.js'

const TOKENS_IN_FLIGHT = 16
const REACHABLE_WITHIN_MS = 5_000

/** In the order of their users. `progress` is told how many there are by now. Throws LoadError. */
export async function readAccounts(
  options: LoadOptions,
  progress: (count: number) => void,
): Promise<Account[]> {
  if (options.tokensFile !== undefined) return fromFile(options.tokensFile, options.connections)
  const { api, secret, connections, prefix, platforms } = options
  const admin = new Admin(api, secret!)
  try {
    await admin.login()
    let count = 0
    const places = Array.from({ length: connections }, (_, n) => n)
    return await inParallel(places, TOKENS_IN_FLIGHT, async (n) => {
      const userId = `${prefix}${n}`
      const platformId = platforms[n % platforms.length]!
      const token = await admin.userToken(userId, platformId)
      progress(++count)
      return { userId, platformId, token }
    })
  } catch (error) {
    if (!(error instanceof AdminError)) throw error
    if (error.code === 'WRONG_SECRET') throw new LoadError(`the gateway at ${api} does not take this secret`)
    throw new LoadError(error.message)
  }
}

function fromFile(path: string, connections: number): Account[] {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    throw new LoadError(`--tokens ${path}: ${codeOf(error)}`)
  }
  const accounts: Account[] = []
  for (const [n, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue
    const [userId, platform, token, ...more] = line.trim().split(/\s+/)
    if (token === undefined || more.length > 0 || !/^\d+$/.test(platform!)) {
      // The line itself is not shown: there may be a token in it.
      throw new LoadError(`--tokens ${path}, line ${n + 1}: expected "userID platformID token"`)
    }
    accounts.push({ userId: userId!, platformId: Number(platform), token })
    if (accounts.length === connections) return accounts
  }
  throw new LoadError(`--tokens ${path}: ${accounts.length} tokens for --connections ${connections}`)
}

/** Throws LoadError when nobody listens there. */
export function mustListen({ host, port, isSecure }: Target): Promise<void> {
  const url = `${isSecure ? 'wss' : 'ws'}://${host}:${port}`
  return new Promise((resolve, reject) => {
    const socket = connect(port, host, () => {
      socket.destroy()
      resolve()
    })
    const fail = (why: string) => {
      socket.destroy()
      reject(new LoadError(`no gateway answers at ${url} (${why})`))
    }
    socket.setTimeout(REACHABLE_WITHIN_MS, () => fail('no answer in time'))
    socket.on('error', (error: NodeJS.ErrnoException) => fail(error.code ?? error.message))
  })
}
