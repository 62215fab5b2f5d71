// What runs here, whether it is ready, and how long the queue is.
import { listServices, send, sentence } from "../api.js";
import { Title, Wait } from "../parts/maker.js";
import { html, marked, number, useEffect, useLoaded } from "../ui.js";

async function look() {
  const [services, ready, metrics] = await Promise.all([
    listServices(),
    send("/readyz", { tries: 1 }).then(() => "", (error) => error.message),
    send("/metrics").then((answer) => answer.text(), () => ""),
  ]);
  const depths = [...metrics.matchAll(/^\w*bernie_queue_depth(?:{([^}]*)})? ([\d.e+]+)/gm)].map(([, labels, value]) => ({ state: labels?.match(/state="([^"]*)"/)?.[1] ?? "clips", value: Number(value) }));
  const sums = Object.entries(depths.reduce((sum, { state, value }) => ({ ...sum, [state]: Math.max(sum[state] ?? 0, value) }), {}));
  return { services, ready, queue: sums };
}

export function System() {
  const { value, error, loading, again } = useLoaded(look);
  useEffect(() => {
    const timer = setInterval(() => { if (!document.hidden) again(); }, 10_000);
    return () => clearInterval(timer);
  }, []);
  return html`<${Title}>System<//>
    <${Wait} on=${loading && !value}>Asking the server…<//>
    ${error && html`<p class="problem" role="alert">${sentence(error)}</p>`}
    ${value && html`<dl class="figures"><div><dt>Server</dt><dd>${value.ready ? "Not ready" : "Ready"}</dd></div>${value.queue.map(([state, depth]) => html`<div><dt>Queue: ${state}</dt><dd>${number(depth)}</dd></div>`)}</dl>
      ${value.ready && html`<p class="warning">${value.ready}</p>`}
      <h2>Services</h2><ul class="lines">${value.services.map((each) => html`<li class="line" key=${each.name}><div class="body"><p class="title">${each.title} <span class="badge ${each.installed ? "good" : ""}">${each.installed ? each.pipeline : "not installed"}</span></p>
        <p class="facts">${each.installed ? `${each.sample_rate / 1000} kHz · ${each.device} · ${number(each.credits)} credits a clip` : html`Install it with <code>${each.install}</code> and start again.`}</p>${each.note && html`<p class="hint">${marked(each.note)}</p>`}</div></li>`)}</ul>
      <h2>For operators</h2><ul class="links"><li><a href="/metrics">Metrics for Prometheus</a></li><li><a href="/readyz">Readiness</a></li><li><a href="/openapi.json">The API as OpenAPI</a></li></ul>`}`;
}
