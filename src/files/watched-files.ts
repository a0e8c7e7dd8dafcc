/** What is read from files, and read again once they have changed. Nobody has to say so: they are looked at now and then. */
import { BadSettingError } from '../errors/errors.js'
import { fileStamp } from './file-stamp.js'

/** Long before anybody waits for what an operator has changed by hand, or a program by a timer. ms */
export const LOOK_EVERY_MS = 5_000

export interface FileSource<T> {
  paths: readonly string[]
  /** Rejects with BAD_SETTING where the files, as they are, do not serve. */
  read(): Promise<T>
  /** Follows the sentence that says why new files are not in use. */
  keptText: string
  /** That sentence, where `apply` threw. */
  notTakenText: string
}

export interface Watcher<T> {
  /** Put what was read into use. May throw: the old stays then. */
  apply(value: T): void
  /** Hears why new files are not in use. Once for each reason. */
  report(message: string): void
}

export class WatchedFiles<T> {
  readonly #source: FileSource<T>
  #value: T
  #stamp: string
  /** Why the files, as they are now, are not in use. */
  #fault = ''
  #timer: NodeJS.Timeout | undefined
  #looking: Promise<void> | undefined

  private constructor(source: FileSource<T>, value: T, stamp: string) {
    this.#source = source
    this.#value = value
    this.#stamp = stamp
  }

  /** Rejects as `read`. */
  static async open<T>(source: FileSource<T>): Promise<WatchedFiles<T>> {
    const stamp = await stampOf(source.paths)
    return new WatchedFiles(source, await source.read(), stamp)
  }

  /** As read last. */
  get value(): T {
    return this.#value
  }

  /** The files have changed, and what they hold now cannot be used. */
  get isStale(): boolean {
    return this.#fault !== ''
  }

  /** Look at the files every so often; until `close`. */
  watch(watcher: Watcher<T>, everyMs = LOOK_EVERY_MS): void {
    this.#timer = setInterval(() => {
      this.#looking ??= this.#look(watcher).finally(() => {
        this.#looking = undefined
      })
    }, everyMs)
    this.#timer.unref()
  }

  close(): void {
    clearInterval(this.#timer)
  }

  /** Several files never change at once: between them they may not fit, and the next look finds that they do. */
  async #look({ apply, report }: Watcher<T>): Promise<void> {
    const stamp = await stampOf(this.#source.paths)
    if (stamp === this.#stamp) {
      // Put back as they were.
      this.#fault = ''
      return
    }
    try {
      const value = await this.#source.read()
      apply(value)
      this.#value = value
      this.#stamp = stamp
      this.#fault = ''
    } catch (error) {
      const { keptText, notTakenText } = this.#source
      const fault = error instanceof BadSettingError ? error.message : notTakenText
      if (fault !== this.#fault) report(`${fault} ${keptText}`)
      this.#fault = fault
    }
  }
}

/** A file that is away has a stamp too: one that will be another when the file is back. */
async function stampOf(paths: readonly string[]): Promise<string> {
  const stamps = await Promise.all(paths.map((path) => fileStamp(path).catch(() => 'away')))
  return stamps.join(' / ')
}
