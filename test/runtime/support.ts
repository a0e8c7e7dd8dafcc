/** Small actors and logs for the runtime's tests. */
import { type ActorDefinition, type Context, defineActor } from '../../src/runtime/actor.js'
import type { Log } from '../../src/runtime/environment.js'
import type { Question, Ref } from '../../src/runtime/ref.js'
import type { ActorSystem } from '../../src/runtime/system.js'

/** What the tests' actors ask each other. */
export interface Echo extends Question<string> {
  kind: 'echo'
  text: string
}

export interface Note {
  kind: 'note'
  text: string
}

export type Command = Echo | Note

/** Start an actor that is nothing but its `receive`. */
export function spawnActor<M>(
  system: ActorSystem,
  receive: (ctx: Context<M>, message: M) => void,
  more: Partial<ActorDefinition<M, null>> = {},
): Ref<M> {
  const definition = defineActor<M, null>({
    kind: 'test',
    start: () => null,
    receive: (ctx, _state, message) => receive(ctx, message),
    ...more,
  })
  return system.spawn(definition, undefined)
}

/** An actor that answers an echo with its text in capitals. */
export function spawnEcho(system: ActorSystem): Ref<Command> {
  return spawnActor<Command>(system, (ctx, message) => {
    if (message.kind === 'echo') ctx.reply(ctx.asker(message), message.text.toUpperCase())
  })
}

export interface LogLine {
  level: string
  message: string
  fields: Record<string, unknown>
}

/** A log that keeps its lines. */
export function keptLog(): { log: Log; lines: LogLine[] } {
  const lines: LogLine[] = []
  const at = (level: string) => (fields: object, message: string) => {
    lines.push({ level, message, fields: fields as Record<string, unknown> })
  }
  const log = { level: 'debug', debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
  return { log, lines }
}

/** Let promises settle, so that what they bring can be run. */
export function macrotask(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
