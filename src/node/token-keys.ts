/** The keys of tokens, before anything starts: each thread that needs them reads them itself. */
import { loadTokenKeys } from '../auth/keys.js'
import type { Config } from '../config/config.js'

/** Throws BAD_SETTING for what is wrong with the secret or the files of keys. */
export async function checkTokenKeys(config: Config): Promise<void> {
  await loadTokenKeys({
    algorithm: config.authAlgorithm,
    secret: config.authSecret,
    publicKeysPath: config.authPublicKeys,
    privateKeyPath: config.authPrivateKey,
    nowMs: Date.now,
    report: () => {},
  })
}
