/** Says where the program lies, for tests and benchmarks that run parts of it in their own process. */
import { setEntry } from '../../src/files/entry.js'

setEntry(new URL('../../server/main.js', import.meta.url).href)
