/** A store for tests whose every call, of whatever port, may be delayed, lost or counted. */
import type { MemoryStore } from '../../src/store/memory/memory-store.js'
import type { Store, StorePorts } from '../../src/store/ports/store.js'

export type Call = (...args: unknown[]) => unknown

const PORTS: readonly (keyof StorePorts)[] = [
  'presence',
  'seats',
  'tokens',
  'refreshTokens',
  'registry',
  'bus',
]

/** `via` is given each call's name, the call itself and its arguments, and returns what the caller gets. */
export function interceptStore(
  store: MemoryStore,
  via: (name: string, call: Call, args: unknown[]) => unknown,
): Store {
  const intercepted: Store = new Proxy<Store>(store, {
    get: (_target, name: string) => {
      // The embedded store is each of its ports itself.
      if ((PORTS as readonly string[]).includes(name)) return intercepted
      const call = (store as unknown as Record<string, Call>)[name]!.bind(store)
      return (...args: unknown[]) => via(name, call, args)
    },
  })
  return intercepted
}
