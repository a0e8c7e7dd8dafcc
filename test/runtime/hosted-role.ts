/** A role for the tests of thread hosting: an echo, a listener to signals, and ways to misbehave. */

import { defineActor } from '../../src/runtime/actor.js'
import { silentLog } from '../../src/runtime/environment.js'
import { codeOf } from '../../src/runtime/errors.js'
import { type Ref, refTo, type ThreadSlot } from '../../src/runtime/ref.js'
import { restartWithBackoff } from '../../src/runtime/supervision.js'
import type { ActorSystem, SystemStats } from '../../src/runtime/system.js'
import { hostThread, type OpenThread, type ThreadApp } from '../../src/runtime/thread-entry.js'
import type { Command } from './support.js'

export interface Settings {
  /** Every thread there is, to be asked for an echo. */
  slots: ThreadSlot[]
  /** What the threads of role `odd` never finish, or fail to do. */
  odd?: 'ready' | 'stats' | 'stop' | 'stopFails'
  /** See the indices below. */
  shared: Int32Array
}

/** Threads of role `odd` that still fail to open. */
export const OPENINGS_TO_FAIL = 0
/** Beats of an actor that was started before its thread failed to open. */
export const BEATS = 1
/** How often something was released. */
export const RELEASES = 2

export interface Stats {
  incarnation: number
  signals: string[]
  /** What each other thread answered. */
  echoes: string[]
  runtime: SystemStats
}

const ECHO = 1
const BEAT_MS = 5
const ASK_DEADLINE_MS = 1_000

/** Answers with its text and its life; told a note, it fails so that its thread has to end. */
const echo = defineActor<Command, { answer: string }, string>({
  kind: 'echo',
  start: (_ctx, answer) => ({ answer }),
  receive: (ctx, { answer }, message) => {
    if (message.kind === 'note') throw new Error(message.text)
    ctx.reply(ctx.asker(message), `${message.text} ${answer}`)
  },
  supervision: { ...restartWithBackoff, directive: 'escalate' },
})

/** Keeps what it is told of its neighbours. */
const signals = defineActor<never, string[], string[]>({
  kind: 'signals',
  start: (_ctx, heard) => heard,
  receive: () => {},
  onSignal: (_ctx, heard, signal) => {
    const why = signal.kind === 'unlinked' ? `: ${signal.reason}` : ''
    heard.push(`${signal.kind} ${signal.thread}${why}`)
  },
})

const heartbeat = defineActor<{ kind: 'beat' }, Int32Array, Int32Array>({
  kind: 'heartbeat',
  start: (ctx, shared) => {
    ctx.every('beat', BEAT_MS, { kind: 'beat' })
    return shared
  },
  receive: (_ctx, shared) => void Atomics.add(shared, BEATS, 1),
})

export default hostThread({ log: () => ({ ...silentLog }), prepare: async () => {}, open })

function open({ system, settings, slot, role, incarnation }: OpenThread<Settings>): ThreadApp {
  const { shared, slots } = settings
  const odd = role === 'odd' ? settings.odd : undefined
  if (role === 'odd' && Atomics.load(shared, OPENINGS_TO_FAIL) > 0) {
    system.spawn(heartbeat, shared)
    Atomics.sub(shared, OPENINGS_TO_FAIL, 1)
    throw new Error('cannot open')
  }
  const heard: string[] = []
  system.spawn(echo, `from ${slot}.${incarnation}`, ECHO)
  system.spawn(signals, heard)
  return {
    ready: () => (odd === 'ready' ? never() : Promise.resolve()),
    // There is no other verb for it: here, draining breaks the actor that its thread must not survive.
    drain: async () => system.tell(refTo<Command>(slot, ECHO), { kind: 'note', text: 'failed for good' }),
    stop: async () => {
      if (odd === 'stop') await never()
      if (odd === 'stopFails') throw new Error('cannot stop')
    },
    release: () => void Atomics.add(shared, RELEASES, 1),
    parts: () => [],
    stats: async (runtime): Promise<Stats> => {
      if (odd === 'stats') await never()
      const others = slots.filter((other) => other !== slot)
      const echoes = await Promise.all(others.map((other) => echoOf(system, refTo(other, ECHO))))
      return { incarnation, signals: [...heard], echoes, runtime }
    },
  }
}

async function echoOf(system: ActorSystem, to: Ref<Command>): Promise<string> {
  try {
    return await system.ask(to, { kind: 'echo', text: 'hello' }, ASK_DEADLINE_MS)
  } catch (error) {
    return codeOf(error)!
  }
}

function never(): Promise<never> {
  return new Promise(() => {})
}
