/** What a peer is to the questions: a server of some nodes, its accounts, and how its clients speak. */
import type { Scope } from '../support/scope.js'

/** How a client of the generator speaks; see clients/. */
export type Dialect = 'porchlight' | 'raw' | 'socket-io' | 'socketcluster' | 'mqtt' | 'xmpp'

/** A user that logs in, and the users that they watch. */
export interface Person {
  userId: string
  watches: string[]
}

/** With what: a signed token or a password; '' = the peer asks for nothing. */
export interface Account extends Person {
  secret: string
}

export interface RunningPeer {
  /** One for each node: where clients come, loopback. */
  ports: number[]
  /** Of the server, all nodes; children of these processes are counted by whoever starts them. */
  pids: number[]
  /** Of the store, where it is another process. */
  storePid?: number
  /** Make it know these people, and what they watch where the server keeps that. Once for each. */
  enroll(people: readonly Person[]): Promise<Account[]>
}

export interface Peer {
  /** As `--peer` names it. */
  key: string
  /** As figures name it. */
  name: string
  dialect: Dialect
  /** More than this many nodes do not share their users, or not as this bench starts them. */
  nodesMax: number
  /** Whether Porchlight is to be ahead by three times or more. */
  isToBeLed: boolean
  /** What to do before it can run here; undefined = it can. */
  missing(): string | undefined
  /** Of what is installed. */
  version(): string
  start(scope: Scope, nodes: number): Promise<RunningPeer>
}
