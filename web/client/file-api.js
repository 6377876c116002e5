/** REST requests about files: uploads, avatars, and what was uploaded. All throw ChatError. */

import { endpoint } from "./api-request.js";
import { uploadByFetch, uploadByXhr } from "./upload.js";

export class FileApi {
  #urls = new Set(); // of blobs that are not revoked

  /** `XMLHttpRequest` is null where there is none. */
  constructor(api, { XMLHttpRequest }) {
    this.api = api;
    this.XMLHttpRequest = XMLHttpRequest;
  }

  /**
   * Upload a Blob or File; returns the file record, which `send` takes as an attachment.
   * `name`: what others see, by default the File's. `onProgress({sent, total})`, in bytes. `signal`: an AbortSignal.
   * Nothing is retried; an upload that was repeated is harmless, for what no message has is removed after a day.
   */
  async upload(file, options = {}) {
    return (await this.#send("POST", "files", file, options)).file;
  }

  /** Make an image the user's avatar; returns the user. `options` as for `upload`. */
  async setAvatar(file, options = {}) {
    return (await this.#send("PUT", "users/me/avatar", file, options)).user;
  }

  /** Take the user's avatar away. */
  async removeAvatar() {
    await this.api.delete("users/me/avatar");
  }

  /** The URL of a person's avatar, which a page of the server's own origin may put into an `<img>`; or null. */
  avatarUrl({ avatarUrl }) {
    return avatarUrl ? endpoint(this.api.baseUrl, avatarUrl).href : null;
  }

  /** The URL of a file, or of its thumbnail, which a page of the server's own origin may put into an `<img>`. */
  url(file, { thumbnail = false } = {}) {
    const path = thumbnail ? file.thumbnailUrl : file.url;
    return path ? endpoint(this.api.baseUrl, path).href : null;
  }

  /**
   * Download a file, with the token: for pages of other origins, to which browsers send no cookie. Returns
   * `{blob, url, revoke()}`: `url` may be put into an `<img>` until it is revoked.
   */
  async fetch(file, { thumbnail = false, signal = null } = {}) {
    const blob = await this.api.download(thumbnail ? file.thumbnailUrl : file.url, { signal });
    const blobUrl = URL.createObjectURL(blob);
    this.#urls.add(blobUrl);
    return { blob, url: blobUrl, revoke: () => this.#revoke(blobUrl) };
  }

  /** Revoke the URLs of all that was fetched. */
  close() {
    for (const url of this.#urls) this.#revoke(url);
  }

  #revoke(url) {
    if (this.#urls.delete(url)) URL.revokeObjectURL(url);
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {Blob & {name?: string}} file
   * @param {import("./types.js").UploadOptions} options
   */
  #send(method, path, file, { name = file.name ?? "file", onProgress, signal }) {
    const url = endpoint(this.api.baseUrl, path).href;
    const { XMLHttpRequest } = this;
    const upload = XMLHttpRequest
      ? (options) => uploadByXhr(XMLHttpRequest, url, options)
      : (options) => uploadByFetch(this.api.fetch, url, options);
    const body = new FormData();
    body.append("file", file, name);
    return this.api.authorized((token) => upload({ method, body, token, onProgress, signal }));
  }
}
