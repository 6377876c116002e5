/** What the statuses of the contract are called. */

export const STATUS_NAMES = { online: "Online", away: "Away", busy: "Busy", offline: "Offline" };
