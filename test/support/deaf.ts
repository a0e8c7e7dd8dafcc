import type { StoreEvents } from '../../src/store/ports/presence-store.js'

/** For a store of which nothing is to be heard. */
export const deaf: StoreEvents = { changed() {}, missed() {}, noted() {}, noticed() {}, reachable() {} }
