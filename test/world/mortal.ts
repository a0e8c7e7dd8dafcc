/** Actors that a test can make throw. */
import type { ActorDefinition } from '../../src/runtime/actor.js'
import type { Ref } from '../../src/runtime/ref.js'
import type { ActorSystem } from '../../src/runtime/system.js'

interface Poison {
  kind: 'poison'
}

/** The same actor, which throws when it hears poison. */
export function mortal<M extends { kind: string }, S, A>(
  definition: ActorDefinition<M, S, A>,
): ActorDefinition<M | Poison, S, A> {
  const isPoison = (message: M | Poison): message is Poison => message.kind === 'poison'
  return {
    ...definition,
    receive: (ctx, state, message) => {
      if (isPoison(message)) throw new Error('poison')
      definition.receive(ctx, state, message)
    },
  }
}

/** Starts actors on a system, mortal ones. */
export function mortalSpawn(system: ActorSystem): Pick<ActorSystem, 'spawn'> {
  return { spawn: (definition, args, id) => system.spawn(mortal(definition as never), args, id) as never }
}

export function poison(system: ActorSystem, { thread, actor }: Ref<never>): void {
  system.tell<Poison>({ thread, actor } as Ref<Poison>, { kind: 'poison' })
}
