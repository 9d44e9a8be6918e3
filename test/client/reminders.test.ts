import { expect, test } from 'vitest';
import { createReminders } from '../../src/client/reminders.js';

const MINUTE = 60_000;

test('a peer is reminded after the first pause, then after doubled ones up to an hour', () => {
  const reminders = createReminders(MINUTE);
  const turns: number[] = [];
  for (let minute = 0; minute < 300; minute++) {
    if (reminders.due(['bob'], minute * MINUTE).length > 0) turns.push(minute);
  }
  // Looked at once a minute; pauses of 1, 2, 4, 8, 16, 32, 60, 60, … minutes.
  expect(turns).toEqual([1, 3, 7, 15, 31, 63, 123, 183, 243]);
});

test('each peer has turns of its own, and starts over after a sign of life or when nothing is owed', () => {
  const reminders = createReminders(MINUTE);
  reminders.due(['bob'], 0);
  expect(reminders.due(['bob', 'carol'], MINUTE)).toEqual(['bob']);
  expect(reminders.due(['bob', 'carol'], 2 * MINUTE)).toEqual(['carol']);
  reminders.heard('bob');
  expect(reminders.due(['bob', 'carol'], 3 * MINUTE)).toEqual([]);
  expect(reminders.due(['bob', 'carol'], 4 * MINUTE)).toEqual(['bob', 'carol']);
  expect(reminders.due([], 5 * MINUTE)).toEqual([]);
  expect(reminders.due(['bob'], 100 * MINUTE)).toEqual([]);
});

test('a turn can come sooner, and never later than the first pause', () => {
  const reminders = createReminders(MINUTE);
  expect(reminders.due(['bob', 'carol'], 0)).toEqual([]);
  reminders.soon('bob', 5000, 0);
  reminders.soon('carol', 2 * MINUTE, 0);
  expect(reminders.due(['bob', 'carol'], 4999)).toEqual([]);
  expect(reminders.due(['bob', 'carol'], 5000)).toEqual(['bob']);
  expect(reminders.due(['bob', 'carol'], MINUTE)).toEqual(['carol']);
  expect(reminders.due(['bob', 'carol'], 5000 + 2 * MINUTE)).toEqual(['bob']);
});
