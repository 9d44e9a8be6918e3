import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { ControlVector, Vectors } from '../../scripts/vectors/types.js';
import { toHex } from '../../src/bytes/bytes.js';
import { CONTROL_TYPE, type Control, decodeControl, encodeControl } from '../../src/protocol/envelope/control.js';

const file = readFileSync(new URL('../vectors/envelope.json', import.meta.url), 'utf8');
const vectors = JSON.parse(file) as Vectors;

/** What the JSON file has in hexadecimal is bytes. */
function controlOf({ control }: ControlVector): Control {
  if (control.kind === 'record') return { ...control, record: bytesOf(control.record) };
  if (control.kind === 'link') return { ...control, statement: bytesOf(control.statement) };
  return control;
}

const bytesOf = (hex: string) => Uint8Array.from(Buffer.from(hex, 'hex'));

describe('control messages', () => {
  const { accepted, tolerated, refused } = vectors.control;

  it.each(accepted)('$name: $about', (vector) => {
    expect(decodeControl(bytesOf(vector.bytes))).toEqual(controlOf(vector));
    expect(toHex(encodeControl(controlOf(vector)))).toBe(vector.bytes);
  });

  it.each(tolerated)('$name is read: $about', (vector) => {
    expect(decodeControl(bytesOf(vector.bytes))).toEqual(controlOf(vector));
    expect(toHex(encodeControl(controlOf(vector)))).not.toBe(vector.bytes);
  });

  it.each(refused)('refuses $about', ({ bytes }) => {
    expect(() => decodeControl(bytesOf(bytes))).toThrow(expect.objectContaining({ code: 'DECODE_CLAIMS' }));
  });

  it('travel as the payload of a sealed message', () => {
    const sealed = vectors.sealed.find(({ family }) => family === 'control');
    expect(sealed?.claims).toMatchObject({ contentType: CONTROL_TYPE });
    expect(sealed?.claims).not.toHaveProperty('seq');
    expect(decodeControl(bytesOf(sealed?.payload ?? ''))).toMatchObject({
      kind: 'receipt',
      device: 'alicephonealicep',
    });
  });
});
