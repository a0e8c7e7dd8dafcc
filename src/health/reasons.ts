/** Explains errors of the store and how to fix them, for readers of `/readyz`. */

const MEANINGS: readonly [RegExp, string][] = [
  [/\bREADONLY\b/, 'Redis takes no writes, for it is a replica: is the address that of the primary?'],
  [/\bNOREPLICAS\b/, 'Redis takes no writes while too few replicas follow it (min-replicas-to-write)'],
  [/\bMISCONF\b/, 'Redis takes no writes, for it cannot save to its disk (stop-writes-on-bgsave-error)'],
  [/\bOOM\b/, 'Redis takes no writes, for it is out of memory: raise maxmemory'],
  [/\bNOPERM\b/, 'the Redis user lacks a right (ACL)'],
  [/\bNOAUTH\b|\bWRONGPASS\b/, 'Redis does not take the user or password'],
  [/\bLOADING\b/, 'Redis reads its data and does not serve yet'],
  [/\bMASTERDOWN\b/, 'Redis is a replica whose primary is away'],
  [/\bCLUSTERDOWN\b/, 'the Redis Cluster does not serve all of its slots'],
  [/\bBUSY\b/, 'Redis is busy with a script and answers nothing else'],
  [/max number of clients/, 'Redis has as many clients as it may: raise maxclients'],
  [/\bECONNREFUSED\b/, 'nobody listens at the address of Redis'],
  [/\bENOTFOUND\b|\bEAI_AGAIN\b/, 'the name of the Redis host is not known (DNS)'],
  [/\bEHOSTUNREACH\b|\bENETUNREACH\b/, 'there is no way to the Redis host'],
  [/\bE?TIMED ?OUT\b/i, 'Redis did not answer in time'],
  [/\bEMFILE\b|\bENFILE\b/, 'this process has no file descriptors left: raise its limit (ulimit -n)'],
  [/\bENOSPC\b|\bEDQUOT\b/, 'the disk is full'],
  [/\bEROFS\b/, 'the file system may only be read'],
  [/\bEACCES\b|\bEPERM\b/, 'this user may not write there'],
  [/\bEIO\b/, 'the disk fails'],
  [/\bENOENT\b|\bENOTDIR\b/, 'the directory is gone'],
]

/** The reason with its meaning before it, where it has one. */
export function inWords(reason: string): string {
  const meaning = MEANINGS.find(([look]) => look.test(reason))?.[1]
  return meaning === undefined ? reason : `${meaning} (${reason})`
}
