/** What is there of what peers need: packages of bench/peers/package.json, and programs of the system. */
import { accessSync, constants, existsSync, readFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Where the modules that are not compiled live, with the packages that they import; this file is in dist/. */
const HOME = new URL('../../../bench/peers/', import.meta.url)
/** Servers are there, where the PATH of a plain user does not lead. */
const SYSTEM_FOLDERS = ['/usr/sbin', '/usr/local/sbin', '/sbin']

export function peerModule(path: string): URL {
  return new URL(path, HOME)
}

/** Undefined when all of them are installed. */
export function missingPackages(...names: string[]): string | undefined {
  const missing = names.filter((name) => !existsSync(new URL(`node_modules/${name}/package.json`, HOME)))
  if (missing.length === 0) return undefined
  return `npm install --prefix ${fileURLToPath(HOME)} (missing: ${missing.join(', ')})`
}

/** Of an installed package. */
export function packageVersion(name: string): string {
  return (readJson(`node_modules/${name}/package.json`) as { version: string }).version
}

interface ProductPackage {
  version: string
}

/** Porchlight's own package.json. */
export function productPackage(): ProductPackage {
  return readJson('../../package.json') as ProductPackage
}

/** The program's path, of PATH or where servers are; undefined when it is not installed. */
export function programPath(name: string): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), ...SYSTEM_FOLDERS]
  return folders.map((folder) => join(folder, name)).find(isExecutable)
}

function readJson(path: string): unknown {
  return JSON.parse(readFileSync(new URL(path, HOME), 'utf8'))
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
