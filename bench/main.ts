/** The bench: every question or the named ones, each figure beside its raw ceiling of the same run. */
import { benchmarks } from './benchmarks.js'
import { runBench } from './support/command.js'
import { COMMON_HELP, listText } from './support/options.js'

await runBench({
  help: () => `Measure Porchlight beside raw ceilings and beside other ways to do the same, in one run, on loopback;
within ten minutes for everything.

  npm run bench -- [options] [NAME...]

${COMMON_HELP}
${listText(benchmarks)}`,
  measured: ({ peers }) => {
    if (peers.length > 0) throw new Error('peers are measured by npm run bench:peers')
    return { benchmarks }
  },
  // Beside the sources; this file is run from what they were compiled to.
  folder: new URL('../../bench/', import.meta.url),
  introduction: '# Results of the bench\n\n`npm run bench -- --full --save` wrote this file',
})
