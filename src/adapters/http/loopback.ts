const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[?::1\]?)$/;

/** Whether `host`, a name or an address (IPv6 with or without brackets), is this machine by its looks alone. */
export function isLoopback(host: string): boolean {
  return LOOPBACK.test(host);
}
