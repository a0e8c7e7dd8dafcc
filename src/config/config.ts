/**
 * Loads and checks every setting. Nothing else reads values of the environment.
 *
 * Blanks around a value do not count, and an empty variable counts as unset, as in most compose files. Every name may
 * be written with the prefix PORCHLIGHT_, and a secret may be in a file (`given-values.ts`).
 */
import { BadSettingError } from '../errors/errors.js'
import { type Machine, thisMachine, withDefaults } from './defaults.js'
import { type Env, type Given, givenValue } from './given-values.js'
import type { Setting } from './kinds.js'
import { relations } from './relations.js'
import { type Config, settings, type Values } from './settings.js'

export type { Config } from './settings.js'

/**
 * Check every setting and every relation between them.
 * Throws BadSettingError, whose message has a line for each fault; no line repeats a secret. `ignored` hears of values
 * that are taken for another program's.
 */
export function loadConfig(
  env: Env,
  machine: Machine = thisMachine(),
  ignored: (note: string) => void = () => {},
): Config {
  const { values, faults } = readRows(env, machine.hostname, ignored)
  const config = withDefaults(values, machine, env.NODE_ENV)
  // A relation says nothing while one of its sides is at fault itself.
  const broken = relations.filter(({ of, holds }) => !of.some((name) => faults.has(name)) && !holds(config))
  const lines = [...faults.values(), ...broken.map(({ sentence }) => sentence)]
  if (lines.length > 0) throw new BadSettingError(lines.join('\n'))
  return deepFreeze(config)
}

function readRows(env: Env, hostname: string, ignored: (note: string) => void) {
  const values: Record<string, unknown> = {}
  const faults = new Map<string, string>()
  for (const [name, row] of Object.entries<Setting<unknown>>(settings)) {
    const given = givenValue(env, row, hostname, ignored)
    values[name] = row.absent
    if (given.fault !== undefined) faults.set(name, given.fault)
    const value = given.value ?? row.default
    if (value === undefined) continue
    const parsed = row.schema.safeParse(value)
    if (parsed.success) values[name] = parsed.data
    else faults.set(name, describeFault(row, given, value, parsed.error.issues[0]?.message))
  }
  // Each row's own schema made its value, or its own kind the value for an absent one.
  return { values: values as unknown as Values, faults }
}

/** Where the gateway listens: the setting of each port, its address, and the port. */
export function portsOf(config: Config): [setting: string, host: string, port: number][] {
  return [
    [settings.wsPort.env, config.host, config.wsPort],
    [settings.apiPort.env, config.host, config.apiPort],
    [settings.healthPort.env, config.healthHost, config.healthPort],
  ]
}

/** The same settings with a signing secret: how development mode's own secret gets in. */
export function withAuthSecret(config: Config, authSecret: string): Config {
  return deepFreeze({ ...config, authSecret })
}

function describeFault(
  row: Setting<unknown>,
  { name }: Given,
  value: string,
  reason: string | undefined,
): string {
  const shown = value.length > 60 ? `${value.slice(0, 60)}...` : value
  const isWhat = row.secret ? `is refused (${reason})` : `is ${JSON.stringify(shown)}`
  return `${name} ${isWhat}; expected ${row.expected}.`
}

function deepFreeze<T extends object>(value: T): T {
  for (const part of Object.values(value)) if (typeof part === 'object' && part !== null) deepFreeze(part)
  return Object.freeze(value)
}
