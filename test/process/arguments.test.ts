import { writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { commandOf } from '../../src/cli/arguments.js'
import { GatewayProcess, MAIN } from '../support/gateway-process.js'
import { temporaryFolder } from '../support/leftovers.js'
import { SECRET, type Teardown } from '../support/node.js'

async function outcome(test: Teardown, args: string[], env: Record<string, string> = {}) {
  const gateway = await GatewayProcess.launch(test, { args, env })
  const { code } = await gateway.exit
  return { code, output: gateway.output }
}

t.test('arguments are commands, and what is not known is refused', async (t) => {
  t.same(commandOf([]), { kind: 'serve' })
  t.same(commandOf(['--check']), { kind: 'check' })
  t.same(commandOf(['restored']), { kind: 'restored', by: 10_000 })
  t.same(commandOf(['restored', '--by', '5']), { kind: 'restored', by: 5 })
  t.same(commandOf(['restored', '--by', '5', '--help']), { kind: 'restoredHelp' })
  for (const wrong of [['5'], ['--by'], ['--by', '0'], ['--by', '1.5'], ['--by', '5', '6']])
    t.match(commandOf(['restored', ...wrong]), { kind: 'unknown' }, wrong.join(' '))
  for (const help of [['--help'], ['-h'], ['--version', '--help'], ['--bogus', '-h']]) {
    t.same(commandOf(help), { kind: 'help' })
  }
  t.same(commandOf(['-v']), { kind: 'version' })
  t.same(commandOf(['start']), { kind: 'unknown', given: 'start' })
  t.same(commandOf(['--check', '--port=1']), { kind: 'unknown', given: '--port=1' })
  t.same(commandOf(['migrate']), { kind: 'migrate', isDryRun: false })
  t.same(commandOf(['migrate', '--dry-run']), { kind: 'migrate', isDryRun: true })
  t.same(commandOf(['migrate', '--dry-run', '-h']), { kind: 'migrateHelp' })
  t.same(commandOf(['migrate', '--check']), { kind: 'unknown', given: '--check' })
  t.same(commandOf(['--dry-run']), { kind: 'unknown', given: '--dry-run' })
  t.same(commandOf(['constructor']), { kind: 'unknown', given: 'constructor' })
})

t.test('--help, --version and unknown arguments start nothing, whatever the settings', async (t) => {
  const bad = { WS_PORT: 'x' }
  t.match(await outcome(t, ['--help'], bad), { code: 0, output: /usage: porchlight[\s\S]*--check/ })
  t.match(await outcome(t, ['--version'], bad), { code: 0, output: /^porchlight \d+\.\d+\.\d+\n$/ })
  t.match(await outcome(t, ['--port=1'], bad), { code: 2, output: /unknown argument --port=1[\s\S]*usage/ })
})

t.test('--check says what would run, without a secret, and starts nothing', async (t) => {
  const { code, output } = await outcome(t, ['--check'], {
    REDIS_URL: 'redis://:hush@10.0.0.5',
    NODE_ID: 'gw-1',
  })
  t.equal(code, 0, output)
  t.match(output, /^The settings are good\.\n/)
  t.match(output, /store +Redis\n[\s\S]*node ID +gw-1/)
  t.notMatch(output, /hush/)
  t.notMatch(output, new RegExp(SECRET))
})

t.test('--check fails for what would keep the gateway from starting, and names it', async (t) => {
  t.match(await outcome(t, ['--check'], { WS_PORT: 'x', BATCH_SIZE: '0' }), {
    code: 1,
    output: /^WS_PORT is "x"[\s\S]*BATCH_SIZE/,
  })
  t.match(await outcome(t, ['--check'], { DATA_DIR: '/dev/null/nowhere' }), {
    code: 1,
    output: /DATA_DIR cannot be/,
  })
  t.match(
    await outcome(t, ['--check'], {
      AUTH_ALGORITHM: 'ES256',
      AUTH_PUBLIC_KEYS: 'nowhere.pem',
      AUTH_SECRET: '',
    }),
    { code: 1, output: /AUTH_PUBLIC_KEYS/ },
  )
})

t.test('--check warns of a port in use: it may be the gateway that is to be replaced', async (t) => {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const { port } = server.address() as { port: number }
  const { code, output } = await outcome(t, ['--check'], { WS_PORT: `${port}` })
  t.equal(code, 0)
  t.match(output, new RegExp(`warning.*127.0.0.1:${port}`))
})

t.test('settings may stand in a file', async (t) => {
  const file = join(temporaryFolder('settings'), 'porchlight.env')
  writeFileSync(file, '# Where it listens\nNODE_ID=from-the-file\n')
  const gateway = await GatewayProcess.launch(t, {
    command: [process.execPath, `--env-file=${file}`, MAIN, '--check'],
  })
  t.same(await gateway.exit, { code: 0, signal: null })
  t.match(gateway.output, /node ID +from-the-file/)
})
