/** Stand-in. */
export function createHeatReader(facts, video) {
  return { name: "none", canRead: false, reason: "not built in yet", read: () => null };
}
