/**
 * Metrics: one table for the whole process, one registry a thread, one text for the scraper.
 *
 * Every thread makes all of them and counts its own part; `mergeSnapshots` adds the parts up. Hot code does not
 * call in here: it keeps plain numbers and reports them when a snapshot is taken (`onSnapshot`).
 */
import { AggregatorRegistry, Counter, Gauge, Histogram, type MetricObject, Registry } from 'prom-client'

interface Row {
  type: 'counter' | 'gauge' | 'histogram'
  name: string
  help: string
  labels: readonly string[]
  /** Upper bounds, for histograms. */
  buckets?: number[]
}

const counter = (name: string, help: string, ...labels: string[]) =>
  ({ type: 'counter', name: `porchlight_${name}`, help, labels }) as const
const gauge = (name: string, help: string, ...labels: string[]) =>
  ({ type: 'gauge', name: `porchlight_${name}`, help, labels }) as const
const histogram = (name: string, help: string, buckets: number[], ...labels: string[]) =>
  ({ type: 'histogram', name: `porchlight_${name}`, help, labels, buckets }) as const

/** From a fast local Redis to a fail-over; seconds. */
const FLUSH_BUCKETS_S = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/** From a call that asks nobody to a kick that waits for a silent node; seconds. */
const CALL_BUCKETS_S = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/** From a fast disk to one that stalls; seconds. */
const COMMIT_BUCKETS_S = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5]
const COMMIT_BUCKETS = [1, 2, 5, 10, 20, 50, 100]

