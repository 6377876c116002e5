/** The dialogs of the page by name, and acts that may ask before they are done. Each is loaded when it is first wanted. */

/** Name → a function that resolves to `open({page, …})`, which resolves to what the dialog was closed with. */
export const dialogs = {
  ban: async () => (await import("./ban-dialog.js")).openBanDialog,
  confirm: async () => (await import("./confirm-dialog.js")).openConfirmDialog,
  "find-person": async () => (await import("./find-person-dialog.js")).openFindPersonDialog,
  "find-rooms": async () => (await import("./find-rooms-dialog.js")).openFindRoomsDialog,
  "follow-invite": async () => (await import("./follow-invite.js")).followInvite,
  history: async () => (await import("./history-dialog.js")).openHistoryDialog,
  image: async () => (await import("./image-dialog.js")).openImageDialog,
  invite: async () => (await import("./invite-dialog.js")).openInviteDialog,
  leave: async () => (await import("./leave-dialog.js")).leaveRoom,
  "log-out": async () => (await import("./log-out-dialog.js")).logOut,
  mute: async () => (await import("./mute-dialog.js")).openMuteDialog,
  "new-room": async () => (await import("./new-room-dialog.js")).openNewRoomDialog,
  preferences: async () => (await import("./preferences-dialog.js")).openPreferencesDialog,
  profile: async () => (await import("./profile-dialog.js")).openProfileDialog,
  report: async () => (await import("./report-dialog.js")).openReportDialog,
  "room-settings": async () => (await import("./room-settings-dialog.js")).openRoomSettingsDialog,
  shortcuts: async () => (await import("./shortcuts-dialog.js")).openShortcutsDialog,
  status: async () => (await import("./status-dialog.js")).openStatusDialog,
  switcher: async () => (await import("./switcher-dialog.js")).openSwitcherDialog,
};
