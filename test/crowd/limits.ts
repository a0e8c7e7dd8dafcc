/** Settings that let a crowd in: limits that one from a single address would meet, and that are not what is looked at. */
export const CROWD_LIMITS = {
  HANDSHAKES_PER_S_MAX: '1000000',
  MAX_CONNECTIONS_PER_ADDRESS: '100000',
  LOGINS_PER_MIN_PER_ADDRESS: '10000000',
  LOGINS_PER_MIN_PER_USER: '1000000',
  // Crowds are silent: nobody is to be taken for dead.
  READ_TIMEOUT_MS: '600000',
}
