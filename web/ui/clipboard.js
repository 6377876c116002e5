/** Copies texts. Browsers give a clipboard to pages of HTTPS and localhost alone. */

/** Resolves to whether the browser took the text. */
export async function isCopied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
