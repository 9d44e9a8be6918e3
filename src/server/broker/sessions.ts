import { mkdir } from 'node:fs/promises';
import { Level } from 'level';
import { MemoryLevel } from 'memory-level';
import { type ErrorCode, SealMQError } from '../../errors.js';
import { type ByteLevel, orderedLevel, type QueueDatabase } from './ordered-level.js';

/** Where a broker keeps sessions, queues and retained messages. */
export interface SessionDatabase {
  readonly database: QueueDatabase;
  /** The broker's id in this life. Queued messages are kept in the order of (broker id, counter), so it must ascend. */
  readonly brokerId: string;
}

/** Beside aedes' own keys (`outgoing:`, `retained:`, …): how often the folder was opened. */
const GENERATION_KEY = 'sealmq:generation';

const OPEN_FAULTS: Readonly<Record<string, ErrorCode>> = {
  LEVEL_LOCKED: 'STATE_LOCKED',
  LEVEL_CORRUPTION: 'STATE_CORRUPT',
};

/**
 * Opens, or creates with mode 0700, the LevelDB folder of a broker; without a folder, a database in memory.
 *
 * @throws `STATE_LOCKED` when another process has it open, `STATE_CORRUPT`, `STATE_UNAVAILABLE`
 */
export async function openSessions(folder: string | undefined): Promise<SessionDatabase> {
  try {
    const level =
      folder === undefined ? new MemoryLevel<string, Uint8Array>({ valueEncoding: 'view' }) : await onDisk(folder);
    return { database: orderedLevel(level), brokerId: await nextGeneration(level) };
  } catch (error) {
    throw new SealMQError(faultOf(error), `cannot open the broker's database, ${folder ?? 'in memory'}`, error);
  }
}

async function onDisk(folder: string): Promise<ByteLevel> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const level = new Level<string, Uint8Array>(folder, { valueEncoding: 'view' });
  await level.open();
  return level as unknown as ByteLevel;
}

/** With the random id that aedes takes by default, messages queued after a restart could sort before older ones. */
async function nextGeneration(level: ByteLevel): Promise<string> {
  const generation = Number((await level.get<string, string>(GENERATION_KEY, { valueEncoding: 'utf8' })) ?? '0') + 1;
  await level.put<string, string>(GENERATION_KEY, String(generation), { valueEncoding: 'utf8' });
  return String(generation).padStart(12, '0');
}

function faultOf(error: unknown): ErrorCode {
  const { code, cause } = error as { code?: string; cause?: { code?: string } };
  return OPEN_FAULTS[cause?.code ?? ''] ?? OPEN_FAULTS[code ?? ''] ?? 'STATE_UNAVAILABLE';
}
