/** Friends, requests for friendship and black lists over REST. */
import { z } from 'zod'
import type { Route } from '../route.js'
import {
  countField,
  hashedBody,
  idField,
  idsField,
  knownBody,
  operationRoute,
  optionalTextField,
  own,
  pageField,
  seqsField,
  textField,
} from './operation-route.js'

const page = z.object({ userID: idField, pagination: pageField })
const pair = z.object({ ownerUserID: idField, friendUserID: idField })
const black = z.object({ ownerUserID: idField, blackUserID: idField })
const asked = z.object({ fromUserID: idField, toUserID: idField })
const EITHER = 'either of the two; an administrator'
const BY_TIME = 'Newest first, at most the last 1,000; `handleResults` empty = all.'

export function friendRoutes(): Route[] {
  return [...listRoutes(), ...changeRoutes(), ...requestRoutes(), ...blackRoutes()]
}

function listRoutes(): Route[] {
  return [
    operationRoute({
      path: '/friend/get_incremental_friends',
      operation: 'incrementalFriends',
      ...own,
      doc: "What changed in a user's list of friends since a version.",
      body: knownBody,
      answers: ['version', 'versionID', 'full', 'delete', 'insert', 'update', 'sortVersion'],
    }),
    operationRoute({
      path: '/friend/get_full_friend_user_ids',
      operation: 'friendIds',
      ...own,
      doc: 'The IDs of the list of friends, in its order.',
      body: hashedBody,
      answers: ['version', 'versionID', 'equal', 'userIDs'],
    }),
    operationRoute({
      path: '/friend/get_friend_list',
      operation: 'friendsPage',
      ...own,
      doc: 'The list of friends in pages: pinned ones first, then the oldest.',
      body: page,
      answers: ['friendsInfo', 'total'],
    }),
    operationRoute({
      path: '/friend/get_friend_id',
      operation: 'orderedFriendIds',
      ...own,
      doc: 'The IDs of all friends, in the order of the list.',
      body: z.object({ userID: idField }),
      answers: ['friendIDs'],
    }),
    operationRoute({
      path: '/friend/get_designated_friends',
      operation: 'designatedFriends',
      ...own,
      doc: 'Those of these users that are friends, at most 1,000.',
      body: z.object({ ownerUserID: idField, friendUserIDs: idsField }),
      answers: ['friendsInfo'],
    }),
    operationRoute({
      path: '/friend/get_specified_friends_info',
      operation: 'specifiedFriends',
      ...own,
      doc: 'Profiles of these users, at most 1,000, each with what the owner has noted of them; unknown ones are left out.',
      body: z.object({ ownerUserID: idField, userIDList: idsField }),
      answers: ['infos'],
    }),
    operationRoute({
      path: '/friend/is_friend',
      operation: 'areFriends',
      may: 'token',
      mayNote: EITHER,
      doc: 'Whether each of the two has the other in their list of friends.',
      body: z.object({ userID1: idField, userID2: idField }),
      answers: ['inUser1Friends', 'inUser2Friends'],
    }),
  ]
}

function changeRoutes(): Route[] {
  return [
    operationRoute({
      path: '/friend/delete_friend',
      operation: 'deleteFriend',
      ...own,
      doc: "Removes a friend from the owner's list; the owner stays in the list of the other one.",
      body: pair,
      answers: [],
    }),
    operationRoute({
      path: '/friend/set_friend_remark',
      operation: 'setRemark',
      ...own,
      doc: 'What the owner calls a friend.',
      body: pair.extend({ remark: textField }),
      answers: [],
    }),
    operationRoute({
      path: '/friend/update_friends',
      operation: 'updateFriends',
      ...own,
      doc: 'Changes what is given of these friends, at most 1,000. Users who are no friends are passed over.',
      body: z.object({
        ownerUserID: idField,
        friendUserIDs: idsField,
        isPinned: z.boolean().nullish(),
        remark: optionalTextField,
        ex: optionalTextField,
      }),
      answers: [],
    }),
    operationRoute({
      path: '/friend/import_friend',
      operation: 'importFriends',
      may: 'admin',
      doc: 'Makes these users, at most 1,000, friends of the owner, both ways, without a request.',
      body: z.object({ ownerUserID: idField, friendUserIDs: idsField }),
      answers: [],
      isAct: true,
    }),
  ]
}

function requestRoutes(): Route[] {
  return [
    operationRoute({
      path: '/friend/add_friend',
      operation: 'requestFriend',
      ...own,
      doc: 'Asks for friendship. 1302 = is on the black list of the other one, 1304 = they are friends; FRIEND_POLICY.',
      body: asked.extend({ reqMsg: textField, ex: textField }),
      answers: [],
    }),
    operationRoute({
      path: '/friend/add_friend_response',
      operation: 'answerFriend',
      may: 'token',
      mayNote: 'the one who was asked; an administrator',
      doc: 'Answers a request: `handleResult` 1 = they become friends, -1 = not.',
      body: asked.extend({ handleResult: z.int(), handleMsg: textField }),
      answers: [],
    }),
    operationRoute({
      path: '/friend/get_friend_apply_list',
      operation: 'receivedRequests',
      ...own,
      doc: `Requests that a user has got. ${BY_TIME}`,
      body: page.extend({ handleResults: seqsField }),
      answers: ['FriendRequests', 'total'],
    }),
    operationRoute({
      path: '/friend/get_self_friend_apply_list',
      operation: 'sentRequests',
      ...own,
      doc: `Requests that a user has made. ${BY_TIME}`,
      body: page.extend({ handleResults: seqsField }),
      answers: ['friendRequests', 'total'],
    }),
    operationRoute({
      path: '/friend/get_designated_friend_apply',
      operation: 'requestsBetween',
      may: 'token',
      mayNote: EITHER,
      doc: 'The requests between two users, in both directions, the newest first; null = there is none.',
      body: asked,
      answers: ['friendRequests'],
    }),
    operationRoute({
      path: '/friend/get_self_unhandled_apply_count',
      operation: 'openRequestCount',
      ...own,
      doc: 'How many requests a user has got and not answered; those after `time` (ms) alone.',
      body: z.object({ userID: idField, time: countField }),
      answers: ['count'],
    }),
  ]
}

function blackRoutes(): Route[] {
  return [
    operationRoute({
      path: '/friend/add_black',
      operation: 'addBlack',
      ...own,
      doc: 'Puts a user on the black list: their messages and requests are refused from then on (1302).',
      body: black.extend({ ex: textField }),
      answers: [],
    }),
    operationRoute({
      path: '/friend/remove_black',
      operation: 'removeBlack',
      ...own,
      doc: 'Takes a user off the black list.',
      body: black,
      answers: [],
    }),
    operationRoute({
      path: '/friend/get_black_list',
      operation: 'blacksPage',
      ...own,
      doc: 'The black list in pages, the oldest first.',
      body: page,
      answers: ['blacks', 'total'],
    }),
    operationRoute({
      path: '/friend/get_specified_blacks',
      operation: 'specifiedBlacks',
      ...own,
      doc: 'Those of these users, at most 1,000, that are on the black list.',
      body: z.object({ ownerUserID: idField, userIDList: idsField }),
      answers: ['blacks', 'total'],
    }),
  ]
}
