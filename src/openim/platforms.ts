/** OpenIM's platforms: the classes of devices that it knows. */
import type { PlatformRow } from '../rules/platforms.js'

/** Platform numbers by the names that OpenIM gives them; the names are part of its Redis keys. */
export const Platform = {
  IOS: 1,
  Android: 2,
  Windows: 3,
  OSX: 4,
  Web: 5,
  MiniWeb: 6,
  Linux: 7,
  APad: 8,
  IPad: 9,
  /** Of administrators: users have no tokens for it. */
  Admin: 10,
  HarmonyOS: 11,
} as const

/** Platforms of one class are alternatives of each other in OpenIM's multi-login policies. */
const CLASSES: Record<keyof typeof Platform, string> = {
  IOS: 'Mobile',
  Android: 'Mobile',
  Windows: 'PC',
  OSX: 'PC',
  Web: 'Web',
  MiniWeb: 'MiniWeb',
  Linux: 'PC',
  APad: 'Pad',
  IPad: 'Pad',
  Admin: 'Admin',
  HarmonyOS: 'HarmonyOS',
}

/** OpenIM's own table. */
export const OPENIM_PLATFORMS: readonly PlatformRow[] = Object.entries(CLASSES).map(
  ([name, platformClass]) => ({
    id: Platform[name as keyof typeof Platform],
    name,
    class: platformClass,
  }),
)
