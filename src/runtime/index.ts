/** The actor runtime's public face. How to write an actor: README.md beside this file. */
export {
  type ActorDefinition,
  assertNever,
  type Context,
  defineActor,
  type Outcome,
  type Signal,
  type StopCause,
} from './actor.js'
export { type Environment, type Log, realEnvironment, silentLog } from './environment.js'
export { CodedError, hasCode, toWire, type WireError } from './errors.js'
export {
  type ActorId,
  type AnswerOf,
  NAMED_ACTORS,
  type Question,
  type QuestionOf,
  type Ref,
  type ReplyTo,
  refKey,
  refOfKey,
  refTo,
  type ThreadSlot,
} from './ref.js'
export { restartWithBackoff, type Supervision, stopOnFailure } from './supervision.js'
export { ActorSystem, type SystemStats } from './system.js'
