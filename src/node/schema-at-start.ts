/** The schema of the database of messages, before any thread of the node uses it. */
import type { Config } from '../config/config.js'
import { hasCode } from '../errors/errors.js'
import type { Log } from '../runtime/index.js'

/**
 * Resolves when the schema is as this program needs it, however long others migrate it; or at once where the database is
 * away: the node then starts without it, and its writer migrates when it is back. Rejects with SCHEMA_TOO_NEW.
 */
export async function prepareSchema(config: Config, log: Log, signal: AbortSignal): Promise<void> {
  if (!config.servesMessages) return
  // The drivers are loaded by nodes that serve messages alone.
  const { migrateSchema, openSchema } = await import('./message-database.js')
  try {
    const database = await openSchema(config)
    try {
      await migrateSchema(database, config, (line) => log.info({}, line), signal)
    } finally {
      await database.close()
    }
  } catch (error) {
    if (signal.aborted) return
    if (!hasCode(error, 'DATABASE_UNAVAILABLE')) throw error
    log.warn({ reason: error.message }, 'the schema of the database could not be looked at')
  }
}
