/** `npm run load`: put a running gateway under load, and say what came of it. */
import { emptyCounts } from './counts.js'
import { HELP, LoadError, readOptions } from './options.js'
import { type Progress, runLoad } from './run.js'
import { progressText, summaryOf, summaryText } from './summary.js'

/** Between lines of progress where no terminal can overwrite them. */
const LINE_EVERY_S = 5

try {
  await main()
} catch (error) {
  const isKnown = error instanceof LoadError
  process.stderr.write(`${isKnown ? error.message : ((error as Error).stack ?? error)}\n`)
  process.exitCode = 1
}

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2), process.env)
  if (options === undefined) return void process.stdout.write(HELP)
  const interrupted = new Promise((resolve) => {
    process.once('SIGINT', resolve)
    process.once('SIGTERM', resolve)
  })
  const screen = openScreen()
  const result = await runLoad(options, { progress: screen.progress, interrupted }).finally(screen.close)
  if (result === undefined) return void process.stderr.write('ended before the first login\n')
  const summary = summaryOf(result, options.connections)
  process.stdout.write(options.isJson ? `${JSON.stringify(summary, null, 2)}\n` : `\n${summaryText(summary)}`)
}

/** One line that is written over each second on a terminal, else a line now and then. */
function openScreen() {
  const { stderr } = process
  let last = emptyCounts()
  let ticks = 0
  return {
    progress: (progress: Progress) => {
      const text = progressText(progress, last)
      last = progress.counts
      ticks++
      if (stderr.isTTY) stderr.write(`\r\x1b[K${text}`)
      else if (ticks % LINE_EVERY_S === 0) stderr.write(`${text}\n`)
    },
    close: () => {
      if (stderr.isTTY && ticks > 0) stderr.write('\n')
    },
  }
}
