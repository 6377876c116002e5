/**
 * Sends a form with a file: by XMLHttpRequest, which alone tells a browser's progress, or by fetch, in Node. Has no
 * token of its own and knows no path.
 */

import { aborted, errorOfReply, unreachable } from "./chat-error.js";

const STALLED_MS = 30_000; // without a byte sent or a reply; a slow network may take as long as it needs
const FETCHED_WITHIN_MS = 600_000; // fetch does not tell its progress

/**
 * Resolves to the decoded reply. Throws ChatError: what the server refused, `network`, or `aborted`.
 * `onProgress({sent, total})`, in bytes of the request.
 */
export function uploadByXhr(XMLHttpRequest, url, { method, body, token, onProgress, signal }) {
  return new Promise((resolve, reject) => {
    const xhr = new XMLHttpRequest();
    let timer = null;
    const expectProgress = () => {
      clearTimeout(timer);
      timer = setTimeout(() => settle(() => reject(unreachable())), STALLED_MS);
    };
    const abort = () => settle(() => reject(aborted()));
    const settle = (work) => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
      xhr.onload = xhr.onerror = xhr.upload.onprogress = null;
      xhr.abort(); // does nothing once the reply is complete
      work();
    };
    if (signal?.aborted) return reject(aborted());
    signal?.addEventListener("abort", abort);
    xhr.upload.onprogress = ({ loaded, total }) => {
      expectProgress();
      onProgress?.({ sent: loaded, total });
    };
    xhr.onload = () => {
      const { status, responseText } = xhr;
      const headers = { get: (name) => xhr.getResponseHeader(name) };
      settle(() => takeReply({ status, headers }, parsed(responseText), resolve, reject));
    };
    xhr.onerror = () => settle(() => reject(unreachable()));
    xhr.open(method, url);
    xhr.setRequestHeader("Accept", "application/json");
    xhr.setRequestHeader("Authorization", `Bearer ${token}`);
    expectProgress();
    xhr.send(body);
  });
}

/** The same by fetch: `onProgress` is called once, at the end. */
export async function uploadByFetch(fetchLike, url, { method, body, token, onProgress, signal }) {
  const timeout = AbortSignal.timeout(FETCHED_WITHIN_MS);
  const headers = { Accept: "application/json", Authorization: `Bearer ${token}` };
  let response;
  let decoded;
  try {
    response = await fetchLike(url, {
      method,
      headers,
      body,
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
    });
    decoded = parsed(await response.text());
  } catch {
    throw signal?.aborted ? aborted() : unreachable();
  }
  const size = body.get("file").size;
  return await new Promise((resolve, reject) => {
    const resolveWithProgress = (reply) => {
      onProgress?.({ sent: size, total: size });
      resolve(reply);
    };
    takeReply(response, decoded, resolveWithProgress, reject);
  });
}

function takeReply(response, decoded, resolve, reject) {
  if (response.status < 200 || response.status > 299) reject(errorOfReply(response, decoded));
  else if (decoded === null) reject(unreachable());
  else resolve(decoded);
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
