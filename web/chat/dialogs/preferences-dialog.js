/** The user's preferences: what the page looks like, what notifies, sessions, password, blocks, data. */

import { AccountSection } from "../account/account-section.js";
import { AppearanceSection } from "../account/appearance-section.js";
import { BlocksSection } from "../account/blocks-section.js";
import { NotificationsSection } from "../account/notifications-section.js";
import { openTabbedDialog } from "./tabbed-dialog.js";
import { PasswordSection } from "../account/password-section.js";
import { SessionsSection } from "../account/sessions-section.js";

const SECTIONS = {
  Appearance: AppearanceSection,
  Notifications: NotificationsSection,
  Sessions: SessionsSection,
  Password: PasswordSection,
  "Blocked people": BlocksSection,
  "Your data": AccountSection,
};

export function openPreferencesDialog({ page }) {
  return openTabbedDialog({
    ...{ title: "Preferences", className: "preferences-dialog", label: "Preferences", layout: "preferences" },
    ...{ sections: SECTIONS, options: { page } },
  });
}
