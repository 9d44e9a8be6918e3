/** CoAP Content-Formats (RFC 7252 §12.3): the short form of the usual media types in the `content type` header. */
const CONTENT_FORMATS = new Map<string, number>([
  ['text/plain;charset=utf-8', 0],
  ['application/octet-stream', 42],
  ['application/json', 50],
  ['application/cbor', 60],
]);

const MEDIA_TYPES = new Map([...CONTENT_FORMATS].map(([type, format]) => [format, type]));

/** The header value for a media type: a number where one is registered, else the type itself. */
export function encodeContentType(type: string): number | string {
  return CONTENT_FORMATS.get(type) ?? type;
}

/** The media type of a header value; an unknown number reads `content-format/N`. */
export function decodeContentType(value: number | string): string {
  return typeof value === 'string' ? value : (MEDIA_TYPES.get(value) ?? `content-format/${value}`);
}
