/** One at a time: who clicks twice, or presses Enter again, wants a thing once. */

/**
 * A function that does `work`, and nothing while that is under way.
 * @template {any[]} Given
 * @param {(...given: Given) => Promise<void>} work
 * @returns {(...given: Given) => Promise<void>}
 */
export function singleFlight(work) {
  let isUnderWay = false;
  return async (...given) => {
    if (isUnderWay) return;
    isUnderWay = true;
    try {
      await work(...given);
    } finally {
      isUnderWay = false;
    }
  };
}
