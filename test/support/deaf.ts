import type { StoreEvents } from '../../src/store/ports/store.js'

/** For a store of which nothing is to be heard. */
export const deaf: StoreEvents = {
  changed() {},
  changesMissed() {},
  nodeMessage() {},
  openimNotice() {},
  reachable() {},
}
