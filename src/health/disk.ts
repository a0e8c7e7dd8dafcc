/**
 * Whether the disk of DATA_DIR takes a write: tokens that cannot be recorded cannot be made, and a kick that cannot be
 * recorded does not last. A file of some pages is written and removed now and then, more often while that fails.
 */
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { reasonOf } from '../errors/reason.js'
import { type Fault, faultAfter, partOf, type ReadyPart } from './readiness.js'
import { inWords } from './reasons.js'

const LOOK_MS = 10_000
const LOOK_AGAIN_MS = 1_000
/** A disk that takes longer hangs. */
const ANSWER_MS = 10_000
/** A disk with less room than this is full for an embedded store, which writes several pages at a time. */
const PROBE = Buffer.alloc(65_536, 'porchlight ')

export interface DiskOptions {
  dir: string
  /** Rejects with the system's error. */
  write?: (dir: string) => Promise<void>
  nowMs?: () => number
}

export class Disk {
  readonly #dir: string
  readonly #write: (dir: string) => Promise<void>
  readonly #nowMs: () => number
  #timer: NodeJS.Timeout | undefined
  /** When the write that is under way began. */
  #writingMs: number | undefined
  #fault: Fault | undefined
  #isStopped = false

  constructor({ dir, write = writeAndRemove, nowMs = Date.now }: DiskOptions) {
    this.#dir = dir
    this.#write = write
    this.#nowMs = nowMs
  }

  /** Look now, and from now on. Never rejects. */
  async look(): Promise<void> {
    if (this.#writingMs !== undefined) return
    clearTimeout(this.#timer)
    this.#writingMs = this.#nowMs()
    const failure = await this.#write(this.#dir).then(
      () => undefined,
      (error) => reasonOf(error),
    )
    this.#writingMs = undefined
    const missing = failure && `DATA_DIR ${this.#dir} takes no writes: ${inWords(failure)}`
    this.#fault = faultAfter(this.#fault, missing, this.#nowMs())
    if (this.#isStopped) return
    this.#timer = setTimeout(() => void this.look(), failure === undefined ? LOOK_MS : LOOK_AGAIN_MS)
    this.#timer.unref()
  }

  part(): ReadyPart {
    const hangsMs = this.#writingMs === undefined ? 0 : this.#nowMs() - this.#writingMs
    if (hangsMs < ANSWER_MS) return partOf('disk', this.#fault)
    const missing = `DATA_DIR ${this.#dir}: the disk has not answered a write for ${Math.round(hangsMs / 1_000)} s`
    return partOf('disk', { missing, sinceMs: this.#writingMs! })
  }

  stop(): void {
    this.#isStopped = true
    clearTimeout(this.#timer)
  }
}

/** What an earlier one has left behind is overwritten, so that it takes up no room. */
async function writeAndRemove(dir: string): Promise<void> {
  const path = join(dir, 'write-probe')
  await writeFile(path, PROBE, { mode: 0o600 })
  await rm(path, { force: true })
}
