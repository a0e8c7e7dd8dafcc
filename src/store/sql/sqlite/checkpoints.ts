/**
 * Moves what the writer has committed from its log into the file, so that the log begins anew. For another thread than the
 * writer's: a checkpoint takes as long as some commits, and messages would wait for it.
 */
import { DatabaseSync } from '@photostructure/sqlite'
import { DatabaseUnavailableError } from '../../../errors/errors.js'

export class Checkpoints {
  readonly #handle: InstanceType<typeof DatabaseSync>

  /** The file has to be there. Throws DATABASE_UNAVAILABLE. */
  constructor(path: string) {
    this.#handle = mapErrors(() => new DatabaseSync(path))
    this.#handle.exec('PRAGMA synchronous=FULL')
  }

  /** As far as no reader still needs what is in the file. Throws DATABASE_UNAVAILABLE. */
  checkpoint(): void {
    mapErrors(() => this.#handle.exec('PRAGMA wal_checkpoint(PASSIVE)'))
  }

  close(): void {
    this.#handle.close()
  }
}

function mapErrors<T>(act: () => T): T {
  try {
    return act()
  } catch (error) {
    throw new DatabaseUnavailableError(`no checkpoint: ${(error as Error).message}`, { cause: error })
  }
}
