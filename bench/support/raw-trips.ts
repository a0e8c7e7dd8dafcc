/** The bare way of a message through Redis: PUBLISH on one connection of this process, heard on another. */
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Redis } from 'ioredis'
import type { RedisServer } from '../../test/support/redis.js'

const CHANNEL = 'bench'
export const PUBLISH = 'Redis PUBLISH to SUBSCRIBE'

export class RawTrips {
  private constructor(
    private readonly publisher: Redis,
    private readonly subscriber: Redis,
  ) {}

  static async start(redis: RedisServer): Promise<RawTrips> {
    const trips = new RawTrips(redis.client(), redis.client())
    await trips.subscriber.subscribe(CHANNEL)
    return trips
  }

  /** One message, ms. */
  async one(): Promise<number> {
    const heard = once(this.subscriber, 'message').then(() => performance.now())
    const sentMs = performance.now()
    void this.publisher.publish(CHANNEL, 'x')
    return (await heard) - sentMs
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
      trips.push(await this.one())
      await sleep(pauseMs)
    } while (!isDone)
    return trips
  }
}
