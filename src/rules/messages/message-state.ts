/** What has become of a stored message. */
export const MessageState = { Normal: 0, Revoked: 1, Deleted: 2 } as const
