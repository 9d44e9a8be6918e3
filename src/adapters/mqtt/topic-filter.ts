/** Answers whether a topic matches any of the filters (MQTT 5 §4.7), shared subscriptions (§4.8.2) included. */
export function topicMatcher(filters: readonly string[]): (topic: string) => boolean {
  const parsed = filters.map((filter) => levelsOf(filter));
  return (topic) => {
    const levels = topic.split('/');
    return parsed.some((filter) => matches(filter, levels));
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
