/**
 * Calls that only repeat: renewals, and everything after an outage. Few of them at a time, so that a recovery does not
 * keep the store from hearing what is new. Thread: sync.
 */

/** Two keep the store busy where nothing else does. */
const UNDER_WAY_MAX = 2

/** Calls that wait for their turn, oldest first. */
export class Background {
  readonly #waiting: (() => Promise<unknown>)[] = []
  #underWay = 0

  /** Make a call when it is its turn; settles as the call does. */
  run<T>(call: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#waiting.push(() => call().then(resolve, reject))
      this.#next()
    })
  }

  #next(): void {
    if (this.#underWay === UNDER_WAY_MAX) return
    const call = this.#waiting.shift()
    if (call === undefined) return
    this.#underWay++
    void call().finally(() => {
      this.#underWay--
      this.#next()
    })
  }
}
