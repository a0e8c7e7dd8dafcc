/** Rules of this repository that no other tool checks. Which folder may import which: .dependency-cruiser.mjs. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

async function sources(): Promise<string[]> {
  const files = await Promise.all(
    ['src', 'actors'].map((dir) => readdir(join(ROOT, dir), { recursive: true })),
  )
  return ['src', 'actors'].flatMap((dir, at) =>
    files[at]!.filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts')).map((file) =>
      join(dir, file),
    ),
  )
}

t.test('rules ask for no clock, no chance and no input of their own', async (t) => {
  for (const file of (await sources()).filter((source) => source.startsWith('src/rules/'))) {
    const text = await readFile(join(ROOT, file), 'utf8')
    // A hash of what it is given is no input.
    const rest = text.replace(/import (\{ createHash \}|\* as crypto) from 'node:crypto'/, '')
    t.notMatch(
      rest,
      /Date\.now|performance\.|Math\.random|crypto\.random|setTimeout|setInterval|from 'node:/,
      file,
    )
  }
})

t.test('only the entry reads the environment, and only the settings its values', async (t) => {
  for (const file of await sources()) {
    const text = await readFile(join(ROOT, file), 'utf8')
    // uWebSockets.js can be told one of its limits in no other way than by a variable of its own.
    const read = text.replace('process.env.UWS_HTTP_MAX_HEADERS_SIZE ??=', '')
    if (file !== 'src/main.ts') t.notMatch(read, /process\.env/, file)
  }
})

t.test(
  'roles give their actors the settings that they name, never all of them with the secrets',
  async (t) => {
    const roles = (await sources()).filter((source) => source.startsWith('src/node/roles/'))
    t.ok(roles.length > 0)
    for (const file of roles) t.notMatch(await readFile(join(ROOT, file), 'utf8'), /\.\.\.config\b/, file)
  },
)

t.test('nobody asks URL.canParse, which is not to be believed in Node 20', async (t) => {
  for (const file of await sources()) {
    if (file !== 'src/net/parse-url.ts')
      t.notMatch(await readFile(join(ROOT, file), 'utf8'), /canParse/, file)
  }
})
