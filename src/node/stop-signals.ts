/**
 * The signals that end the process. Loaded before everything else, and without anything else: to process 1 of a
 * container a signal that has no handler does nothing, so each moment without one is a stop that gets lost.
 */
import { isatty } from 'node:tty'
import { endAtOnce } from './end-at-once.js'

/** One Ctrl-C under `npm start` comes twice: from the terminal, and passed on by npm. */
const SAME_SIGNAL_MS = 500

export interface StopSignals {
  /** Resolves with the first signal that asks for a stop. */
  readonly asked: Promise<NodeJS.Signals>
  readonly isAsked: boolean
  /** Called for signals that do not begin a stop: a second one, which ends the process, and SIGHUP. */
  onOther: (signal: NodeJS.Signals, effect: 'endsAtOnce' | 'ignored') => void
}

/** SIGTERM and SIGINT ask for a stop, and so does SIGHUP when the terminal of the process goes away. */
export function hearStopSignals(): StopSignals {
  let ask: (signal: NodeJS.Signals) => void
  const asked = new Promise<NodeJS.Signals>((resolve) => {
    ask = resolve
  })
  let sinceMs: number | undefined
  const signals: StopSignals = {
    asked,
    get isAsked() {
      return sinceMs !== undefined
    },
    onOther: () => {},
  }
  const onSignal = (signal: NodeJS.Signals) => {
    if (sinceMs === undefined) {
      sinceMs = performance.now()
      ask(signal)
    } else if (performance.now() - sinceMs > SAME_SIGNAL_MS) {
      signals.onOther(signal, 'endsAtOnce')
      endAtOnce()
    }
  }
  process.on('SIGTERM', onSignal)
  process.on('SIGINT', onSignal)
  // Asked now: a terminal that has gone is none any more. Without one, SIGHUP means "read your files again" to most
  // supervisors; that happens here by itself when they change.
  const hasTerminal = [0, 1, 2].some((fd) => isatty(fd))
  process.on('SIGHUP', hasTerminal ? onSignal : (signal) => signals.onOther(signal, 'ignored'))
  return signals
}
