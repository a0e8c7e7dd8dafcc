/** Where the node listens, through which proxies, and for which web pages. */
import { choice, host, int, networks, origins, path, WORKED_OUT } from '../kinds.js'

export const networkSettings = {
  wsPort: int({
    env: 'WS_PORT',
    default: 10_001,
    min: 0,
    max: 65_535,
    doc: 'Port of the WebSocket gateway; 0 = any free one.',
  }),
  apiPort: int({
    env: 'API_PORT',
    default: 10_002,
    min: 0,
    max: 65_535,
    doc: 'Port of REST; `/healthz` and `/readyz` are there too. 0 = any free one.',
  }),
  host: host({ env: 'HOST', default: '127.0.0.1', doc: 'Address that both ports listen on.' }),
  healthPort: int({
    env: 'HEALTH_PORT',
    defaultDoc: 'API_PORT + 1000; any free one where that is 0',
    absent: WORKED_OUT,
    min: 0,
    max: 65_535,
    doc: 'Port of health and metrics, which no client of the others can fill; 0 = any free one.',
  }),
  healthHost: host({
    env: 'HEALTH_HOST',
    default: '127.0.0.1',
    doc: 'Address that HEALTH_PORT listens on. It is for operators: do not open it to the internet.',
  }),
  transport: choice({
    env: 'TRANSPORT',
    default: 'auto',
    choices: ['auto', 'uws', 'ws'],
    doc: 'WebSocket server: `uws` is native and fast, `ws` portable; `auto` takes the native one where it loads.',
  }),
  tlsCertFile: path({
    env: 'TLS_CERT_FILE',
    defaultDoc: 'none: no TLS',
    doc:
      'File with the certificate (PEM, its chain below it) for WS_PORT and API_PORT, which then speak TLS (1.2 or ' +
      'later) only. Read again when it changes; open connections stay.',
  }),
  tlsKeyFile: path({
    env: 'TLS_KEY_FILE',
    defaultDoc: 'none',
    doc: 'File with the private key of TLS_CERT_FILE (PEM, without a password).',
  }),
  trustedProxies: networks({
    env: 'TRUSTED_PROXIES',
    doc:
      'Proxies before this node, on both ports. Only their headers about the client count: ' +
      'X-Forwarded-For and Forwarded, read from the right, and X-Forwarded-Host.',
  }),
  forwardedHeader: choice({
    env: 'FORWARDED_HEADER',
    default: 'auto',
    choices: ['auto', 'x-forwarded-for', 'forwarded', 'none'],
    doc:
      'The header that TRUSTED_PROXIES write; others are not read. `auto`: either of the two; where both come and ' +
      'differ, the proxy itself counts as the client.',
  }),
  proxyProtocol: choice({
    env: 'PROXY_PROTOCOL',
    default: 'off',
    choices: ['off', 'v1', 'v2'],
    doc:
      'PROXY protocol on WS_PORT. TRUSTED_PROXIES must begin every connection with it; handshakes from them without ' +
      'it, and from other addresses with it, are refused. `v1`, and either beside TLS, needs TRANSPORT `ws`.',
  }),
  allowedOrigins: origins({
    env: 'ALLOWED_ORIGINS',
    defaultDoc: 'same host, and loopback',
    doc: 'Origins of web pages that may connect and call REST besides. Clients without an Origin header are not browsers, and pass.',
  }),
}
