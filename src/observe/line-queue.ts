/** Lines on their way to a reader that may be slow, stuck, or gone. */

/** How many bytes were taken; or the reader takes nothing now; or the write failed (no reader, no room on the disk). */
export type Outcome = number | 'full' | 'failed'

export interface LineQueueOptions {
  /** Writes as much as the reader takes now, without waiting. */
  out(bytes: Uint8Array): Outcome
  /** The line, with its end, that stands where so many were dropped. */
  notice(dropped: number): string
  /** What is kept for a slow reader at most, bytes. Default 1 MiB, some thousand lines. */
  keptBytesMax?: number
}

interface Entry {
  bytes: Uint8Array
  /** Of a notice: how many lines it tells of. */
  tells: number
  /** Its beginning has been written. */
  isCut: boolean
}

const KEPT_BYTES_MAX = 1_048_576
const TRY_AGAIN_MS = 20

/** Lines leave in order and whole. Over the bound, new ones are dropped, and a notice in their place says how many. */
export class LineQueue {
  readonly #options: LineQueueOptions
  readonly #keptBytesMax: number
  #kept: Entry[] = []
  #keptBytes = 0
  /** Until half of what is kept has been read: one gap rather than many. */
  #isDropping = false
  #dropped = 0
  #untold = 0
  /** A failure cut a line, so the next one has to begin on its own. */
  #cutsLine = false
  #timer: NodeJS.Timeout | undefined

  constructor(options: LineQueueOptions) {
    this.#options = options
    this.#keptBytesMax = options.keptBytesMax ?? KEPT_BYTES_MAX
  }

  /** Lines dropped so far. */
  get dropped(): number {
    return this.#dropped
  }

  write(line: string): void {
    const bytes = Buffer.from(line)
    if (this.#isDropping && this.#keptBytes <= this.#keptBytesMax / 2) this.#isDropping = false
    if (this.#keptBytes > 0 && this.#keptBytes + bytes.length > this.#keptBytesMax) this.#isDropping = true
    if (this.#isDropping) {
      this.#countDropped()
    } else {
      this.#tellDropped()
      this.#keep(bytes, 0)
    }
    // While something is kept its timer looks after it: a reader that is stuck is not asked for each line.
    if (this.#timer === undefined) this.#flushOrWait()
  }

  /** Write what is kept, as far as the reader takes it. Returns whether nothing is left. */
  flush(): boolean {
    for (;;) {
      if (this.#kept.length === 0 && this.#isDropping) {
        this.#isDropping = false
        this.#tellDropped()
      }
      const entry = this.#kept[0]
      if (entry === undefined) return true
      const outcome = this.#options.out(entry.bytes)
      if (outcome === 'full') return false
      if (outcome === 'failed') this.#giveUp(entry)
      else this.#advance(entry, outcome)
    }
  }

  #flushOrWait(): void {
    this.#timer = undefined
    if (this.flush()) return
    this.#timer = setTimeout(() => this.#flushOrWait(), TRY_AGAIN_MS)
    this.#timer.unref()
  }

  #keep(bytes: Uint8Array, tells: number): void {
    this.#kept.push({ bytes, tells, isCut: false })
    this.#keptBytes += bytes.length
  }

  #advance(entry: Entry, taken: number): void {
    this.#keptBytes -= taken
    if (taken === entry.bytes.length) {
      this.#kept.shift()
    } else {
      entry.bytes = entry.bytes.subarray(taken)
      entry.isCut = true
    }
  }

  #giveUp(entry: Entry): void {
    this.#kept.shift()
    this.#keptBytes -= entry.bytes.length
    this.#cutsLine ||= entry.isCut
    if (entry.tells > 0) this.#untold += entry.tells
    else this.#countDropped()
  }

  #countDropped(): void {
    this.#dropped++
    this.#untold++
  }

  #tellDropped(): void {
    if (this.#untold === 0) return
    const notice = this.#options.notice(this.#untold)
    this.#keep(Buffer.from(this.#cutsLine ? `\n${notice}` : notice), this.#untold)
    this.#untold = 0
    this.#cutsLine = false
  }
}
