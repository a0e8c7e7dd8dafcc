/** The bare way of a message through Redis: PUBLISH on one connection of this process, heard on another. */
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import type { RedisServer } from '../../test/support/redis.js'

export const PUBLISH = 'Redis PUBLISH to SUBSCRIBE'

export class RawTrips {
  private constructor(private readonly trip: () => Promise<number>) {}

  static async start(redis: RedisServer): Promise<RawTrips> {
    const publisher = redis.client()
    const subscriber = redis.client()
    await subscriber.subscribe('bench')
    return new RawTrips(async () => {
      const heard = once(subscriber, 'message').then(() => performance.now())
      const sentMs = performance.now()
      void publisher.publish('bench', 'x')
      return (await heard) - sentMs
    })
  }

  /** One message, ms. */
  one(): Promise<number> {
    return this.trip()
  }

  /** Those made while `work` is done, `pauseMs` between them, ms; at least one. */
  async during(work: Promise<unknown>, pauseMs: number): Promise<number[]> {
    let isDone = false
    const end = () => {
      isDone = true
    }
    work.then(end, end)
    const trips: number[] = []
    do {
      trips.push(await this.trip())
      await sleep(pauseMs)
    } while (!isDone)
    return trips
  }
}
