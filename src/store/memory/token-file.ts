/**
 * The journal of the embedded store's tokens: an LMDB environment in `<DATA_DIR>/tokens`, JSON by key.
 *
 * LMDB trusts its file: one that was damaged takes the process down (SIGSEGV, SIGBUS) rather than fail. So a file
 * that is there is first read through by a process of its own (`token-file-check.ts`, a tenth of a second), and only
 * then opened here.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, statfsSync, statSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { RootDatabase, RootDatabaseOptions } from 'lmdb'
import { StoreUnsuitableError } from '../../errors/errors.js'
import { entryUrl, requireHere } from '../../files/entry.js'
import { CHECK_ARGUMENT } from './check-argument.js'
import type { StoredTokens, TokenJournal } from './token-records.js'

const OPTIONS: RootDatabaseOptions & { permissionsMode: number } = {
  encoding: 'json',
  maxDbs: 1,
  /** Where the map begins; it grows with the file. */
  mapSize: 2 ** 20,
  // A commit is on the disk when its promise resolves.
  overlappingSync: false,
  // With batches of its own, a commit that fails (disk full) also rejects a promise that nobody can catch, which ends
  // the thread. All writes of one turn are one commit anyway.
  eventTurnBatching: false,
  permissionsMode: 0o600,
}

/** Reading takes a second for a million records. */
const CHECK_MS_MAX = 60_000

/** The environment in a folder that exists. LMDB is loaded only here: where Redis is the store, nobody needs it. */
export function openEnvironment(path: string): RootDatabase<StoredTokens, string> {
  const lmdb = requireHere()('lmdb') as typeof import('lmdb')
  return lmdb.open<StoredTokens, string>(path, OPTIONS)
}

/** Every record. Throws for what no record of ours looks like. */
export function* readRecords(db: RootDatabase<StoredTokens, string>): Iterable<[string, StoredTokens]> {
  for (const { key, value } of db.getRange()) {
    const isRecord =
      value?.v === 1 &&
      [value.tokens, value.kicks, value.refreshes].every(Array.isArray) &&
      Number.isFinite(value.endsS)
    if (!isRecord) throw new Error(`the record ${JSON.stringify(key)} is of no known form`)
    yield [key, value]
  }
}

/**
 * Throws STORE_UNSUITABLE, naming DATA_DIR, when the file cannot be opened or is damaged. On a full disk what is there
 * is read all the same, and a file that is not there yet is made when there is room. `hasRoom`: asked before each write.
 */
export function openTokenFile(dataDir: string, hasRoom = hasRoomIn): TokenJournal {
  const path = join(dataDir, 'tokens')
  let db: RootDatabase<StoredTokens, string> | undefined
  try {
    const isThere = sizeOf(join(path, 'data.mdb')) > 0
    // LMDB's lock file is memory that the disk has to have room for: without it the process would die (SIGBUS).
    const mayOpen = sizeOf(join(path, 'lock.mdb')) > 0 || mayMake(path, () => hasRoom(dataDir))
    if (isThere && !mayOpen) throw new Error(DISK_FULL)
    if (isThere) check(path)
    if (mayOpen) db = openEnvironment(path)
  } catch (error) {
    throw error instanceof StoreUnsuitableError ? error : cannotHold(path, (error as Error).message)
  }
  return {
    load: () => (db ? readRecords(db) : []),
    async put(key, record) {
      // LMDB prints what it fails with where no log line is expected: better not to let it try.
      if (!hasRoom(dataDir)) throw new Error(DISK_FULL)
      if (db === undefined) {
        mkdirSync(path, { recursive: true, mode: 0o700 })
        db = openEnvironment(path)
      }
      await settled(record ? db.put(key, record) : db.remove(key))
    },
    close: async () => db?.close(),
  }
}

/** Makes the folder; false = the disk is full. */
function mayMake(path: string, hasRoom: () => boolean): boolean {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 })
    return hasRoom()
  } catch (error) {
    if (isDiskFull(error)) return false
    throw error
  }
}

const DISK_FULL = 'the disk of DATA_DIR is full'
/** A commit takes a few pages for each change, and some for its list of free ones. */
const ROOM_BYTES = 2 ** 17

function hasRoomIn(dir: string): boolean {
  try {
    const { bavail, bfree, bsize } = statfsSync(dir)
    return (process.getuid?.() === 0 ? bfree : bavail) * bsize >= ROOM_BYTES
  } catch {
    // Where the system does not say, the write will.
    return true
  }
}

/** The system's own name or number for it, or that of a quota. */
function isDiskFull(error: unknown): boolean {
  const { code } = error as { code?: unknown }
  return FULL_CODES.has(code)
}

const FULL_CODES: ReadonlySet<unknown> = new Set([
  'ENOSPC',
  'EDQUOT',
  constants.errno.ENOSPC,
  constants.errno.EDQUOT,
])

/** What the check prints: that it began, then what it failed with, if it did. */
export const CHECK_BEGINS = 'begins'
export interface CheckFailure {
  /** LMDB's own codes are negative, those of the system are not. */
  code?: unknown
  message: string
}

function check(path: string): void {
  const args = [fileURLToPath(entryUrl()), CHECK_ARGUMENT, path]
  const { status, signal, stdout } = spawnSync(process.execPath, args, {
    stdio: ['ignore', 'pipe', 'ignore'],
    encoding: 'utf8',
    timeout: CHECK_MS_MAX,
    killSignal: 'SIGKILL',
  })
  const [begins, failure] = (stdout ?? '').split('\n')
  // Where no process may be started there is no check, and the file is as trusted as LMDB trusts it.
  if (begins !== CHECK_BEGINS || status === 0) return
  const { code, message } = (failure ? JSON.parse(failure) : {}) as Partial<CheckFailure>
  // It was read through by then; only the write that it tried had no room.
  if (isDiskFull({ code })) return
  if (typeof code === 'number' && code > 0) throw cannotHold(path, String(message))
  const reason = message ?? `reading it ended with ${signal ?? `exit code ${status}`}`
  throw new StoreUnsuitableError(
    `The token file ${path} in DATA_DIR is damaged (${reason}). Remove that folder: the tokens on record in it, and ` +
      'which of them were kicked, are then forgotten.',
  )
}

function cannotHold(path: string, reason: string): StoreUnsuitableError {
  return new StoreUnsuitableError(
    `DATA_DIR cannot hold ${path} (${reason}); expected a directory that may be written.`,
  )
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0
}

/** LMDB says why a commit failed in a promise of its own. */
async function settled(write: Promise<unknown>): Promise<void> {
  try {
    await write
  } catch (error) {
    const reason = await (error as { commitError?: Promise<never> }).commitError?.catch(
      (cause: unknown) => cause,
    )
    throw isDiskFull(reason) ? new Error(DISK_FULL) : (reason ?? error)
  }
}
