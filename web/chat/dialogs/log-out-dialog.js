/** Asks, then ends the session. What is unsent is kept for this user's next login, and the question says so. */

export async function logOut({ page }) {
  const { chat, store } = page;
  const unsent = chat.outbox?.unsentCount ?? 0;
  const text = unsent > 0 ? `${unsent} of your messages are not sent yet. They are kept until you log in again.` : "";
  if (!(await page.confirm({ title: "Log out?", text, action: "Log out" }))) return;
  page.endToasts();
  store.set({ isLeaving: true });
  await chat.logout();
}
