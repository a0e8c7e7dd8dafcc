import '../support/entry.js'
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { loadNative, type ThisMachine } from '../../src/doors/websocket/transport/load-native.js'
import { BINARY_FILE, NATIVE_BINARIES } from '../../src/doors/websocket/transport/native-binaries.js'
import { noNativeTransport } from '../support/node.js'

const ROOT = fileURLToPath(new URL('../../..', import.meta.url))
const readJson = (file: string) => JSON.parse(readFileSync(join(ROOT, file), 'utf8'))

/** A machine whose packages lie in a folder that the test writes. */
function machineWith(files: Record<string, Buffer>, override: Partial<ThisMachine> = {}): ThisMachine {
  const folder = mkdtempSync(join(tmpdir(), 'porchlight-native-'))
  for (const [file, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, file)), { recursive: true })
    writeFileSync(join(folder, file), content)
  }
  return {
    platform: 'linux',
    arch: 'x64',
    abi: '127',
    resolve: (file) => {
      if (!(file in files)) throw new Error(`Cannot find module '${file}'`)
      return join(folder, file)
    },
    ...override,
  }
}

t.test(
  'every binary in the table is a pinned optional dependency with an entry in the lock, and the reverse',
  async (t) => {
    const { optionalDependencies } = readJson('package.json')
    const { packages } = readJson('package-lock.json')
    t.same(NATIVE_BINARIES.map((binary) => binary.package).sort(), Object.keys(optionalDependencies).sort())
    for (const binary of NATIVE_BINARIES) {
      t.match(optionalDependencies[binary.package], new RegExp(`@${binary.release}$`))
      t.match(packages[`node_modules/${binary.package}`], { version: binary.release, integrity: /^sha512-/ })
      t.match(binary.sha256, /^[0-9a-f]{64}$/)
    }
  },
)

t.test(
  'the lock names every platform package that a dependency may ask for, so that npm ci works everywhere',
  async (t) => {
    const { packages } = readJson('package-lock.json') as {
      packages: Record<string, { optionalDependencies?: Record<string, string>; integrity?: string }>
    }
    const missing = Object.entries(packages).flatMap(([from, { optionalDependencies = {} }]) =>
      Object.keys(optionalDependencies).filter((name) => !isInLock(packages, from, name)),
    )
    t.same(missing, [])
    for (const [name, { integrity }] of Object.entries(packages)) {
      if (name !== '') t.match(integrity, /^sha512-/, name)
    }
  },
)

/** As Node looks a package up: in the node_modules of `from` and of each folder around it. */
function isInLock(packages: object, from: string, name: string): boolean {
  const places = from.split('node_modules/').map((_, at, parts) => parts.slice(0, at).join('node_modules/'))
  return [...places, from === '' ? '' : `${from}/`].some(
    (place) => `${place}node_modules/${name}` in packages,
  )
}

t.test('Node 22 and later try the newer release first, and an older one only after it', async (t) => {
  const releases = (abi: string) => NATIVE_BINARIES.filter((one) => one.abi === abi).map((one) => one.release)
  t.same(releases('115'), ['20.51.4'])
  t.same(releases('127'), ['20.69.0', '20.51.4'])
  t.same(releases('137'), ['20.69.0'])
})

t.test(
  'a binary with other bytes than those checked in is refused by name, whatever else would load',
  async (t) => {
    const files = { 'uws-linux-x64-node22/uws.node': Buffer.from('\x7fELF and something else') }
    t.throws(() => loadNative(machineWith(files)), {
      code: 'BINARY_MISMATCH',
      message: /uws-linux-x64-node22/,
    })
  },
)

t.test('one changed byte of the real binary is enough', { skip: noNativeTransport }, async (t) => {
  const own = NATIVE_BINARIES.find(({ abi }) => abi === process.versions.modules)!
  const name = `${own.package}/${BINARY_FILE}`
  const bytes = readFileSync(join(ROOT, 'node_modules', name))
  const same = machineWith({ [name]: bytes }, { abi: own.abi })
  t.equal(loadNative(same).release, own.release, 'a copy with the same bytes loads')
  bytes[bytes.length >> 1]! ^= 1
  t.throws(() => loadNative(machineWith({ [name]: bytes }, { abi: own.abi })), { code: 'BINARY_MISMATCH' })
})

t.test(
  'what is not in the table or not installed is no error: it says why there is no native library',
  async (t) => {
    const unknown = { 'uws-linux-x64-node22/uws.node': Buffer.from('x') }
    for (const [machine, why] of [
      [machineWith(unknown, { arch: 'arm64' }), /no checked binary for linux arm64/],
      [machineWith(unknown, { platform: 'darwin' }), /no checked binary for darwin x64/],
      [machineWith(unknown, { abi: '999' }), /Node ABI 999/],
      [
        machineWith({}),
        /uws-linux-x64-node22: Cannot find module.*; uws-linux-x64-node22-older: Cannot find/,
      ],
    ] as const) {
      t.match(loadNative(machine).uws, undefined)
      t.match((loadNative(machine) as { why: string }).why, why)
    }
  },
)
