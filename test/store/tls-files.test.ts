/** Certificates from files: used as they are now, or as they last were when they could be used. */
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { TlsOptions } from '../../src/store/redis/server/tls-files.js'
import { certificates, makeCertificates } from '../support/certificates.js'
import { temporaryFolder } from '../support/leftovers.js'

/** As the client does for each connection. */
const forConnection = (options: TlsOptions): object => Object.assign({}, options)
const nextTurn = () => new Promise((resolve) => setImmediate(resolve))

t.test('renewed files are used for the next connection; a pair that is half replaced is not', async (t) => {
  const folder = temporaryFolder('tls')
  const [old, renewed] = [certificates(), makeCertificates(temporaryFolder('certificates'))]
  const files = {
    caFile: join(folder, 'ca.pem'),
    certFile: join(folder, 'client.pem'),
    keyFile: join(folder, 'client.key'),
  }
  copyFileSync(old.ca, files.caFile)
  copyFileSync(old.clientCert, files.certFile)
  copyFileSync(old.clientKey, files.keyFile)
  const faults: string[] = []
  const options = new TlsOptions({ ...files, serverName: 'redis.test' }, (fault) => faults.push(fault))
  const text = (file: string) => readFileSync(file, 'utf8')
  const first = {
    servername: 'redis.test',
    ca: text(old.ca),
    cert: text(old.clientCert),
    key: text(old.clientKey),
  }
  t.same(forConnection(options), first)
  await nextTurn()

  copyFileSync(renewed.clientCert, files.certFile)
  t.same(forConnection(options), first, 'the key is not its own yet')
  t.match(faults, [/^REDIS_TLS_CA_FILE, REDIS_TLS_CERT_FILE, REDIS_TLS_KEY_FILE cannot be used for TLS/])
  await nextTurn()
  copyFileSync(renewed.clientKey, files.keyFile)
  const second = { ...first, cert: text(renewed.clientCert), key: text(renewed.clientKey) }
  t.same(forConnection(options), second)
  await nextTurn()

  writeFileSync(files.caFile, 'nothing of the kind')
  t.same(forConnection(options), second)
  t.equal(faults.length, 2)
})

t.test('without files the authorities of the system are trusted', async (t) => {
  const options = new TlsOptions({}, () => t.fail())
  t.same(
    Object.entries(forConnection(options)).filter(([, value]) => value !== undefined),
    [],
  )
})
