/** Watches a promise in a test: `is` is "pending" until it settles, then its value or its error. */
export function outcome(work: Promise<unknown>): { is: unknown } {
  const found: { is: unknown } = { is: "pending" };
  work.then(
    (value) => {
      found.is = value;
    },
    (error: unknown) => {
      found.is = error;
    },
  );
  return found;
}
