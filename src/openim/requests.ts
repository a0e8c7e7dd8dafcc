/** Request identifiers of OpenIM's binary protocol. */

export const RequestId = {
  NewestSeq: 1001,
  PullBySeqRange: 1002,
  SendMessage: 1003,
  SendSignal: 1004,
  PullBySeqList: 1005,
  ConversationSeqs: 1006,
  LastMessages: 1007,
  Push: 2001,
  Kick: 2002,
  Logout: 2003,
  SetBackground: 2004,
  SubscribeStatus: 2005,
} as const

/** What a client may ask. Those up to 1007 OpenIM's gateway forwards to services that this one does not have. */
export const knownRequests: ReadonlySet<number> = new Set([
  RequestId.NewestSeq,
  RequestId.PullBySeqRange,
  RequestId.SendMessage,
  RequestId.SendSignal,
  RequestId.PullBySeqList,
  RequestId.ConversationSeqs,
  RequestId.LastMessages,
  RequestId.Logout,
  RequestId.SetBackground,
  RequestId.SubscribeStatus,
])

/** errMsg of a 500 to a request that OpenIM knows and this gateway does not serve. */
export const NOT_SERVED_TEXT = 'known request, not served yet'
