/** What a process of a crowd may be. */
import type { RoleName } from './crowd-process.js'

/** Each brings `obey`, and is loaded only where it is played: some bring much with them. */
export const ROLES: Record<RoleName, () => Promise<object>> = {
  counting: () => import('./counting-role.js'),
  returning: () => import('./returning-role.js'),
  changing: () => import('./changing-role.js'),
  messaging: () => import('./messaging-role.js'),
  dialect: () => import('./dialect-role.js'),
}

/** What to answer at once, or when it is done; undefined = the role answers of itself, later. */
export type Obey<Order, Answer> = (order: Order) => Promise<Answer | undefined> | Answer | undefined
