/**
 * Development mode's own signing secret: made once, kept in the data directory, so that tokens live over a restart.
 */
import { randomBytes } from 'node:crypto'
import { chmod, link, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { SECRET_BYTES_MIN } from '../config/kinds.js'
import { BadSettingError, codeOf, hasCode } from '../errors/errors.js'

const SECRET_BYTES = 32

/**
 * The secret in `<dataDir>/development-secret`, made there if it is missing: 32 random bytes as base64url,
 * readable by the owner alone.
 * Fails with BAD_SETTING when the directory cannot be used or the file holds something else; never repeats it.
 */
export async function developmentSecret(dataDir: string): Promise<string> {
  const path = join(dataDir, 'development-secret')
  try {
    await mkdir(dataDir, { recursive: true, mode: 0o700 })
    const secret = (await readIfPresent(path)) ?? (await create(path))
    // A copied or restored file may have lost its mode.
    await chmod(path, 0o600)
    if (Buffer.byteLength(secret) >= SECRET_BYTES_MIN) return secret
  } catch (error) {
    const reason = codeOf(error) ?? 'unknown error'
    throw new BadSettingError(
      `DATA_DIR cannot hold ${path} (${reason}); expected a directory that may be written.`,
    )
  }
  throw new BadSettingError(`${path} holds no secret of at least ${SECRET_BYTES_MIN} bytes; remove it.`)
}

async function readIfPresent(path: string): Promise<string | undefined> {
  try {
    return (await readFile(path, 'utf8')).trim()
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined
    throw error
  }
}

/** Of two processes that start at once, one's secret wins and both use it: a link is made whole or not at all. */
async function create(path: string): Promise<string> {
  const draft = `${path}.${randomBytes(6).toString('hex')}`
  await writeFile(draft, `${randomBytes(SECRET_BYTES).toString('base64url')}\n`, { mode: 0o600, flag: 'wx' })
  try {
    await link(draft, path)
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error
  } finally {
    await rm(draft)
  }
  return (await readFile(path, 'utf8')).trim()
}
