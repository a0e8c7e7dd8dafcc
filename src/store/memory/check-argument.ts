/** The first argument of the process that reads a token file through; the folder follows. */
export const CHECK_ARGUMENT = '--check-token-file'
