/** How tests call a page: data in; data, or what went wrong, out. */

/** What a call came to. An error keeps its code; its text is the page's stack. */
export type Outcome = { readonly value: unknown } | { readonly code: string; readonly text: string };

declare global {
  var ask: (name: string, args: unknown[]) => Promise<Outcome>;
}

/** Lets tests call `functions` by their names. */
export function offer<Offered extends object>(functions: Offered): void {
  globalThis.ask = async (name, args) => {
    const call = functions[name as keyof Offered] as (...args: unknown[]) => unknown;
    try {
      return { value: await call(...args) };
    } catch (error) {
      const { code, stack, cause } = error as { code?: unknown; stack?: string; cause?: unknown };
      return { code: String(code), text: `${stack ?? error}\ncaused by ${cause}` };
    }
  };
}
