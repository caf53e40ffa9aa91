/** The time and the pauses of notifications: those of the machine, unless something else takes their place. */
export interface Clock {
  /** The time in milliseconds. */
  readonly now?: (() => number) | undefined;
  readonly sleep?: ((milliseconds: number) => Promise<unknown>) | undefined;
}
