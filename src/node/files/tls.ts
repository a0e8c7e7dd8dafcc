/** This node's own TLS, on each thread that listens for clients. */
import type { Config } from '../../config/config.js'
import { TlsFiles, type TlsPair } from '../../net/tls-files.js'
import type { ThreadContext } from '../role.js'
import { threadName } from '../settings.js'

/** Undefined where the ports speak no TLS. Throws BAD_SETTING where the files do not serve. */
export async function tlsFilesOf(config: Config): Promise<TlsFiles | undefined> {
  const { tlsCertFile: certPath, tlsKeyFile: keyPath } = config
  return certPath === '' ? undefined : await TlsFiles.open({ certPath, keyPath })
}

/** From now on, put the pair into use whenever its files change, and report how that goes. */
export function renewTls(context: ThreadContext, files: TlsFiles, use: (pair: TlsPair) => void): void {
  const { log, meter } = context
  const thread = threadName(context)
  files.watch({
    apply: (pair) => {
      use(pair)
      log.info({ until: new Date(pair.endsMs).toISOString() }, 'the certificate was read again')
    },
    report: (reason) => log.warn({ reason }, 'cannot reload certificate files'),
  })
  meter.metrics.onSnapshot((report) => {
    report.level('tlsCertificateEnd', files.pair.endsMs / 1_000, { thread })
    report.level('tlsStale', files.isStale ? 1 : 0, { thread })
  })
}
