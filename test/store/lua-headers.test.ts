/** A script is a file of a name `verb-noun-<keys>.lua` that says what goes in and what comes out. */
import { readdirSync, readFileSync } from 'node:fs'
import t from 'tap'

const folder = new URL('../../src/store/redis/scripts/', import.meta.url)
const files = readdirSync(folder).filter((file) => file.endsWith('.lua'))
const includes = readdirSync(new URL('include/', folder)).filter((file) => file.endsWith('.lua'))

t.ok(files.length > 0)

for (const file of files) {
  t.test(`${file} opens with its flags, purpose, keys, arguments and result`, async (t) => {
    const lines = readFileSync(new URL(file, folder), 'utf8').split('\n')
    t.match(lines[0], /^#!lua( flags=[a-z,-]+)?$/)
    const header = lines.slice(1, lines.indexOf('')).join('\n')
    t.match(header, /^-- [A-Z].*[.,:]?$/m, 'purpose')
    t.match(header, /^-- KEYS/m)
    t.match(header, /^-- ARGV/m)
    t.match(header, /^-- Returns {2}/m)
    const keyCount = /-(n|\d+)\.lua$/.exec(file)?.[1]
    t.ok(keyCount, 'the name ends with the number of keys')
    if (keyCount !== 'n' && keyCount !== '0') t.match(header, `KEYS[${keyCount}]`)
  })

  t.test(`${file} uses no argument that its header does not name`, async (t) => {
    const text = readFileSync(new URL(file, folder), 'utf8')
    const [header = '', ...body] = text.split('\n\n')
    const open = Number(/ARGV\[(\d+)\.\.\]/.exec(header)?.[1] ?? Number.POSITIVE_INFINITY)
    const used = [...body.join('\n\n').matchAll(/ARGV\[(\d+)\]/g)].map(([, place]) => Number(place))
    const unnamed = used.filter((place) => place < open && !header.includes(`ARGV[${place}]`))
    t.same(unnamed, [])
  })

  t.test(`${file} includes only what there is`, async (t) => {
    const text = readFileSync(new URL(file, folder), 'utf8')
    for (const [, name] of text.matchAll(/^-- @include (\S+)$/gm))
      t.ok(includes.includes(`${name}.lua`), name)
  })
}

for (const file of includes) {
  t.test(`include ${file} says what it is for`, async (t) => {
    t.match(readFileSync(new URL(`include/${file}`, folder), 'utf8'), /^-- [A-Z]/)
  })
}
