#!/usr/bin/env node
/** The entry. It hears signals before it loads the rest, which takes a while. */
import { hearStopSignals } from './node/stop-signals.js'

const signals = hearStopSignals()
const { run } = await import('./cli/run.js')
await run(process.argv.slice(2), process.env, signals)
