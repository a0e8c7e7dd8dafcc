/** The settings table by room: one row an environment variable, with its type, default, range and meaning. */
import type { Setting } from './kinds.js'
import { clientsSettings } from './rows/clients.js'
import { loginsSettings } from './rows/logins.js'
import { messagesSettings } from './rows/messages.js'
import { networkSettings } from './rows/network.js'
import { peopleSettings } from './rows/people.js'
import { presenceSettings } from './rows/presence.js'
import { processSettings } from './rows/process.js'
import { redisSettings } from './rows/redis.js'
import { tokensSettings } from './rows/tokens.js'
import { watchesSettings } from './rows/watches.js'

/** The groups of settings, in the order of the documentation. */
export const settingGroups = [
  { title: 'Network', rows: networkSettings },
  { title: 'Redis', rows: redisSettings },
  { title: 'Tokens', rows: tokensSettings },
  { title: 'Logins', rows: loginsSettings },
  { title: 'Presence', rows: presenceSettings },
  { title: 'Watches', rows: watchesSettings },
  { title: 'Messages', rows: messagesSettings },
  { title: 'People', rows: peopleSettings },
  { title: 'Limits of clients', rows: clientsSettings },
  { title: 'The process', rows: processSettings },
] as const

export const settings = {
  ...networkSettings,
  ...redisSettings,
  ...tokensSettings,
  ...loginsSettings,
  ...presenceSettings,
  ...watchesSettings,
  ...messagesSettings,
  ...peopleSettings,
  ...clientsSettings,
  ...processSettings,
}

type Value<K extends keyof typeof settings> = (typeof settings)[K] extends Setting<infer T> ? T : never
/** As they were given, or absent. */
export type Values = { readonly [K in keyof typeof settings]: Value<K> }

/** Every setting, checked. Frozen and plain: it may be posted to other threads. */
export interface Config extends Values {
  /** No secret was given and none is needed: `authSecret` is empty until `withAuthSecret` puts one in. */
  readonly developmentMode: boolean
  /** Else the store is the embedded one, and no other node is there. */
  readonly usesRedis: boolean
  readonly servesMessages: boolean
  /** A user is registered with their first token. */
  readonly isOpenToAll: boolean
}
