import { Keys } from '../../src/store/redis/keys.js'
import { aclRules } from '../../src/store/redis/server/rights.js'
import { startClusterBackend } from '../support/store-backends.js'
import { conformance } from './suite.js'

const PREFIX = 'staging:'
const rules = aclRules({ keys: new Keys(PREFIX), db: 0, isCluster: true, openimCompat: false })

conformance('a Redis Cluster, with the least rights and a prefix', () =>
  startClusterBackend({ guard: { rules } }, PREFIX),
)
