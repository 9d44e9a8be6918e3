/** What a registration is asked for with. */
export interface RegistrationRequest {
  /** A user name: the address itself, or with a registration id what it was made of. */
  readonly userId: string;
  /** The encoded key record. */
  readonly record: Uint8Array;
  /** 32 bytes, shown to the service this once. */
  readonly salt: Uint8Array;
  /** 32 bytes. */
  readonly verificationHash: Uint8Array;
  /** Where the code is to go. */
  readonly to: { readonly kind: 'email' | 'phone'; readonly address: string };
}

/** A code is on its way, if it could be sent: the service does not tell. */
export interface StartedRegistration {
  readonly id: string;
  /** Until when the code is good, in milliseconds. */
  readonly expiresAt: number;
  /** Of the code. */
  readonly digits: number;
}

/** Where addresses are registered by a code. */
export interface Registrar {
  /** @throws `DIRECTORY_REFUSED`, `DIRECTORY_RATE_LIMITED`, `DIRECTORY_UNREACHABLE`, `DIRECTORY_BAD_ANSWER` */
  start(request: RegistrationRequest): Promise<StartedRegistration>;

  /**
   * Answers with the code.
   *
   * @returns the Info OK, verified by the service's keys
   * @throws `DIRECTORY_CODE_WRONG`, `DIRECTORY_CODE_SPENT`, `DIRECTORY_CONFLICT`, and as {@link start}
   */
  verify(id: string, code: string): Promise<IssuedInfoOk>;

  /** A new Info OK for an old one. @throws `DIRECTORY_REFUSED` when it does not hold any more, and as {@link start} */
  renew(infoOk: Uint8Array): Promise<IssuedInfoOk>;

  /**
   * What an Info OK says that somebody has brought, on their card. Nothing is asked: `undefined` when it is by another service, or
   * by a key that is not known yet.
   *
   * @throws `DIRECTORY_BAD_ANSWER` when it is malformed, or forged in the name of this service
   */
  check(infoOk: Uint8Array): Promise<IssuedInfoOk | undefined>;
}

/** An Info OK as it travels, and what it says. Times in seconds. */
export interface IssuedInfoOk {
  readonly bytes: Uint8Array;
  readonly address: string;
  /** Thumbprint of the identity key, 32 bytes. */
  readonly identity: Uint8Array;
  readonly issuedAt: number;
  readonly expiresAt: number;
}
