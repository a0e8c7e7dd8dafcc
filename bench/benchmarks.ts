/** Every benchmark, in the order of the table. */
import { assertions } from './assertions.js'
import { changeLatency } from './change-latency.js'
import { fanOut } from './fan-out.js'
import { halfRate } from './half-rate.js'
import { idle } from './idle.js'
import { logins } from './logins.js'
import { memory } from './memory.js'
import { messageLatency } from './message-latency.js'
import { messageReads } from './message-reads.js'
import { presenceUnderMessages } from './presence-under-messages.js'
import { reconnectStorm } from './reconnect-storm.js'
import { renewal } from './renewal.js'
import { roundTrip } from './round-trip.js'
import { sends } from './sends.js'
import { status } from './status.js'
import type { Benchmark } from './support/figures.js'
import { sweep } from './sweep.js'
import { tells } from './tells.js'
import { threads } from './threads.js'

export const benchmarks: readonly Benchmark[] = [
  tells,
  roundTrip,
  assertions,
  changeLatency,
  halfRate,
  fanOut,
  logins,
  reconnectStorm,
  memory,
  renewal,
  idle,
  status,
  sweep,
  threads,
  sends,
  messageLatency,
  messageReads,
  presenceUnderMessages,
]
