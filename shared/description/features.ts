/** What of the service is described only where it is on. */
export interface Features {
  /** Change notifications: `/subscriptions`. */
  readonly notifications: boolean;
}
