const HOUR_MS = 60 * 60 * 1000;
const MINUTE_MS = 60 * 1000;

/**
 * Runs something once an hour, at the minute that a schedule says, until the returned function is called.
 *
 * @param schedule an NCRONTAB expression `0 {minute} * * * *`; this host knows no other
 * @throws Error when the schedule is another
 */
export function startHourly(schedule: string, run: () => void, now: () => number = Date.now): () => void {
  const [, minute] = /^0 ([0-5]?\d) \* \* \* \*$/.exec(schedule) ?? [];
  if (minute === undefined) throw new Error(`The schedule ${schedule} is not supported by this host.`);
  let timer: NodeJS.Timeout;
  wait();
  return () => clearTimeout(timer);

  function wait() {
    timer = setTimeout(
      () => {
        wait();
        run();
      },
      untilNext(Number(minute) * MINUTE_MS, now()),
    );
  }
}

/** How long it is until the next time that is so much past an hour. */
const untilNext = (pastHour: number, now: number) => HOUR_MS - ((now - pastHour) % HOUR_MS);
