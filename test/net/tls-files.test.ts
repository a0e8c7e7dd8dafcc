import { copyFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { readTlsPair, TlsFiles, type TlsPair } from '../../src/net/tls-files.js'
import { eventually } from '../support/eventually.js'
import { temporaryFolder } from '../support/leftovers.js'
import { type Certificate, install, makeCertificate } from '../support/own-certificates.js'

const LOOK_EVERY_MS = 20
const DAY_MS = 86_400_000
const old = makeCertificate('old')
const renewed = makeCertificate('renewed', 60)

t.test('a pair that fits is read, with its end', async (t) => {
  const pair = await readTlsPair(old)
  t.equal(pair.cert, old.cert)
  t.ok(pair.endsMs > Date.now() + 29 * DAY_MS && pair.endsMs < Date.now() + 31 * DAY_MS)
})

t.test('what does not serve is named, without a word of what it holds', async (t) => {
  const folder = temporaryFolder('tls')
  const [noPem, damaged] = [join(folder, 'no-pem'), join(folder, 'damaged')]
  writeFileSync(noPem, 'top secret')
  writeFileSync(damaged, '-----BEGIN CERTIFICATE-----\ntop secret\n-----END CERTIFICATE-----\n')
  const cases: [certPath: string, keyPath: string, message: RegExp][] = [
    [join(folder, 'none'), old.keyPath, /^TLS_CERT_FILE \(.*none\) cannot be read \(ENOENT\)/],
    [old.certPath, join(folder, 'none'), /^TLS_KEY_FILE \(.*none\) cannot be read \(ENOENT\)/],
    [folder, old.keyPath, /^TLS_CERT_FILE .* cannot be read \(EISDIR\)/],
    [noPem, old.keyPath, /^TLS_CERT_FILE .* is no PEM/],
    [old.certPath, noPem, /^TLS_KEY_FILE .* is no PEM/],
    [damaged, old.keyPath, /^TLS_CERT_FILE .* holds no certificate/],
    [old.keyPath, old.keyPath, /^TLS_CERT_FILE .* holds no certificate/],
    [old.certPath, damaged, /^TLS_KEY_FILE .* do not serve together/],
    [
      old.certPath,
      renewed.keyPath,
      /^TLS_KEY_FILE .* do not serve together \(ERR_OSSL_X509_KEY_VALUES_MISMATCH\)/,
    ],
  ]
  for (const [certPath, keyPath, message] of cases) {
    await t.rejects(readTlsPair({ certPath, keyPath }), { code: 'BAD_SETTING', message })
    await readTlsPair({ certPath, keyPath }).catch((error: Error) => t.notMatch(error.message, /secret/))
  }
})

/** Files under watch, and what was heard of them. */
async function watched(t: Test, at: Pick<Certificate, 'certPath' | 'keyPath'>) {
  const files = await TlsFiles.open(at)
  const applied: TlsPair[] = []
  const reports: string[] = []
  let refusal: Error | undefined
  files.watch(
    {
      apply: (pair) => {
        if (refusal !== undefined) throw refusal
        applied.push(pair)
      },
      report: (message) => reports.push(message),
    },
    LOOK_EVERY_MS,
  )
  // The timer does not keep a process alive; a test has to.
  const alive = setInterval(() => {}, LOOK_EVERY_MS)
  t.teardown(() => {
    clearInterval(alive)
    files.close()
  })
  const refuse = (error: Error | undefined) => {
    refusal = error
  }
  return { files, applied, reports, refuse }
}

function place(): Pick<Certificate, 'certPath' | 'keyPath'> {
  const folder = temporaryFolder('tls')
  const at = { certPath: join(folder, 'cert.pem'), keyPath: join(folder, 'key.pem') }
  install(old, at)
  return at
}

t.test('changed files are put into use', async (t) => {
  const at = place()
  const { files, applied } = await watched(t, at)
  install(renewed, at)
  await eventually(() => applied.at(-1)?.cert === renewed.cert || undefined)
  t.equal(files.pair.cert, renewed.cert)
  t.notOk(files.isStale)
})

t.test('so are those that a link is turned to, as of mounted secrets', async (t) => {
  const folder = temporaryFolder('tls')
  const now = join(folder, 'now')
  const turnTo = ({ certPath }: Certificate) => {
    symlinkSync(join(certPath, '..'), `${now}-next`)
    renameSync(`${now}-next`, now)
  }
  turnTo(old)
  const { applied } = await watched(t, { certPath: join(now, 'cert.pem'), keyPath: join(now, 'key.pem') })
  turnTo(renewed)
  await eventually(() => applied.at(-1)?.cert === renewed.cert || undefined)
})

t.test('broken files leave the old pair in use, are told of once, and mended ones are taken', async (t) => {
  const at = place()
  const { files, applied, reports } = await watched(t, at)
  copyFileSync(renewed.certPath, at.certPath)
  await eventually(() => files.isStale || undefined)
  t.equal(files.pair.cert, old.cert)
  t.match(reports, [/do not serve together.* The certificate that was read before stays in use\.$/])
  rmSync(at.keyPath)
  await eventually(() => reports.length === 2 || undefined)
  t.match(reports[1], /TLS_KEY_FILE .* cannot be read \(ENOENT\)/)
  t.equal(applied.length, 0)
  copyFileSync(renewed.keyPath, at.keyPath)
  await eventually(() => applied.length === 1 || undefined)
  t.equal(files.pair.cert, renewed.cert)
  t.notOk(files.isStale)
  t.equal(reports.length, 2)
})

t.test('a server that does not take the pair is asked again', async (t) => {
  const at = place()
  const { files, applied, reports, refuse } = await watched(t, at)
  refuse(new Error('no'))
  install(renewed, at)
  await eventually(() => files.isStale || undefined)
  t.equal(files.pair.cert, old.cert)
  t.ok(reports.length > 0)
  refuse(undefined)
  await eventually(() => applied.length === 1 || undefined)
  t.notOk(files.isStale)
})
