/** What the deliveries of an io thread hear. */
import type { Delivery } from '../rules/messages/types.js'

/** Messages that are on disk, in the order of their numbers. message-writer → deliveries (io). */
export interface Deliver {
  kind: 'deliver'
  deliveries: Delivery[]
}

export type Command = Deliver
