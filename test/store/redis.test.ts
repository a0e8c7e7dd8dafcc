import { startRedisBackend } from '../support/store-backends.js'
import { conformance } from './suite.js'

conformance('one Redis server', startRedisBackend)
