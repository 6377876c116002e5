/** What becomes of a text when Enter is pressed: it is sent, or it is a command and is carried out. */

import { CONTENT_MAX } from "../../client/chat-client.js";
import { lengthOf } from "../../ui/text.js";
import { loadPart } from "./load-part.js";

const FAILED = "A file was not uploaded, so nothing is sent yet. Upload it again, or remove it.";

export class Submission {
  #page;
  #roomId;
  #draft;
  #signal;
  #waitMs;
  #tell;
  #offerCommands;

  /**
   * `waitMs()`: how long slow mode lets wait. `tell(notice)`: shows `{text, action?}` above the field, or null.
   * `offerCommands()`: shows their list. `signal`: aborts when the field is gone.
   */
  constructor({ page, roomId, draft, signal, waitMs, tell, offerCommands }) {
    this.#page = page;
    this.#roomId = roomId;
    this.#draft = draft;
    this.#signal = signal;
    this.#waitMs = waitMs;
    this.#tell = tell;
    this.#offerCommands = offerCommands;
  }

  /** `content`: the field's text, trimmed. What is too long stays. */
  submit(content) {
    if (this.#draft.isQueued || this.#draft.isEmpty || lengthOf(content) > CONTENT_MAX) return;
    if (content.startsWith("/")) void this.#runCommand(content);
    else this.#send(content);
  }

  #send(content) {
    this.#tell(null);
    if (lengthOf(content) > CONTENT_MAX) this.#tell({ text: `A message has ${CONTENT_MAX} characters at most.` });
    else if (this.#draft.uploads.hasFailed) this.#tell({ text: FAILED });
    else if (this.#waitMs() === 0) void this.#draft.send(content);
  }

  async #runCommand(content) {
    const again = () => this.#runCommand(content);
    const commands = await loadPart(this.#page, () => import("./commands.js"), { again, signal: this.#signal });
    if (!commands || this.#draft.text.trim() !== content) return undefined;
    const parsed = commands.parseCommand(content);
    if (parsed.unknown) {
      const action = { label: "Send as text", run: () => this.#send(content) };
      return this.#tell({ text: `There is no command /${parsed.unknown}.`, action });
    }
    if (parsed.command) return this.#run(parsed, content);
    return this.#send(parsed.content);
  }

  /** Carry a command out; its text leaves the field, and comes back with the reason where it does nothing. */
  async #run({ command, text }, content) {
    const draft = this.#draft;
    const page = this.#page;
    let problem = null;
    this.#tell(null);
    try {
      if (!command.isMessage) draft.replace("");
      const offer = this.#offerCommands;
      const send = (message) => void this.#send(message);
      problem = (await command.run({ page, roomId: this.#roomId, text, send, offer })) ?? null;
    } catch (error) {
      problem = error.message;
    }
    if (problem === null) return;
    if (!command.isMessage) draft.replace([content, draft.text].filter(Boolean).join("\n"));
    if (this.#signal.aborted) page.toast(problem, { isError: true });
    else this.#tell({ text: problem });
  }
}
