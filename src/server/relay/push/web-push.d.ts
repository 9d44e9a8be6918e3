/** The package ships no types; this is what the relay uses of it. */
declare module 'web-push' {
  interface RequestDetails {
    readonly headers: Readonly<Record<string, string | number>>;
    readonly body: Uint8Array;
  }

  const webPush: {
    /** Both base64url: an uncompressed point of 65 bytes, a scalar of 32. */
    generateVAPIDKeys(): { readonly publicKey: string; readonly privateKey: string };
    /** Encrypts (RFC 8291) and signs (RFC 8292). @throws Error for keys and subjects that are none */
    generateRequestDetails(
      subscription: {
        readonly endpoint: string;
        readonly keys: { readonly p256dh: string; readonly auth: string };
      },
      payload: Buffer,
      options: {
        readonly vapidDetails: { readonly subject: string; readonly publicKey: string; readonly privateKey: string };
        /** Seconds. */
        readonly TTL: number;
        readonly urgency: 'high';
        /** Up to 32 characters of base64url. */
        readonly topic: string;
      },
    ): RequestDetails;
  };
  export default webPush;
}
