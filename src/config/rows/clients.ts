/** What one client, user or address may use of this node. */
import { int, MINUTE_MS, SECOND_MS } from '../kinds.js'

export const clientsSettings = {
  maxConnections: int({
    env: 'MAX_CONNECTIONS',
    default: 100_000,
    min: 1,
    max: 10_000_000,
    doc: 'Open connections of this node, at most.',
  }),
  maxConnectionsPerAddress: int({
    env: 'MAX_CONNECTIONS_PER_ADDRESS',
    default: 10_000,
    min: 1,
    max: 10_000_000,
    doc: 'Open connections from one address, at most. Behind proxies set TRUSTED_PROXIES.',
  }),
  addressPrefixV6: int({
    env: 'ADDRESS_PREFIX_V6',
    default: 64,
    min: 16,
    max: 128,
    doc: 'Limits for each address count IPv6 addresses with so many first bits in common as one.',
  }),
  messageBytesMax: int({
    env: 'MESSAGE_BYTES_MAX',
    default: 1_048_576,
    min: 1024,
    max: 134_217_728,
    doc:
      'Longest message from a client, as it comes; a longer one closes the connection with 1009. It must hold a list of ' +
      'WATCHES_PER_CONNECTION_MAX users in JSON: 88 bytes each, and 1,024.',
  }),
  inflatedBytesMax: int({
    env: 'INFLATED_BYTES_MAX',
    default: 1_048_576,
    min: 1024,
    max: 134_217_728,
    doc: 'Longest message after gunzip. At least MESSAGE_BYTES_MAX.',
  }),
  backpressureBytesMax: int({
    env: 'BACKPRESSURE_BYTES_MAX',
    default: 1_310_720,
    min: 16_384,
    max: 268_435_456,
    doc:
      'A client that reads so slowly that more than this waits for it is closed. It must hold the answer to a list of ' +
      'WATCHES_PER_CONNECTION_MAX users: 115 bytes each, and 1,024.',
  }),
  readTimeoutMs: int({
    env: 'READ_TIMEOUT_MS',
    default: 30 * SECOND_MS,
    min: SECOND_MS,
    max: 60 * MINUTE_MS,
    doc: 'A connection that says nothing for so long is taken for dead. Clients ping every 10 to 24 s.',
  }),
  requestsPerSMax: int({
    env: 'REQUESTS_PER_S_MAX',
    default: 100,
    min: 1,
    max: 1_000_000,
    doc:
      'Requests of one connection in a second, at most (error 1610 above). A request that unpacks to more than 16 KiB, ' +
      'or lists more than 100 users, counts as more: one for each.',
  }),
  requestsPerSPerUser: int({
    env: 'REQUESTS_PER_S_PER_USER',
    default: 500,
    min: 1,
    max: 10_000_000,
    doc: 'Requests of one user in a second, counted in the same way, over all their connections to this node.',
  }),
  apiConnectionsMax: int({
    env: 'API_CONNECTIONS_MAX',
    default: 2_048,
    min: 16,
    max: 1_000_000,
    doc:
      'Open connections to API_PORT, at most. When it is full, one that only waits is closed for each that comes: ' +
      'first of the address that has the most.',
  }),
  apiConnectionsPerAddressMax: int({
    env: 'API_CONNECTIONS_PER_ADDRESS_MAX',
    default: 1_024,
    min: 1,
    max: 1_000_000,
    doc: 'The same from one address; at most API_CONNECTIONS_MAX.',
  }),
  apiCallsPerSPerAddress: int({
    env: 'API_CALLS_PER_S_PER_ADDRESS',
    default: 1_000,
    min: 1,
    max: 1_000_000,
    doc:
      'Calls of REST from one address in a second (error 1610); each ten users that are asked about count as one ' +
      "more. Calls with an administrator's token do not count.",
  }),
  apiStatusesPerSPerUser: int({
    env: 'API_STATUSES_PER_S_PER_USER',
    default: 1_000,
    min: 1_000,
    max: 10_000_000,
    doc: 'Users whose status one user may ask for over REST in a second (error 1610). Administrators: without bound.',
  }),
}
