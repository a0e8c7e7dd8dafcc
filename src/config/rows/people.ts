/** Users and what they are to each other. */
import { choice, int } from '../kinds.js'

export const peopleSettings = {
  friendPolicy: choice({
    env: 'FRIEND_POLICY',
    default: 'ask',
    choices: ['ask', 'accept', 'refuse'],
    doc:
      'What becomes of a request for friendship: `ask` = who is asked decides; `accept` = they are friends at once; ' +
      '`refuse` = nobody may ask (error 1002), and administrators import friends.',
  }),
  groupMembersMax: int({
    env: 'GROUP_MEMBERS_MAX',
    default: 100_000,
    min: 2,
    max: 1_000_000,
    doc: 'How many members a group may have. A larger one stays as it is, and takes no more.',
  }),
  newMemberHistory: choice({
    env: 'NEW_MEMBER_HISTORY',
    default: 'all',
    choices: ['all', 'none'],
    doc: 'What a new member of a group may read of what was said before they came.',
  }),
}
