import { startClusterBackend } from '../support/store-backends.js'
import { conformance } from './suite.js'

conformance('a Redis Cluster of three masters', startClusterBackend)