const table = {
  // Gateway
  connections: gauge('connections', 'Open client connections.'),
  logins: counter('logins_total', 'Handshakes accepted.'),
  loginErrors: counter('login_errors_total', 'Handshakes refused, by error code (see Errors).', 'code'),
  handshakesMalformed: counter(
    'handshakes_malformed_total',
    'Handshakes answered 400, by reason: an ambiguous head, a PROXY header that is missing or untrusted.',
    'reason',
  ),
  requests: counter('requests_total', 'Requests from clients, by request identifier.', 'req'),
  requestErrors: counter(
    'request_errors_total',
    'Requests answered with an error, by code (see Errors).',
    'code',
  ),
  closes: counter('closes_total', 'Connections that ended, by reason.', 'reason'),
  turnedAway: counter(
    'connections_turned_away_total',
    'TCP connections to WS_PORT that were closed as they came: no descriptors left, or too many silent ones of an address.',
  ),
  overShare: counter(
    'over_share_total',
    'Requests refused and connections cut because a client passed a limit, by reason.',
    'reason',
  ),
  statusPushes: counter(
    'status_pushes_total',
    'Status changes published to watching clients, per io thread.',
  ),
  subscriptions: gauge('subscriptions', 'Users watched by clients, counted once a connection.'),
  // REST
  apiRequests: counter(
    'api_requests_total',
    'Calls of REST, by path and error code (0 = none).',
    'path',
    'code',
  ),
  apiSeconds: histogram(
    'api_seconds',
    'From the head of a call to its answer, by path.',
    CALL_BUCKETS_S,
    'path',
  ),
  apiConnections: gauge('api_connections', 'Open connections to API_PORT.'),
  apiConnectionsCut: counter(
    'api_connections_cut_total',
    'Connections to API_PORT that were closed at its limit: idle ones (yielded), new ones (refused).',
    'reason',
  ),
  audited: counter(
    'audit_lines_total',
    'Acts of administrators, and refused secrets and admin calls; of the latter the log shows a few for each address.',
    'kind',
  ),
  // Presence
  onlineUsers: gauge('online_users', 'Users that this node holds online.'),
  watchedUsers: gauge('watched_users', 'Users that somebody watches on this node.'),
  watchesLingering: gauge(
    'watches_lingering',
    'Users whose last watcher may have left, per io thread; checked within 10 s.',
  ),
  watchesWaiting: gauge('watches_waiting', 'Users whose first answer from the store is awaited.'),
  assertionsWaiting: gauge('assertions_waiting', 'Users whose state has still to be sent to the store.'),
  antiEntropyFinds: counter(
    'anti_entropy_finds_total',
    'Changes that a renewal of watches found, and no message had told. Healthy: none.',
  ),
  assertions: counter('assertions_total', 'Users whose state was sent to the store, renewals included.'),
  assertionErrors: counter('assertion_errors_total', 'Assertions that the store did not take; sent again.'),
  assertFlushSeconds: histogram(
    'assert_flush_seconds',
    'From sending a batch of assertions to its outcome.',
    FLUSH_BUCKETS_S,
  ),
  changesHeard: counter('changes_heard_total', 'Changes of watched users heard from other nodes.'),
  evictionsSent: counter('evictions_sent_total', 'Evictions sent to other nodes, those sent again included.'),
  tokenLookups: counter('token_lookups_total', 'Tokens whose state the store was asked for.'),
  uncheckedLogins: counter(
    'unchecked_logins_total',
    'Logins accepted while the store was out of reach (AUTH_WHEN_STORE_DOWN=allow).',
  ),
  changesMissed: counter('gaps_total', 'Times that changes may have been lost and were read again.'),
  nodesLost: counter('nodes_lost_total', 'Other nodes that died; their claims are void from then on.'),
  usersSwept: counter('users_swept_total', 'Users whose records of a dead node were withdrawn by this one.'),
  storeDiscards: counter(
    'store_discards_total',
    'Keys that the store evicted for want of memory; everything was asserted again. Give it more memory.',
  ),
  storeDownSeconds: gauge(
    'store_down_seconds',
    'How long the store has been out of reach, or has taken no writes; 0 while it serves.',
  ),
  storeUp: gauge('store_up', '1 while the store answers and takes writes, else 0.'),
  channelUp: gauge(
    'channel_up',
    '1 while this node hears what it says on its own channel, and so what other nodes say; else 0.',
  ),
  // Messages
  messagesSent: counter('messages_sent_total', 'Messages that were taken: stored, or only pushed.'),
  messagesRepeated: counter(
    'messages_repeated_total',
    'Messages that had come before, and were answered with their first ID and time.',
  ),
  messagesRefused: counter('messages_refused_total', 'Messages refused, by error code (see Errors).', 'code'),
  checkChanges: counter(
    'check_changes_total',
    'Messages of users that a check changed before they were stored, by check.',
    'check',
  ),
  checkRefusals: counter(
    'check_refusals_total',
    'Messages of users that a check refused, by check.',
    'check',
  ),
  wordListStale: gauge(
    'word_list_stale',
    '1 while WORD_FILTER_FILE has changed and cannot be used as it is, else 0, by thread.',
    'thread',
  ),
  commitSeconds: histogram(
    'commit_seconds',
    'From the start of a transaction with messages until it is on disk.',
    COMMIT_BUCKETS_S,
  ),
  commitsLost: counter(
    'commits_lost_total',
    'Transactions whose commit was not answered, by what a look has shown: found done, repeated, or unknown in time.',
    'outcome',
  ),
  rowsWentBack: counter(
    'rows_went_back_total',
    'Conversations and lists that the database knew with lower numbers than this node has given: it has lost commits.',
  ),
  databaseClockOffset: gauge(
    'database_clock_offset_seconds',
    'How far the clock of the database, which times messages, is ahead of that of this machine.',
  ),
  databaseClockError: gauge(
    'database_clock_error_seconds',
    'By how much that may be wrong: half of the round trip in which it was measured.',
  ),
  commitMessages: histogram('commit_messages', 'Messages that share a transaction.', COMMIT_BUCKETS),
  messagesExpired: counter(
    'messages_expired_total',
    'Messages deleted because they were older than RETENTION_DAYS, or their conversation was cleared for all.',
  ),
  destructs: counter(
    'destructs_total',
    'Times that messages of a conversation vanished for a user, after the time that the user had set.',
  ),
  housekeepingSeconds: histogram(
    'housekeeping_seconds',
    'How long the writer was busy with a slice of such a job, until it was on disk.',
    COMMIT_BUCKETS_S,
  ),
  messagesRetold: counter(
    'messages_retold_total',
    'Messages told to another node again, because it had not confirmed them.',
  ),
  messagesUnreached: counter(
    'messages_unreached_total',
    'Messages that another node did not confirm, or whose receivers could not be located; they are found by number.',
  ),
  messagesHeld: gauge(
    'messages_held',
    'Conversations whose messages wait for an earlier one, per io thread.',
  ),
  messagePushes: counter('message_pushes_total', 'Messages given to sockets.'),
  messagesMissed: counter(
    'messages_missed_total',
    'Times that messages did not come to an io thread, which then read them from the database.',
  ),
  messageReads: counter('message_reads_total', 'Requests that were answered by reading the database.'),
  // Runtime
  actors: gauge('actors', 'Living actors.'),
  mailboxMessages: gauge('mailbox_messages', 'Messages that wait in mailboxes.'),
  deadLetters: counter('dead_letters_total', 'Messages that no actor took, by reason.', 'reason'),
  actorFailures: counter('actor_failures_total', 'Actors that threw and were restarted, by kind.', 'kind'),
  linkBytes: counter('link_bytes_total', 'Bytes sent over links between threads.'),
  linkBatches: counter('link_batches_total', 'Batches sent over links between threads.'),
  linkHeld: gauge('link_held', 'Messages that wait for credit of a link.'),
  // The process
  descriptorsOpen: gauge('descriptors_open', 'File descriptors that the process has open.'),
  descriptorsMax: gauge('descriptors_max', 'File descriptors that the process may have open.'),
  // Threads
  threadRestarts: counter(
    'thread_restarts_total',
    'Threads that died and were hosted anew, by role.',
    'role',
  ),
  eventLoopLagSeconds: gauge(
    'event_loop_lag_seconds',
    'How late the event loop ran at worst since the scrape before the last, by thread.',
    'thread',
  ),
  eventLoopActiveSeconds: counter(
    'event_loop_active_seconds_total',
    'How long the event loop was busy, by thread: its rate nears 1 when the thread is at its limit.',
    'thread',
  ),
  threadSilentSeconds: gauge(
    'thread_silent_seconds',
    'How long a thread has not answered the main thread; 0 while it answers. It rises when a thread hangs.',
    'thread',
  ),
  logLinesDropped: counter(
    'log_lines_dropped_total',
    'Log lines dropped because standard output was not read or could not be written, by thread.',
    'thread',
  ),
  tlsCertificateEnd: gauge(
    'tls_certificate_end_timestamp_seconds',
    'Until when the certificate in use is good, Unix time, by thread.',
    'thread',
  ),
  tlsStale: gauge(
    'tls_stale',
    '1 while the certificate files have changed and cannot be used as they are, else 0, by thread.',
    'thread',
  ),
  heapBytes: gauge('heap_bytes', 'JavaScript heap in use, by thread.', 'thread'),
} as const satisfies Record<string, Row>

