/**
 * The page of one WasmUser, as an app has it: it loads one `@openim/wasm-client-sdk`, carries out the calls that the test
 * evaluates in it, and reports events.
 */
import type { CallbackEvent } from '@openim/client-sdk'
import type { Refusal } from './sdk-user.js'

/** What a call of `sdkCall` resolves with, as JSON. */
export interface PageAnswer {
  data?: unknown
  refusal?: Refusal
}

/** The SDK is loaded, and may still be compiling its core. */
export type PageReport = { kind: 'ready' } | { kind: 'event'; event: CallbackEvent<unknown> }

/** Calls by their names. */
type Calls = Record<string, (...args: unknown[]) => Promise<{ data: unknown }>>
/** Takes every event alike. */
interface Events {
  on(name: string, listener: (event: CallbackEvent<unknown>) => void): void
}
interface Sdk {
  getSDK(config: { debug: boolean }): Calls & Events
  CbEvents: Record<string, string>
}

/** Made by the browser. */
declare function report(text: string): void
const tell = (one: PageReport) => report(JSON.stringify(one))

// TypeScript does not find the package's types: in its exports they stand behind the file that has none.
const path = '/sdk/index.es.js'
const { getSDK, CbEvents } = (await import(path)) as Sdk
const sdk = getSDK({ debug: false })
for (const name of Object.values(CbEvents)) sdk.on(name, (event) => tell({ kind: 'event', event }))

async function sdkCall(call: string, args: unknown[]): Promise<PageAnswer> {
  try {
    const { data } = await sdk[call]!(...args)
    return { data }
  } catch (error) {
    // The SDK rejects with the result object, not with an Error.
    const { errCode = 0, errMsg = String(error) } = error as Partial<Refusal>
    return { refusal: { errCode, errMsg } }
  }
}

Object.assign(globalThis, {
  sdkCall: async (call: string, args: unknown[]) => JSON.stringify(await sdkCall(call, args)),
})
tell({ kind: 'ready' })
