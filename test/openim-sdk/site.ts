/** The web site whose page runs `@openim/wasm-client-sdk`: the package's own files, laid out as its README says, and a page. */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Teardown } from '../support/node.js'

const HTML = `<!doctype html>
<link rel="icon" href="data:,">
<script src="/wasm_exec.js"></script>
<script type="module" src="/page.js"></script>
`
const TYPES: Record<string, string> = { '.js': 'text/javascript', '.wasm': 'application/wasm' }

const inPackage = (name: string) => new URL(name, import.meta.resolve('@openim/wasm-client-sdk'))

/** Where each path is; the SDK looks for its worker beside itself. */
const FILES: Record<string, URL> = {
  '/page.js': new URL('./wasm-page.js', import.meta.url),
  '/sdk/index.es.js': inPackage('index.es.js'),
  '/sdk/worker.js': inPackage('worker.js'),
  '/sdk/worker-legacy.js': inPackage('worker-legacy.js'),
  '/wasm_exec.js': inPackage('../assets/wasm_exec.js'),
  '/openIM.wasm': inPackage('../assets/openIM.wasm'),
  '/sql-wasm.wasm': inPackage('../assets/sql-wasm.wasm'),
}

export class Site {
  private constructor(private readonly port: number) {}

  /** On a free port, until the test ends. */
  static async start(test: Teardown): Promise<Site> {
    const files = new Map(
      Object.entries(FILES).map(([path, url]) => [
        path,
        { type: TYPES[extname(path)]!, bytes: readFileSync(fileURLToPath(url)) },
      ]),
    )
    files.set('/', { type: 'text/html', bytes: Buffer.from(HTML) })
    const server = createServer(({ url }, response) => {
      const file = files.get(`${url}`)
      if (file === undefined) response.writeHead(404).end()
      else response.writeHead(200, { 'Content-Type': file.type }).end(file.bytes)
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    test.teardown(() => {
      server.close()
      server.closeAllConnections()
    })
    return new Site((server.address() as AddressInfo).port)
  }

  /**
   * The site by one of its names. Browsers take every name below `localhost` for this machine and trust its pages with all
   * that an https page may do; Porchlight lets only pages of `localhost` itself in without asking.
   */
  origin(name: string): string {
    return `http://${name}.localhost:${this.port}`
  }
}
