/** The keys of tokens, as configured: each thread that needs them reads them itself. */
import { loadTokenKeys, type TokenKeys } from '../../auth/keys.js'
import type { Config } from '../../config/config.js'

/** Throws BAD_SETTING where the secret or a key file is bad. `report`: called with why changed files cannot be read. */
export function loadConfiguredKeys(config: Config, report: (reason: string) => void): Promise<TokenKeys> {
  return loadTokenKeys({
    algorithm: config.authAlgorithm,
    secret: config.authSecret,
    publicKeysPath: config.authPublicKeys,
    privateKeyPath: config.authPrivateKey,
    nowMs: Date.now,
    report,
  })
}

/** Before anything starts. Throws BAD_SETTING. */
export async function checkTokenKeys(config: Config): Promise<void> {
  await loadConfiguredKeys(config, () => {})
}
