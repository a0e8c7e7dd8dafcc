/**
 * The shape of what crosses: one description that checks a value and is shown in docs/node-protocol.md. By hand, for
 * zod would cost the sync thread 10 MB of memory for the sake of a few small notes.
 */

export interface Shape<T> {
  is(value: unknown): value is T
  /** Its type and bounds, in words. */
  text: string
  /** What it means, where its name does not say so. */
  meaning?: string
  /** Of a record, or of the records of a list. */
  fields?: Field[]
  mayBeAbsent?: true
}

/** One line in the table of a kind. */
export interface Field {
  name: string
  text: string
  meaning: string
  mayBeAbsent: boolean
}

/** Every number that crosses is finite: versions, platforms, counts and times. */
export function isNumber(value: unknown): value is number {
  return Number.isFinite(value)
}

export function isNumbers(value: unknown): value is number[] {
  return Array.isArray(value) && value.every(isNumber)
}

export function isText(value: unknown): value is string {
  return typeof value === 'string'
}

export function number(): Shape<number> {
  return { is: isNumber, text: 'number' }
}

export function flag(): Shape<boolean> {
  return { is: (value) => typeof value === 'boolean', text: 'boolean' }
}

/** UTF-16 units, of which a text in UTF-8 never has more than bytes. */
export function text(charactersMax: number): Shape<string> {
  return {
    is: (value): value is string => isText(value) && value.length <= charactersMax,
    text: `text of at most ${charactersMax} characters`,
  }
}

export function bytes(bytesMax: number): Shape<Uint8Array> {
  return {
    is: (value): value is Uint8Array => value instanceof Uint8Array && value.length <= bytesMax,
    text: `at most ${bytesMax.toLocaleString('en')} bytes`,
  }
}

export function list<T>(element: Shape<T>, countMax: number): Shape<T[]> {
  const shape: Shape<T[]> = {
    is: (value): value is T[] =>
      Array.isArray(value) && value.length <= countMax && value.every((one) => element.is(one)),
    text: listText(countMax, element.text),
  }
  if (element.fields) shape.fields = element.fields.map((field) => ({ ...field, name: `[].${field.name}` }))
  return shape
}

export function listText(countMax: number, element: string): string {
  return `list of at most ${countMax.toLocaleString('en')}: ${element}`
}

export function optional<T>(shape: Shape<T>): Shape<T | undefined> {
  const { fields: _, ...rest } = shape
  return { ...rest, is: (value) => value === undefined || shape.is(value), mayBeAbsent: true }
}

/** A map with these fields. One more is a later release's, and no reason to refuse it. */
export function record<T extends object>(shapes: { [K in keyof T]-?: Shape<T[K]> }): Shape<T> {
  const entries = Object.entries<Shape<unknown>>(shapes)
  return {
    is: (value): value is T => {
      const map = value as Partial<Record<string, unknown>> | null | undefined
      return typeof map === 'object' && map !== null && entries.every(([name, shape]) => shape.is(map[name]))
    },
    text: 'map',
    fields: entries.flatMap(([name, shape]) => fieldsOf(name, shape)),
  }
}

/** The same with a meaning. */
export function means<T>(shape: Shape<T>, meaning: string): Shape<T> {
  return { ...shape, meaning }
}

export function field(name: string, text: string, meaning = '', mayBeAbsent = false): Field {
  return { name, text, meaning, mayBeAbsent }
}

function fieldsOf(name: string, shape: Shape<unknown>): Field[] {
  const { fields = [] } = shape
  const own = field(name, shape.text, shape.meaning, shape.mayBeAbsent)
  const inner = fields.map((field) => ({
    ...field,
    name: name + (field.name.startsWith('[') ? '' : '.') + field.name,
  }))
  return [own, ...inner]
}
