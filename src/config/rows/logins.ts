/** Which logins may come in, and which stay. */
import { OPENIM_PLATFORMS } from '../../openim/platforms.js'
import { PlatformTable, parsePlatforms } from '../../rules/platforms.js'
import { choice, int, MINUTE_MS, SECOND_MS, text } from '../kinds.js'

export const loginsSettings = {
  loginPolicy: choice({
    env: 'LOGIN_POLICY',
    default: '1',
    choices: ['0', '1', '4', '5'],
    doc:
      "Which logins of one user conflict, by OpenIM's numbers: `0` none, `1` those on the same platform, `4` those " +
      'of the same class, `5` all but PCs.',
  }),
  loginConflict: choice({
    env: 'LOGIN_CONFLICT',
    default: 'kick-old',
    choices: ['kick-old', 'refuse-new'],
    doc: 'Which login ends when two conflict: the old one (`kick-old`, as OpenIM does) or the new one (`refuse-new`, error 1613).',
  }),
  platforms: text({
    env: 'PLATFORMS',
    defaultDoc: 'none',
    accepts: arePlatforms,
    expected: '`id:Name:Class,...`, for example `12:Vision:Headset,8:APad:Mobile`',
    doc: "Platforms beside OpenIM's eleven, and those of OpenIM's that belong to another class here.",
  }),
  maxConnectionsPerUser: int({
    env: 'MAX_CONNECTIONS_PER_USER',
    default: 0,
    min: 0,
    max: 100_000,
    doc: 'Connections of one user in the cluster, each tab of a browser too; a login above it is refused (error 1614). 0 = no cap.',
  }),
  maxConnectionsPerUserPlatform: int({
    env: 'MAX_CONNECTIONS_PER_USER_PLATFORM',
    default: 0,
    min: 0,
    max: 100_000,
    doc: 'The same for one platform of one user.',
  }),
  loginsPerMinPerUser: int({
    env: 'LOGINS_PER_MIN_PER_USER',
    default: 120,
    min: 1,
    max: 1_000_000,
    doc: 'Logins of one user on this node within a minute; above it the client is told when to retry (error 1612).',
  }),
  loginsPerMinPerAddress: int({
    env: 'LOGINS_PER_MIN_PER_ADDRESS',
    default: 60_000,
    min: 1,
    max: 10_000_000,
    doc: 'The same for handshakes from one address, good and bad.',
  }),
  handshakesPerSMax: int({
    env: 'HANDSHAKES_PER_S_MAX',
    default: 5000,
    min: 1,
    max: 1_000_000,
    doc: 'Handshakes that this node accepts in a second; more get an error that says when to retry.',
  }),
  handshakeTimeoutMs: int({
    env: 'HANDSHAKE_TIMEOUT_MS',
    default: 10 * SECOND_MS,
    min: 100,
    max: 5 * MINUTE_MS,
    doc: 'A handshake that takes longer is refused.',
  }),
}

function arePlatforms(text: string): boolean {
  try {
    new PlatformTable(OPENIM_PLATFORMS, parsePlatforms(text))
    return true
  } catch {
    return false
  }
}
