/** What was last seen under a key; what has gone unused for longest is forgotten first. */
export interface Memory<Value> {
  get(key: string): Value | undefined;
  /** Remembers a value, or with undefined forgets it. */
  set(key: string, value: Value | undefined): void;
}

/** A memory of at most `capacity` values. */
export function createMemory<Value>(capacity: number): Memory<Value> {
  // A Map keeps the order of insertion: the first is the one that has gone unused for longest.
  const values = new Map<string, Value>();

  return {
    get(key) {
      const value = values.get(key);
      if (value === undefined) return undefined;
      values.delete(key);
      values.set(key, value);
      return value;
    },

    set(key, value) {
      values.delete(key);
      if (value === undefined) return;
      values.set(key, value);
      const [oldest] = values.size > capacity ? values.keys() : [];
      if (oldest !== undefined) values.delete(oldest);
    },
  };
}
