// Sends a recording to the object store; fetch does not tell how far an upload is.
import { ApiError, call } from "./api.js";

const READ_AS_IT_IS = { "audio/wav": 1, "audio/x-wav": 1, "audio/mpeg": 1, "audio/mp3": 1, "audio/flac": 1, "audio/x-flac": 1, "audio/ogg": 1 };

/** Whether the server reads files of this type; others are decoded here and sent as WAV. */
export const isReadable = (type) => type in READ_AS_IT_IS;

const sent = new WeakMap(); // ids of uploads by what was sent, so that one recording is sent once

/** Sends what was not sent before. `tell` is told how far it is, in words, and how to stop it. */
export async function sendOnce(blob, what, tell) {
  if (!sent.has(blob)) {
    const stopper = new AbortController(), stop = () => stopper.abort();
    tell({ text: `Sending ${what}…`, stop });
    sent.set(blob, await upload(blob, (share) => tell({ text: `Sending ${what}: ${Math.round(share * 100)} %`, stop }), stopper.signal));
  }
  return sent.get(blob);
}

export const wasStopped = (error) => error.name === "AbortError";

/** Resolves to the id of the upload. `onProgress` is told the share that is sent. */
async function upload(blob, onProgress, signal) {
  const { id, url, method, headers } = await call("/api/uploads", { method: "POST", json: { content_type: blob.type, bytes: blob.size }, signal });
  await /** @type {Promise<void>} */ (new Promise((done, fail) => {
    const request = new XMLHttpRequest();
    const refuse = (message) => fail(new ApiError(0, { code: "upload_failed", message }));
    request.open(method, url);
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.upload.onprogress = ({ loaded, total }) => onProgress(loaded / total);
    request.onload = () => (request.status < 300 ? done() : refuse(`The object store refused the file (${request.status}).`));
    request.onerror = () => refuse("The file could not be sent to the object store. Try again.");
    request.onabort = () => fail(new DOMException("stopped", "AbortError"));
    signal?.addEventListener("abort", () => request.abort());
    request.send(blob);
  }));
  return id;
}
