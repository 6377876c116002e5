/** What follows where a dialog has made or joined a room. */

/**
 * Close the dialog and show the room. Who closed it before the answer is about something else by now: they are told, and
 * offered to open it.
 * @param {{page: any, root: Element, roomId: string, told: string, close: () => void}} options `root`: in the dialog.
 */
export function enterRoom({ page, root, roomId, told, close }) {
  const open = () => page.go({ roomId });
  if (!root.isConnected) return void page.toast(told, { action: { label: "Open", run: open } });
  close();
  open();
}
