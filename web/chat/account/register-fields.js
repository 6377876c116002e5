/** What may be wrong with the fields of a registration: as far as the page sees it, and as the server says. Pure. */

import { refusalText } from "../refusal.js";

const TAKEN = { username_taken: "username", email_taken: "email" };
const FIELDS = { username: "Username", email: "Email", password: "Password" };

export const RegisterFields = {
  /** Field → what is wrong with it; empty if nothing is. */
  wrong({ username, email, password }) {
    const names = /^[A-Za-z0-9_.-]{3,32}$/;
    const found = {
      username: !names.test(username.trim()) && "Use 3 to 32 letters, digits, “_”, “-” or “.”.",
      email: !/^[^@\s]+@[^@\s]+$/.test(email.trim()) && "Give an email address.",
      password: password.length < 8 && "Use at least 8 characters.",
    };
    return Object.fromEntries(Object.entries(found).filter(([, text]) => text));
  },

  /** The same of a ChatError of the server, or null where it is not about one of the fields. */
  refused({ code, message, details }) {
    if (code in TAKEN) return { [TAKEN[code]]: message };
    if (details?.invite) return { form: "This invite link is not valid any more. Ask for another one." };
    const found = Object.entries(FIELDS).filter(([field]) => details?.[field]);
    if (found.length === 0) return null;
    return Object.fromEntries(found.map(([field, label]) => [field, refusalText(label, details[field])]));
  },
};
