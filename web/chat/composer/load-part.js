/** Loads a part of the page that is not needed at first. */

/**
 * The module, or null where it could not be loaded, which is said with a button to try `again`. `signal`: aborts when
 * nobody waits for it any more.
 */
export async function loadPart(page, load, { again, signal }) {
  try {
    const part = await load();
    return signal.aborted ? null : part;
  } catch {
    const action = { label: "Retry", run: again };
    if (!signal.aborted) page.toast("A part of the page could not be loaded.", { isError: true, action });
    return null;
  }
}
