/** Users and what they are to each other. */
import { choice } from '../kinds.js'

export const peopleSettings = {
  friendPolicy: choice({
    env: 'FRIEND_POLICY',
    default: 'ask',
    choices: ['ask', 'accept', 'refuse'],
    doc:
      'What becomes of a request for friendship: `ask` = who is asked decides; `accept` = they are friends at once; ' +
      '`refuse` = nobody may ask (error 1002), and administrators import friends.',
  }),
}
