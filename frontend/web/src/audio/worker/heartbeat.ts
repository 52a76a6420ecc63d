/** Notices a silent server. Sockets stay open when the network changes or the computer sleeps. */

/** Pings, one a second. The frontend too ends a silent browser's connection after 20 s. */
export const UNANSWERED_PINGS = 20;
/** After so many, a request over a new connection shows whether the service can be reached. */
export const SILENT_PINGS = 4;
/** Pings that a connection in doubt may leave unanswered: TCP repeats itself within that time. */
export const DOUBTED_PINGS = 6;
/** A longer time between two pings is a sleep. */
const SLEEP_MS = 5000;

/** Counts pings instead of time: the timers of a computer that sleeps stand still, and its connection may survive. */
export class Heartbeat {
  #unanswered = 0;
  #last: number | null = null;

  /** Any message from the server. */
  heard(): void {
    this.#unanswered = 0;
  }

  /** True once, when the server has been silent for so long that it is worth a look. */
  get fallsSilent(): boolean {
    return this.#unanswered === SILENT_PINGS;
  }

  /** The network has changed, or the service answers others: a connection that is still there answers soon. */
  doubt(): void {
    this.#unanswered = Math.max(this.#unanswered, UNANSWERED_PINGS - DOUBTED_PINGS);
  }

  /** Call it with each ping. True if the connection must be taken for lost. `now`: ms since the epoch. */
  beat(now: number): boolean {
    if (this.#last !== null && now - this.#last > SLEEP_MS) this.doubt();
    this.#last = now;
    return ++this.#unanswered > UNANSWERED_PINGS;
  }
}
