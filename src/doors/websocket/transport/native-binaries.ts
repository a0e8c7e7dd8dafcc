/**
 * The binaries of uWebSockets.js that are known here: which file serves which machine, and the SHA-256 that it must have.
 *
 * They parse every byte from the network inside this process, and their npm packages are one person's republication of
 * uNetworking's builds without provenance. npm checks a package when it is installed; this checks the file that is
 * about to be loaded. A machine that is not in the table uses the transport `ws`.
 *
 * What is known of the releases:
 * - 20.69.0 serves Node 22 and later. It needs glibc 2.38 (Debian 13, Ubuntu 24.04, RHEL 10).
 * - 20.51.4 serves Node 20, and Node 22 where glibc is older. After `cork` it may take an upgraded socket for an HTTP
 *   one and close it; only the first upgrade of a thread was ever seen to fail (`accept` in `uws-transport.ts`).
 *   uNetworking mended that in July 2026, in releases that no longer serve Node 20.
 */
export interface NativeBinary {
  /** The package as `optionalDependencies` of package.json names it. */
  package: string
  release: string
  platform: NodeJS.Platform
  arch: NodeJS.Architecture
  /** `process.versions.modules` of the Node line. */
  abi: string
  sha256: string
}

export const BINARY_FILE = 'uws.node'

/** In the order in which they are tried. */
export const NATIVE_BINARIES: readonly NativeBinary[] = [
  {
    package: 'uws-linux-x64-node24',
    release: '20.69.0',
    platform: 'linux',
    arch: 'x64',
    abi: '137',
    sha256: '177efdc682425d754474bd30f9586c487fa6694f790f3406a23885d0e61c07a0',
  },
  {
    package: 'uws-linux-x64-node22',
    release: '20.69.0',
    platform: 'linux',
    arch: 'x64',
    abi: '127',
    sha256: '34d235864db874fbf3aeafd48b63f6fb80f61fb584a86f1e5f7b0291dbd7a3d4',
  },
  {
    package: 'uws-linux-x64-node22-older',
    release: '20.51.4',
    platform: 'linux',
    arch: 'x64',
    abi: '127',
    sha256: 'f687e7c3666b5cca9d355184bbf07bb0550f5ba0d3ffd453248ccfec552dde6c',
  },
  {
    package: 'uws-linux-x64-node20',
    release: '20.51.4',
    platform: 'linux',
    arch: 'x64',
    abi: '115',
    sha256: '4d482084b665c225892917ee0e9b9572d89eaa6f3dc200ff5e536293d3456c89',
  },
]
