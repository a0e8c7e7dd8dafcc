/** The Dockerfile's own steps, carried out in folders: there is no container engine in every pipeline. */
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { CloseCode } from '../../src/openim/close-codes.js'
import { eventually } from '../support/eventually.js'
import { GatewayProcess } from '../support/gateway-process.js'
import { temporaryFolder } from '../support/leftovers.js'

const ROOT = fileURLToPath(new URL('../../..', import.meta.url))

/** What a stage of the Dockerfile comes to: `root` stands for `/`. */
interface Stage {
  root: string
  workdir: string
  env: Record<string, string>
  command: string[]
  healthCheck: string[]
}

/** What the build may see: the context without what .dockerignore leaves out. */
function buildContext(): string {
  const context = temporaryFolder('context')
  const [first, ...kept] = lines('.dockerignore')
  if (first !== '*') throw new Error('.dockerignore has to leave out everything first')
  for (const line of kept) {
    if (!line.startsWith('!')) throw new Error(`.dockerignore: ${line} is not understood here`)
    cpSync(join(ROOT, line.slice(1)), join(context, line.slice(1)), { recursive: true })
  }
  return context
}

function lines(file: string): string[] {
  const text = readFileSync(join(ROOT, file), 'utf8')
  return text.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('#'))
}

/** Carries out every instruction; the last stage is the image. Throws for what it does not understand. */
function buildImage(): Stage {
  const context = buildContext()
  const stages = new Map<string, Stage>()
  let stage: Stage | undefined
  for (const line of lines('Dockerfile')) {
    const [instruction, ...words] = line.trim().split(/\s+/)
    const rest = line.trim().slice(instruction!.length).trim()
    if (instruction === 'FROM') {
      stage = { root: temporaryFolder('stage'), workdir: '/', env: {}, command: [], healthCheck: [] }
      stages.set(words[2] ?? '', stage)
      continue
    }
    if (stage === undefined) throw new Error(`before FROM: ${line}`)
    switch (instruction) {
      case 'WORKDIR':
        stage.workdir = rest
        mkdirSync(join(stage.root, rest), { recursive: true })
        break
      case 'COPY':
        copy(stage, words, (name) => (name === undefined ? context : stages.get(name)!.root))
        break
      case 'RUN':
        runStep(stage, rest)
        break
      case 'ENV':
        Object.assign(stage.env, Object.fromEntries(words.map((word) => word.split('='))))
        break
      case 'CMD':
        stage.command = JSON.parse(rest)
        break
      case 'HEALTHCHECK':
        stage.healthCheck = JSON.parse(rest.slice(rest.indexOf('CMD') + 'CMD'.length))
        break
      case 'USER':
      case 'VOLUME':
      case 'EXPOSE':
      case 'STOPSIGNAL':
        break
      default:
        throw new Error(`not understood here: ${line}`)
    }
  }
  return stage!
}

function copy(stage: Stage, words: string[], rootOf: (stage: string | undefined) => string): void {
  const from = words.find((word) => word.startsWith('--from='))?.slice('--from='.length)
  const places = words.filter((word) => !word.startsWith('--'))
  const target = places.pop()!
  const base = target.startsWith('/') ? stage.root : join(stage.root, stage.workdir)
  for (const place of places) {
    const source = join(rootOf(from), place)
    if (!existsSync(source)) throw new Error(`COPY ${place}: there is no such file`)
    // A file goes into the folder that the target names; of a folder its contents do.
    const into =
      /\/$/.test(target) && !readdirOrUndefined(source)
        ? join(base, target, basename(place))
        : join(base, target)
    cpSync(source, into, { recursive: true, verbatimSymlinks: true })
  }
}

function readdirOrUndefined(path: string): string[] | undefined {
  try {
    return readdirSync(path)
  } catch {
    return undefined
  }
}

function runStep(stage: Stage, command: string): void {
  const { status, stdout, stderr } = spawnSync('sh', ['-c', command], {
    cwd: join(stage.root, stage.workdir),
    encoding: 'utf8',
    env: { ...process.env, npm_config_prefer_offline: 'true', ...stage.env },
  })
  if (status !== 0) throw new Error(`RUN ${command}: ${status}\n${stdout}\n${stderr}`)
}

/** The exit code of the image's health check, with the port that answers `/healthz`. */
function healthOn({ healthCheck }: Stage, port: number): number | null {
  const [file, ...args] = healthCheck
  return spawnSync(file!, args, { env: { PATH: process.env.PATH, HEALTH_PORT: `${port}` } }).status
}

t.test("the Dockerfile's steps make a folder that serves, with nothing else in it", async (t) => {
  const image = buildImage()
  const app = join(image.root, image.workdir)
  t.same(readdirSync(app).sort(), ['dist', 'node_modules', 'package.json'])
  for (const name of ['typescript', 'tap', '@biomejs/biome', 'fast-check']) {
    t.notOk(existsSync(join(app, 'node_modules', name)), name)
  }
  t.notOk(existsSync(join(app, 'dist', 'test')))

  const gateway = await GatewayProcess.ready(t, {
    cwd: app,
    command: image.command,
    env: { ...image.env, DATA_DIR: join(image.root, image.env.DATA_DIR!) },
  })
  const client = await gateway.login('ann')
  t.equal(healthOn(image, gateway.apiPort), 0)
  gateway.kill('SIGTERM')
  t.same(await gateway.exit, { code: 0, signal: null }, gateway.output)
  t.equal(await eventually(() => client.closeCode), CloseCode.GoingAway)
  t.equal(healthOn(image, gateway.apiPort), 1)

  const env = { ...image.env, AUTH_SECRET: '' }
  const open = await GatewayProcess.launch(t, { cwd: app, command: image.command, env })
  t.match(await open.exit, { code: 1 }, 'an image that is run without a secret is not open to everybody')
  t.match(open.output, /AUTH_SECRET is not set/)
})
