/** How presence is recorded in the store, and how long records live. */
import { SHARDS_MAX } from '../../rules/placement.js'
import { flag, int, MINUTE_MS, SECOND_MS, text } from '../kinds.js'

export const presenceSettings = {
  nodeId: text({
    env: 'NODE_ID',
    defaultDoc: 'host name and WS_PORT',
    accepts: (id) => /^[A-Za-z0-9._-]{1,64}$/.test(id),
    expected: '1 to 64 letters, digits, `.`, `_` or `-`',
    doc: "This node's name in the store; unique in the cluster and better kept over a restart.",
  }),
  nodeLeaseMs: int({
    env: 'NODE_LEASE_MS',
    default: 10 * SECOND_MS,
    min: 1000,
    max: 10 * MINUTE_MS,
    doc: 'How long a node counts as alive without renewing its lease; renewed every third of it.',
  }),
  offlineGraceMs: int({
    env: 'OFFLINE_GRACE_MS',
    default: 5 * SECOND_MS,
    min: 0,
    max: 10 * MINUTE_MS,
    doc: 'How long a user whose connection ended without a goodbye is still shown online.',
  }),
  presenceTtlS: int({
    env: 'PRESENCE_TTL_S',
    defaultDoc: '`43200`, with OPENIM_COMPAT `1800`',
    min: 10,
    max: 86_400,
    doc:
      'How long a record lives in the store without renewal; renewed every third of it. Claims of a dead node are void ' +
      'when its lease has ended, but readers that know nothing of leases (OpenIM) see them for so long ' +
      'if no node is left to withdraw them.',
  }),
  watchTtlS: int({
    env: 'WATCH_TTL_S',
    default: 1800,
    min: 10,
    max: 86_400,
    doc:
      "How long a node's interest in a user lives in the store without renewal; renewed, and the user read again, " +
      'every third of it. If the message of a change was lost, the change is seen then at the latest.',
  }),
  presenceShards: int({
    env: 'PRESENCE_SHARDS',
    defaultDoc: '4 for each thread that has some',
    min: 1,
    max: SHARDS_MAX,
    doc:
      'Slices of users on this node; each has one writer, and batches of its own: more of them make batches smaller. ' +
      'At least one for each thread.',
  }),
  batchSize: int({
    env: 'BATCH_SIZE',
    default: 100,
    min: 1,
    max: 1000,
    doc: 'Users whose change is sent to the store in one call, at most.',
  }),
  mergeIntervalMs: int({
    env: 'MERGE_INTERVAL_MS',
    default: SECOND_MS,
    min: 1,
    max: MINUTE_MS,
    doc: 'No change waits longer than this for its batch.',
  }),
  openimCompat: flag({
    env: 'OPENIM_COMPAT',
    default: false,
    doc: "Share the Redis with OpenIM's own services: write and hear its `online_change` channel.",
  }),
}
