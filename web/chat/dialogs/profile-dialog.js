/** One's own profile: the name that others see, and the picture or the colours of the initials. */

import { avatar } from "../../ui/avatar.js";
import { colorFields } from "./color-fields.js";
import { h, patch } from "../../ui/view.js";
import { openDialog } from "../../ui/dialog.js";
import { refusalText } from "../refusal.js";

export function openProfileDialog({ page }) {
  const { chat } = page;
  const mount = ({ body, close }) => {
    let [error, progress] = ["", null];
    let undo = null; // puts the picture of before back
    let colors = { textColor: chat.user.textColor, backgroundColor: chat.user.backgroundColor };
    const choose = (chosen) => {
      colors = chosen;
      draw();
    };
    const draw = () => {
      const { user } = chat;
      if (!user) return; // logged out while a picture was on its way
      const name = { name: "displayName", value: user.displayName, maxlength: 64, required: true, dir: "auto" };
      const file = { type: "file", accept: "image/*", class: "sr-only", on: { change: chooseFile } };
      patch(
        body,
        h(
          "form",
          { class: "form", on: { submit } },
          h(
            "div",
            { class: "avatar-field" },
            avatar({ ...user, ...colors, name: user.displayName, url: chat.avatarUrl(user), size: "large" }),
            h("label", { class: "file-button" }, "Choose a picture", h("input", file)),
            user.avatarUrl &&
              h("button", { type: "button", class: "link", on: { click: remove } }, "Remove the picture"),
          ),
          undo &&
            h(
              "p",
              { class: "hint", role: "status" },
              "The picture is changed. ",
              h("button", { type: "button", class: "link", on: { click: undoPicture } }, "Undo"),
            ),
          progress !== null && h("progress", { "aria-label": "Uploading", max: 1, value: progress }),
          h("label", {}, "Name", h("input", name)),
          h("p", { class: "hint" }, `Others see it beside your messages. Your username stays @${user.username}.`),
          colorFields({ user, colors, choose }),
          h("p", { class: "form-error", role: "alert" }, error),
          h("div", { class: "dialog-actions" }, h("button", { type: "submit", class: "primary" }, "Save")),
        ),
      );
    };
    const tried = async (work) => {
      error = "";
      try {
        await work();
      } catch (failure) {
        const about = failure.details?.displayName;
        error = about ? refusalText("The name", about) : failure.message;
      }
      progress = null;
      if (error && !body.isConnected) page.toast(error, { isError: true });
      draw();
      return error === "";
    };
    const onProgress = ({ sent, total }) => {
      progress = total > 0 ? sent / total : 0;
      draw();
    };
    /** What is on the server is read first, so that it can be put back. */
    const changePicture = (work) =>
      tried(async () => {
        const hadOne = chat.user.avatarUrl !== null;
        const before = hadOne ? await ownPicture(chat) : null;
        await work();
        if (hadOne) undo = before && (() => chat.setAvatar(before, { onProgress }));
        else undo = () => chat.removeAvatar();
      });
    const chooseFile = ({ target }) => {
      const [file] = target.files;
      target.value = ""; // the same file may be chosen again
      if (file) void changePicture(() => chat.setAvatar(file, { onProgress }));
    };
    const remove = () => changePicture(() => chat.removeAvatar());
    const undoPicture = () =>
      tried(async () => {
        await undo();
        undo = null;
      });
    const submit = async (event) => {
      event.preventDefault();
      const displayName = event.target.elements.displayName.value.trim();
      if (await tried(() => chat.changeProfile({ displayName, ...colors }))) close();
    };
    draw();
  };
  return openDialog({ title: "Your profile", mount });
}

/** One's own picture as a file; null where it cannot be read. */
async function ownPicture(chat) {
  const file = await chat.fetchFile({ url: chat.user.avatarUrl }).catch(() => null);
  file?.revoke();
  return file?.blob ?? null;
}
