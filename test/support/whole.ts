/** A number from the command line: whole, 1 or more. Throws a RangeError that names the text. */
export function whole(text: string): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < 1) throw new RangeError(`${text} is no whole number from 1 on`)
  return value
}
