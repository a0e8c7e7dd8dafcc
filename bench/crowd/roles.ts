/** What a process of a crowd may be. */

/** Each brings `obey`, and is loaded only where it is played: some bring much with them. */
export const ROLES = {
  counting: () => import('./counting-role.js'),
  returning: () => import('./returning-role.js'),
  changing: () => import('./changing-role.js'),
  dialect: () => import('./dialect-role.js'),
}

export type RoleName = keyof typeof ROLES

/** What to answer at once, or when it is done; undefined = the role answers of itself, later. */
export type Obey<Order, Answer> = (order: Order) => Promise<Answer | undefined> | Answer | undefined
