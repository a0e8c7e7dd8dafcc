/** What goes wrong with Sentinels themselves. */
import type { Redis } from 'ioredis'

type ConnectToSentinel = (...args: unknown[]) => Redis

/**
 * `onError` hears why a Sentinel could not be reached. The client keeps that to itself, or writes it to the standard
 * error output, where nobody listens.
 */
export function hearSentinels(client: Redis, onError: (error: Error) => void): void {
  const { connector } = client as unknown as { connector: { connectToSentinel?: ConnectToSentinel } }
  const connect = connector.connectToSentinel?.bind(connector)
  if (connect === undefined) return
  connector.connectToSentinel = (...args) => {
    const sentinel = connect(...args)
    sentinel.on('error', onError)
    return sentinel
  }
}
