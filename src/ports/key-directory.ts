/** A verified answer of a directory, still as bytes: the identity layer verifies the record itself. */
export interface DirectoryAnswer {
  /** The encoded key record (a COSE_Sign1). */
  readonly record: Uint8Array;
  /** Seconds for which the answer may be used without asking again, from {@link fetchedAt}. */
  readonly maxAge: number;
  /** Milliseconds, clock of this machine. */
  readonly fetchedAt: number;
}

/** Options of one look-up. */
export interface LookupOptions {
  /** Ask the source even though a fresh answer is at hand (rate-limited by the cache). */
  readonly refresh?: boolean;
}

/**
 * Where public keys are found. Three kinds: an HTTP directory behind a cache, a static one for tests and pre-provisioned
 * fleets, and whatever an application brings.
 */
export interface KeyDirectory {
  /**
   * The record of `address`, or `undefined` when the directory states (signed, where it is a server) that there is none.
   *
   * @throws `DIRECTORY_UNREACHABLE` for a passing fault, `DIRECTORY_BAD_ANSWER` / `DIRECTORY_STALE` for an answer that does not verify
   */
  lookup(address: string, options?: LookupOptions): Promise<DirectoryAnswer | undefined>;

  /**
   * Publishes a record of one's own.
   *
   * @throws `DIRECTORY_CONFLICT` when the address belongs to another identity or the version does not follow,
   *   `DIRECTORY_REFUSED` when the claim policy says no, `DIRECTORY_UNREACHABLE`
   */
  publish(address: string, record: Uint8Array): Promise<void>;

  /** Directory time in milliseconds, signed and fresh, or `undefined` where the directory has none (static). */
  time(): Promise<number | undefined>;

  close(): Promise<void>;
}
