/** The named fields of an object: an actor gets the settings that it names, and never the secret beside them. */
export function pick<T extends object, const K extends keyof T>(from: T, ...names: K[]): Pick<T, K> {
  return Object.fromEntries(names.map((name) => [name, from[name]])) as Pick<T, K>
}
