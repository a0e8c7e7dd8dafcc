/** Time in a virtual world whose actors also wait for promises. */
import type { World } from '../../src/runtime/testkit/world.js'

/** Let time go by, and promises settle as they become due. */
export async function pass(world: World, ms: number): Promise<void> {
  const untilMs = world.nowMs + ms
  do {
    const nextMs = Math.min(untilMs, Math.max(world.nowMs, world.nextMs ?? untilMs))
    world.advance(nextMs - world.nowMs)
    await new Promise((resolve) => setImmediate(resolve))
  } while (world.nowMs < untilMs)
  world.settle()
}
