/** The fields that several kinds of notes have. */
import { USER_ID_BYTES_MAX } from '../../rules/user-id.js'
import {
  CONNECTION_ID_CHARACTERS_MAX,
  DIGEST_CHARACTERS_MAX,
  HOLDER_CHARACTERS_MAX,
  PLATFORMS_MAX,
} from './bounds.js'
import { list, number, text } from './shapes.js'

export const userId = text(USER_ID_BYTES_MAX)
export const holder = text(HOLDER_CHARACTERS_MAX)
export const connectionId = text(CONNECTION_ID_CHARACTERS_MAX)
export const digest = text(DIGEST_CHARACTERS_MAX)
export const platformIds = list(number(), PLATFORMS_MAX)
