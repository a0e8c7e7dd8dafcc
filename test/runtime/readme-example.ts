/** The example of src/runtime/README.md. Its parts are quoted there word for word; `readme.test.ts` compares. */
// #region definition
import {
  assertNever,
  type Context,
  defineActor,
  type Outcome,
  type Question,
  type Ref,
} from '../../src/runtime/index.js'

/** What a weather station answers: degrees Celsius, expected in an hour. */
export interface Forecast extends Question<number> {
  kind: 'forecast'
}

/** Told: how warm the room is. */
export interface Reading {
  kind: 'reading'
  celsius: number
}

/** Asked: is the heating on? */
export interface IsHeating extends Question<boolean> {
  kind: 'isHeating'
}

/** What a heater hears. */
export interface Switch {
  kind: 'switch'
  on: boolean
}

export type Command = Reading | IsHeating

type Private = { kind: 'lookDue' } | { kind: 'forecastHeard'; outcome: Outcome<number> }

export interface Args {
  weather: Ref<Forecast>
  heater: Ref<Switch>
  wantedCelsius: number
}

interface State extends Args {
  isHeating: boolean
}

type Ctx = Context<Command | Private>

const LOOK_MS = 600_000
const FORECAST_DEADLINE_MS = 2_000
const WARM_OUTSIDE_CELSIUS = 18

export const thermostat = defineActor<Command | Private, State, Args>({ kind: 'thermostat', start, receive })

function start(ctx: Ctx, args: Args): State {
  ctx.every('look', LOOK_MS, { kind: 'lookDue' })
  return { ...args, isHeating: false }
}

function receive(ctx: Ctx, state: State, message: Command | Private): void {
  switch (message.kind) {
    case 'reading':
      return heat(ctx, state, message.celsius < state.wantedCelsius)
    case 'isHeating':
      return ctx.reply(ctx.asker(message), state.isHeating)
    case 'lookDue':
      return ctx.ask(state.weather, { kind: 'forecast' }, FORECAST_DEADLINE_MS, (outcome) => ({
        kind: 'forecastHeard',
        outcome,
      }))
    case 'forecastHeard':
      return onForecastHeard(ctx, state, message.outcome)
    default:
      assertNever(message)
  }
}

function onForecastHeard(ctx: Ctx, state: State, outcome: Outcome<number>): void {
  if (!outcome.ok) ctx.log.warn({ code: outcome.error.code }, 'no forecast')
  else if (outcome.value >= WARM_OUTSIDE_CELSIUS) heat(ctx, state, false)
}

function heat(ctx: Ctx, state: State, on: boolean): void {
  if (on === state.isHeating) return
  state.isHeating = on
  ctx.tell(state.heater, { kind: 'switch', on })
}

// #endregion

// #region spawn
import { ActorSystem, realEnvironment, silentLog } from '../../src/runtime/index.js'

/** A thread's actors; here the only thread. Returns whether the heating is on after one cold reading. */
export async function run(weather: Ref<Forecast>, heater: Ref<Switch>): Promise<boolean> {
  const system = new ActorSystem({ thread: 0, incarnation: 0, environment: realEnvironment, log: silentLog })
  const room = system.spawn(thermostat, { weather, heater, wantedCelsius: 21 })
  system.tell(room, { kind: 'reading', celsius: 17 })
  const isHeating = await system.ask(room, { kind: 'isHeating' }, 1_000)
  system.close()
  return isHeating
}

// #endregion

// #region test
import t from 'tap'
import { spawnProbe } from '../../src/runtime/testkit/probe.js'
import { World } from '../../src/runtime/testkit/world.js'

t.test('a warm forecast turns the heating off', async (t) => {
  const world = new World({ seed: 1, linkDelayMs: () => 5 })
  const [here, there] = [world.system(0), world.system(1)]
  world.link(here, there)
  const heater = spawnProbe<Switch>(here)
  const weather = spawnProbe<Forecast>(there)
  const room = here.spawn(thermostat, { weather: weather.ref, heater: heater.ref, wantedCelsius: 21 })

  here.tell(room, { kind: 'reading', celsius: 17 })
  world.advance(600_005)
  there.answer(weather.lastReplyTo()!, true, 25)
  world.advance(5)

  t.same(heater.heard, [
    { kind: 'switch', on: true },
    { kind: 'switch', on: false },
  ])
})
// #endregion
