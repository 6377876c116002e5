/** The user's preferences: what the page looks like, what notifies, sessions, password, blocks, data. */

import { AccountSection } from "../account/account-section.js";
import { AppearanceSection } from "../account/appearance-section.js";
import { BlocksSection } from "../account/blocks-section.js";
import { h, patch } from "../../ui/view.js";
import { NotificationsSection } from "../account/notifications-section.js";
import { openDialog } from "../../ui/dialog.js";
import { PasswordSection } from "../account/password-section.js";
import { SessionsSection } from "../account/sessions-section.js";

/** Title → component: `constructor({root, page, closeDialog})`, `close()`. */
const SECTIONS = {
  Appearance: AppearanceSection,
  Notifications: NotificationsSection,
  Sessions: SessionsSection,
  Password: PasswordSection,
  "Blocked people": BlocksSection,
  "Your data": AccountSection,
};

export function openPreferencesDialog({ page }) {
  const mount = ({ body, close }) => {
    let section = null;
    const choose = (title) => {
      section?.close();
      section = null;
      const ref = (root) => (section = new SECTIONS[title]({ root, page, closeDialog: close }));
      const tab = (name) =>
        h(
          "button",
          {
            ...{ key: name, type: "button", class: "preferences-tab", "aria-current": name === title ? "true" : null },
            on: { click: () => choose(name) },
          },
          name,
        );
      patch(
        body,
        h(
          "div",
          { class: "preferences" },
          h("nav", { "aria-label": "Preferences" }, Object.keys(SECTIONS).map(tab)),
          h("section", { key: title, class: "preferences-section", "aria-label": title, foreign: true, ref }),
        ),
      );
    };
    choose("Appearance");
    return () => section?.close();
  };
  return openDialog({ title: "Preferences", className: "preferences-dialog", mount });
}
