/** The text of a message that is files alone, for the server takes none without a text: their names. Pure. */

import { CONTENT_MAX } from "../../client/chat-client.js";

/** @param {{name: string}[]} files */
export function namesOfFiles(files) {
  const names = files.map(({ name }) => name).join(", ");
  return [...names].slice(0, CONTENT_MAX).join("");
}

/** Whether a message says nothing but the names of its files, which are shown with them. */
export function isFilesAlone({ content, attachments }) {
  return attachments?.length > 0 && content === namesOfFiles(attachments);
}
