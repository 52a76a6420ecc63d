/** Notices a silent server. Sockets stay open when the network changes or the computer sleeps. */

/** Pings, one a second. The frontend too ends a silent browser's connection after 20 s. */
export const UNANSWERED_PINGS = 20;

/** Counts pings instead of time: the timers of a computer that sleeps stand still, and its connection may survive. */
export class Heartbeat {
  #unanswered = 0;

  /** Any message from the server. */
  heard(): void {
    this.#unanswered = 0;
  }

  /** Call it with each ping. True if the connection must be taken for lost. */
  beat(): boolean {
    return ++this.#unanswered > UNANSWERED_PINGS;
  }
}
