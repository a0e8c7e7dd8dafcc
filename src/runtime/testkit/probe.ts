/** A probe: an actor that keeps what it hears, for tests to look at and to answer. */
import { defineActor } from '../actor.js'
import type { ActorId, Ref, ReplyTo } from '../ref.js'
import type { ActorSystem } from '../system.js'

export interface Probe<M> {
  ref: Ref<M>
  /** Everything heard so far, oldest first. */
  heard: M[]
  /** Where the answer to the newest question goes. */
  lastReplyTo(): ReplyTo<never> | undefined
}

export function spawnProbe<M>(system: ActorSystem, id?: ActorId): Probe<M> {
  const heard: M[] = []
  let replyTo: ReplyTo<never> | undefined
  const definition = defineActor<M, null>({
    kind: 'probe',
    start: () => null,
    receive: (ctx, _state, message) => {
      heard.push(message)
      replyTo = ctx.replyTo ?? replyTo
    },
  })
  return { ref: system.spawn(definition, undefined, id), heard, lastReplyTo: () => replyTo }
}
