/** How a thread is doing: its event loop, and its heap. */
import { monitorEventLoopDelay, performance } from 'node:perf_hooks'
import { getHeapStatistics } from 'node:v8'
import type { Metrics } from './metrics.js'

/** Each look wakes the thread, also an idle one: at 10 ms that was most of the CPU of a gateway with nothing to do. */
const RESOLUTION_MS = 50

/** Measure the thread that calls this, from now on. Returns how to end it. */
export function watchThread(metrics: Metrics, thread: string): () => void {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  delay.enable()
  let earlierMs = 0
  const unhook = metrics.onSnapshot((report) => {
    // The longest, for one stop of a minute is one measurement among many. The monitor measures from one tick of its timer to the next: an idle loop shows the resolution itself.
    const lagMs = delay.count > 0 ? Math.max(0, delay.max / 1e6 - RESOLUTION_MS) : 0
    delay.reset()
    // Also that of the snapshot before: nobody has waited for one that was asked for while the thread stood still.
    report.level('eventLoopLagSeconds', Math.max(lagMs, earlierMs) / 1000, { thread })
    earlierMs = lagMs
    report.total('eventLoopActiveSeconds', performance.eventLoopUtilization().active / 1000, { thread })
    report.level('heapBytes', getHeapStatistics().used_heap_size, { thread })
  })
  return () => {
    delay.disable()
    unhook()
  }
}
