import type { Config } from './settings.js'

/** What several settings must have in common. */
export interface Relation {
  of: readonly (keyof Config)[]
  holds(config: Config): boolean
  /** What is wrong where it does not hold. */
  sentence: string
}
