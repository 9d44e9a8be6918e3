/** Topics whose answer is remembered, at most. */
const MAX_KNOWN = 1_024;

/** Answers whether a topic matches any of the filters (MQTT 5 §4.7), shared subscriptions (§4.8.2) included. */
export function topicMatcher(filters: readonly string[]): (topic: string) => boolean {
  const parsed = filters.map((filter) => levelsOf(filter));
  let known = new Map<string, boolean>();
  return (topic) => {
    const before = known.get(topic);
    if (before !== undefined) return before;
    const levels = topic.split('/');
    const found = parsed.some((filter) => matches(filter, levels));
    if (known.size >= MAX_KNOWN) known = new Map();
    known.set(topic, found);
    return found;
  };
}

function levelsOf(filter: string): readonly string[] {
  const levels = filter.split('/');
  return levels[0] === '$share' ? levels.slice(2) : levels;
}

function matches(filter: readonly string[], topic: readonly string[]): boolean {
  // Wildcards at the front do not see the broker's own topics.
  if (topic[0]?.startsWith('$') && filter[0] !== topic[0]) return false;
  for (const [index, level] of filter.entries()) {
    if (level === '#') return true;
    if (topic[index] === undefined || (level !== '+' && level !== topic[index])) return false;
  }
  return filter.length === topic.length;
}
