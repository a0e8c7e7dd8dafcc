/** The bench of peers: what a user would pick instead of Porchlight, with the same clients' work in the same run. */
import { runBench } from '../support/command.js'
import { COMMON_HELP, listText } from '../support/options.js'
import { peers, presentPeers } from './peers.js'
import { questionsOf } from './questions.js'

await runBench({
  help: helpText,
  measured: (options) => {
    const { present, absent } = presentPeers(options.peers)
    for (const { peer, missing } of absent) {
      process.stderr.write(`${peer.name} is skipped; it needs: ${missing}\n`)
    }
    return {
      benchmarks: questionsOf(present),
      beside: present.map((peer) => `${peer.name} ${peer.version()}`).join('; '),
    }
  },
  // Beside the sources; this file is run from what they were compiled to.
  folder: new URL('../../../bench/peers/', import.meta.url),
  introduction: '# Porchlight beside its peers\n\n`npm run bench:peers -- --save` wrote this file',
})

function helpText(): string {
  const list = peers.map((peer) => {
    const missing = peer.missing()
    return `  ${peer.key.padEnd(16)} ${peer.name}${missing === undefined ? '' : `; needs: ${missing}`}\n`
  })
  return `Measure Porchlight beside what a user would pick instead, in one run, on loopback. See bench/peers/README.md.

  npm run bench:peers -- [options] [QUESTION...]

  --peer NAME            only this one beside Porchlight, as often as you like
${COMMON_HELP}
Peers:
${list.join('')}
Questions:
${listText(questionsOf(peers))}`
}
