/** What message-sync hears: messages on their way to other nodes, and from them. */
import type { Delivery } from '../rules/messages/types.js'
import type { Note } from './node/notes.js'

/**
 * Messages that are on disk: tell the other nodes where their receivers are. Answered by `MessageWriter.SpreadDone` once
 * all have confirmed. message-writer → message-sync.
 */
export interface Spread {
  kind: 'spread'
  /** Of the order in the outbox. */
  orderId: string
  deliveries: Delivery[]
}

/** What nodes say to each other about messages. */
export type MessageNote = Extract<Note, { kind: 'deliver' | 'delivered' }>

/** Another node says something about messages. cluster-sync → message-sync. */
export interface NodeMessage {
  kind: 'nodeMessage'
  note: MessageNote
}

/** The store serves again; records may be lost. Signal. cluster-sync → message-sync. */
export interface StoreBack {
  kind: 'storeBack'
}

export type Command = Spread | NodeMessage | StoreBack
