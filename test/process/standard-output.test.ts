import { spawn, spawnSync } from 'node:child_process'
import { closeSync, constants, openSync, readSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { CloseCode } from '../../src/openim/close-codes.js'
import { eventually } from '../support/eventually.js'
import { GatewayProcess, MAIN } from '../support/gateway-process.js'
import { endsWithThisProcess, temporaryFolder } from '../support/leftovers.js'

const LOG = new URL('../../src/observe/log.js', import.meta.url).href

/** A pipe that the test holds both ends of. */
function makePipe(name: string) {
  const path = join(temporaryFolder(name), 'pipe')
  if (spawnSync('mkfifo', [path]).status !== 0) throw new Error('mkfifo failed')
  const reading = openSync(path, constants.O_RDWR | constants.O_NONBLOCK)
  return {
    path,
    /** Until a writer would have to wait. */
    fill() {
      for (const size of [65_536, 1]) {
        try {
          for (;;) writeSync(reading, Buffer.alloc(size, '\n'))
        } catch {
          // It is full for pieces of that size.
        }
      }
    },
    /** What is in it now. */
    read(): string {
      let text = ''
      const chunk = Buffer.alloc(65_536)
      try {
        for (;;) text += chunk.toString('utf8', 0, readSync(reading, chunk))
      } catch {
        return text
      }
    },
    close: () => closeSync(reading),
  }
}

t.test('a gateway whose standard output is full serves, and hears SIGTERM', async (t) => {
  const pipe = makePipe('full')
  t.teardown(() => pipe.close())
  pipe.fill()
  const end = openSync(pipe.path, 'w')
  const gateway = await GatewayProcess.ready(t, { stdio: ['ignore', end, 'pipe'] })
  closeSync(end)
  const client = await gateway.login('ann')
  let log = ''
  await eventually(() => {
    log += pipe.read()
    return /"msg":"ready"/.test(log) ? true : undefined
  })
  pipe.fill()
  gateway.kill('SIGTERM')
  t.same(await gateway.exit, { code: 0, signal: null }, gateway.output)
  t.equal(await eventually(() => client.closeCode), CloseCode.GoingAway)
})

t.test(
  'threads that log more than a stuck reader has room for go on, and say later how much was dropped',
  async (t) => {
    const pipe = makePipe('stuck')
    t.teardown(() => pipe.close())
    // Each thread logs until it has dropped lines, then says so on its own channel, and goes on when it is told.
    const worker = `
    import { parentPort } from 'node:worker_threads'
    const { createLog } = await import(${JSON.stringify(LOG)})
    const { linesDropped } = await import(${JSON.stringify(new URL('standard-output.js', LOG).href)})
    const log = createLog({ level: 'info', thread: 'io-7' })
    let lines = 0
    while (linesDropped() < 100) log.info({ i: lines++, words: 'x'.repeat(200) }, 'words')
    parentPort.postMessage({ lines, dropped: linesDropped() })
    parentPort.once('message', () => log.info('last words'))`
    const main = `
    import { Worker } from 'node:worker_threads'
    const worker = new Worker(new URL('data:text/javascript,' + encodeURIComponent(${JSON.stringify(worker)})))
    worker.on('message', (said) => {
      process.send(said)
      process.once('message', () => { worker.postMessage('go on'); process.disconnect() })
    })`
    const end = openSync(pipe.path, 'w')
    const child = spawn(process.execPath, ['--input-type=module', '-e', main], {
      stdio: ['ignore', end, 'inherit', 'ipc'],
    })
    endsWithThisProcess(child)
    closeSync(end)
    const { lines, dropped } = await new Promise<{ lines: number; dropped: number }>((resolve) =>
      child.once('message', resolve as never),
    )
    let text = ''
    const drain = async (pattern: RegExp) =>
      eventually(() => {
        text += pipe.read()
        return pattern.test(text) ? true : undefined
      })
    await drain(/"dropped":/)
    child.send('go on')
    await drain(/last words/)
    const entries = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { i?: number; dropped?: number; msg: string; level: string })
    const written = entries.filter(({ i }) => i !== undefined)
    t.equal(dropped, 100)
    t.equal(written.length, lines - dropped)
    t.ok(
      written.every(({ i }, at) => i === at),
      'in order, without a gap but at the end',
    )
    t.match(entries.slice(-2), [{ level: 'warn', dropped, msg: /dropped/ }, { msg: 'last words' }])
  },
)

t.test('a standard output that is closed or on a full disk does no harm', async (t) => {
  for (const redirect of ['>&-', '> /dev/full']) {
    const command = ['sh', '-c', `exec '${process.execPath}' '${MAIN}' ${redirect}`]
    const gateway = await GatewayProcess.ready(t, { command })
    gateway.kill('SIGTERM')
    t.same(await gateway.exit, { code: 0, signal: null }, redirect)
  }
})

t.test('a reader that goes away does no harm', async (t) => {
  const pipe = makePipe('gone')
  const end = openSync(pipe.path, 'w')
  const gateway = await GatewayProcess.ready(t, { stdio: ['ignore', end, 'pipe'] })
  closeSync(end)
  pipe.close()
  for (let i = 0; i < 3; i++) gateway.kill('SIGHUP')
  const client = await gateway.login('ann')
  gateway.kill('SIGTERM')
  t.same(await gateway.exit, { code: 0, signal: null }, gateway.output)
  t.equal(await eventually(() => client.closeCode), CloseCode.GoingAway)
})
