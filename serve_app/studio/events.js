// Server-sent events by fetch: EventSource cannot send a token.
import { authorised } from "./api.js";
import { pause } from "./ui.js";

const LONGEST_MS = 30_000;

/** Splits a stream of bytes into events `{ id, event, data }`. */
export async function* parse(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      rest += value;
      let end;
      while ((end = rest.indexOf("\n\n")) >= 0) {
        const fields = {};
        for (const line of rest.slice(0, end).split("\n")) {
          const colon = line.indexOf(":");
          if (colon > 0) fields[line.slice(0, colon)] = line.slice(colon + 1).trimStart();
        }
        rest = rest.slice(end + 2);
        if (fields.data) yield { id: fields.id ? Number(fields.id) : null, event: fields.event, data: JSON.parse(fields.data) };
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

/**
 * Tells `heard` each event of a clip once, in order, over broken connections. Resolves to "ended"
 * when the clip has ended, to "refused" where the server has no room for a stream (429), the
 * answer is an error, or the stream broke three times without news; rejects when aborted.
 */
export async function follow(clipId, heard, signal) {
  let last = 0, failures = 0;
  for (;;) {
    try {
      const headers = { ...authorised(), ...(last ? { "Last-Event-ID": String(last) } : {}) };
      const answer = await fetch(`/api/clips/${clipId}/events`, { headers, signal, cache: "no-store" });
      if (answer.status === 204) return "ended";
      if (answer.status !== 503 && !answer.ok) return "refused";
      if (answer.ok) {
        for await (const each of parse(answer.body)) {
          failures = 0;
          if (each.id !== null) {
            if (each.id <= last) continue;
            last = each.id;
          }
          heard(each);
          if (["finished", "failed", "cancelled"].includes(each.event)) return "ended";
        }
      }
    } catch (error) {
      if (signal.aborted) throw error;
    }
    failures += 1;
    if (failures >= 3) return "refused";
    const wait = Math.min(LONGEST_MS, 1000 * 2 ** (failures - 1)) * (0.75 + Math.random() / 2);
    await pause(wait);
    if (signal.aborted) throw new DOMException("stopped", "AbortError");
  }
}