type Table = typeof table
export type MetricName = keyof Table
type OfType<T> = { [N in MetricName]: Table[N]['type'] extends T ? N : never }[MetricName]
type Instance<T> = T extends 'counter' ? Counter : T extends 'gauge' ? Gauge : Histogram

export type Labels = Readonly<Record<string, string | number>>

/** What one thread counted: plain data that may cross threads. */
export type MetricsSnapshot = MetricObject[]

/** Where a hook puts its numbers. Several hooks may report the same metric: their numbers add up. */
export interface Report {
  /** A number that only grows while its owner lives. A smaller one than before means a new owner, from 0. */
  total(name: OfType<'counter'>, value: number, labels?: Labels): void
  /** A number as it stands now. */
  level(name: OfType<'gauge'>, value: number, labels?: Labels): void
}

export interface Metrics {
  /** For events that are rare: `all.threadRestarts.inc({ role: 'io' })`. */
  readonly all: { readonly [N in MetricName]: Instance<Table[N]['type']> }
  /** Call `hook` whenever a snapshot is taken. Returns how to end that; totals reported so far stay counted. */
  onSnapshot(hook: (report: Report) => void): () => void
  snapshot(): Promise<MetricsSnapshot>
}

/** Every metric of the table, in a registry of this thread's own. */
export function createMetrics(): Metrics {
  const registry = new Registry()
  const all = Object.fromEntries(
    Object.entries<Row>(table).map(([key, row]) => [key, create(row, registry)]),
  ) as unknown as Metrics['all']
  const reporters = new Set<() => void>()
  const reported = new Set<Gauge>()

  function report(hook: (report: Report) => void): () => void {
    const before = new Map<string, number>()
    return () =>
      hook({
        total(name, value, labels = {}) {
          const key = `${name} ${JSON.stringify(labels)}`
          const last = before.get(key) ?? 0
          all[name].inc(labels, value < last ? value : value - last)
          before.set(key, value)
        },
        level(name, value, labels = {}) {
          reported.add(all[name])
          all[name].inc(labels, value)
        },
      })
  }

  return {
    all,
    onSnapshot(hook) {
      const reporter = report(hook)
      reporters.add(reporter)
      return () => reporters.delete(reporter)
    },
    snapshot() {
      // Levels are summed anew each time; what a stopped hook reported last goes with it.
      for (const gauge of reported) gauge.reset()
      for (const reporter of reporters) reporter()
      return registry.getMetricsAsJSON()
    },
  }
}

function create({ type, name, help, labels, buckets }: Row, registry: Registry): Counter | Gauge | Histogram {
  const common = { name, help, labelNames: labels, registers: [registry] }
  if (type === 'counter') return new Counter(common)
  if (type === 'gauge') return new Gauge(common)
  return new Histogram({ ...common, buckets })
}

/** The threads' snapshots as one Prometheus text: counters, gauges and histograms add up. */
export async function mergeSnapshots(
  snapshots: readonly MetricsSnapshot[],
): Promise<{ contentType: string; body: string }> {
  const registry = AggregatorRegistry.aggregate([...snapshots])
  return { contentType: registry.contentType, body: await registry.metrics() }
}

/** The metrics as a Markdown table, in the order of the rows. */
export function metricsTable(): string {
  const lines = Object.values<Row>(table).map(({ name, type, labels, help }) => {
    const shown = labels.length > 0 ? `${name}{${labels.join(',')}}` : name
    return `| \`${shown}\` | ${type} | ${help} |`
  })
  return ['| Metric | Type | Meaning |', '| --- | --- | --- |', ...lines].join('\n')
}
