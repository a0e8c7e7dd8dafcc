/** The platforms: which kinds of devices exist, their names, and which of them log each other out. */
import type { PlatformId } from './types.js'

export interface PlatformRow {
  id: PlatformId
  /** OpenIM's name, part of its Redis keys (`UID_PID_TOKEN_STATUS:<userID>:<name>`). */
  name: string
  /** Platforms of one class are alternatives of each other in the multi-login policies. */
  class: string
}

/** As lists of platforms are kept, compared and told: distinct, ascending. */
export function distinct(platformIds: Iterable<PlatformId>): PlatformId[] {
  return [...new Set(platformIds)].sort((a, b) => a - b)
}

/** Ids beyond this are refused in a setting: they cross the wire as int32. */
const PLATFORM_ID_MAX = 2 ** 31 - 1

/**
 * The standard platforms and the operator's own. An own row with the id and the name of a standard one puts that one
 * in another class. Throws an Error when an id or a name is there twice.
 */
export class PlatformTable {
  readonly #byId = new Map<PlatformId, PlatformRow>()

  /** `standard`: OpenIM's, `OPENIM_PLATFORMS`. */
  constructor(standard: readonly PlatformRow[], own: readonly PlatformRow[] = []) {
    const isMoved = ({ id, name }: PlatformRow) => own.some((row) => row.id === id && row.name === name)
    const names = new Set<string>()
    for (const platform of [...standard.filter((row) => !isMoved(row)), ...own]) {
      if (this.#byId.has(platform.id)) throw new Error(`Platform id ${platform.id} is there twice.`)
      if (names.has(platform.name)) throw new Error(`Platform name ${platform.name} is there twice.`)
      this.#byId.set(platform.id, platform)
      names.add(platform.name)
    }
  }

  isKnown(id: PlatformId): boolean {
    return this.#byId.has(id)
  }

  /** Undefined for an unknown id. */
  nameOf(id: PlatformId): string | undefined {
    return this.#byId.get(id)?.name
  }

  /** Undefined for an unknown id. */
  classOf(id: PlatformId): string | undefined {
    return this.#byId.get(id)?.class
  }

  /** Every platform. */
  all(): PlatformRow[] {
    return [...this.#byId.values()]
  }
}

/**
 * Read platforms from a setting, `id:name:class` separated by commas: `12:Vision:Headset,13:Car:Car`. Spaces
 * around an entry and an empty text are fine. Throws an Error that names the entry and the form expected.
 */
export function parsePlatforms(setting: string): PlatformRow[] {
  const entries = setting.split(',').map((entry) => entry.trim())
  return entries.filter((entry) => entry !== '').map(parsePlatform)
}

function parsePlatform(entry: string): PlatformRow {
  const [, id, name, platformClass] = /^(\d+):([A-Za-z0-9_-]+):([A-Za-z0-9_-]+)$/.exec(entry) ?? []
  if (id === undefined || name === undefined || platformClass === undefined) {
    throw new Error(`Platform "${entry}" is not of the form id:name:class (letters, digits, - and _).`)
  }
  if (Number(id) < 1 || Number(id) > PLATFORM_ID_MAX) {
    throw new Error(`Platform "${entry}": the id must be between 1 and ${PLATFORM_ID_MAX}.`)
  }
  return { id: Number(id), name, class: platformClass }
}
