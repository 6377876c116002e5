/** Follows the invite link that led here: the user becomes a member of its room, which is shown. */

/** The code leaves the address, also if it fails. */
export async function followInvite({ page }) {
  const code = page.invite;
  history.replaceState(history.state, "", location.pathname + location.hash);
  try {
    const { room } = await page.chat.api.rooms.acceptInvite(code);
    page.chat.rooms?.onRoom({ room });
    page.go({ roomId: room.id });
  } catch (error) {
    const gone = "This invite link is not valid any more. Ask for another one.";
    page.toast(error.code === "not_found" ? gone : error.message, { isError: true });
  }
}
