// What runs here, whether it is ready, and how long the queue is.
import { listServices, send } from "../api.js";
import { Loading, Title } from "../parts/maker.js";
import { html, length, marked, number, useEffect, useLoaded } from "../ui.js";

/** The samples of a metric: `{ labels, value }`. */
const samples = (metrics, name) => [...metrics.matchAll(new RegExp(`^\\w*bernie_${name}(?:{([^}]*)})? ([\\d.e+-]+)`, "gm"))]
  .map(([, labels = "", value]) => ({ labels: Object.fromEntries([...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, key, text]) => [key, text])), value: Number(value) }));

async function look() {
  const [services, ready, metrics] = await Promise.all([
    listServices(),
    send("/readyz", { tries: 1 }).then(() => "", (error) => error.message),
    send("/metrics").then((answer) => answer.text(), () => ""),
  ]);
  const waiting = {}, replicas = {};
  for (const { labels, value } of samples(metrics, "queue_depth")) waiting[labels.service] = Math.max(waiting[labels.service] ?? 0, value);
  for (const { labels } of samples(metrics, "stage_seconds_count")) (replicas[labels.service] ??= new Set()).add(labels.replica);
  return { services, ready, waiting, replicas, age: Math.max(0, ...samples(metrics, "queue_age_seconds").map(({ value }) => value)) };
}

const Figure = ({ name, value }) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`;

function Service({ service, waiting, replicas }) {
  const { title, installed, pipeline, sample_rate: rate, device, credits, install, note } = service;
  return html`<li class="line"><div class="body"><p class="title">${title} <span class="badge ${installed ? "good" : ""}">${installed ? pipeline : "not installed"}</span></p>
    <p class="facts">${installed ? `${rate / 1000} kHz · ${device} · ${number(credits)} credits a clip${replicas ? ` · ${replicas.size} replicas` : ""} · ${number(waiting)} waiting` : html`Install it with <code>${install}</code> and start again.`}</p>
    ${note && html`<p class="hint">${marked(note)}</p>`}</div></li>`;
}

export function System() {
  const loaded = useLoaded(look), { value, again } = loaded;
  useEffect(() => {
    const timer = setInterval(() => { if (!document.hidden) again(); }, 10_000);
    return () => clearInterval(timer);
  }, []);
  return html`<${Title}>System<//>
    <${Loading} loaded=${loaded}>Asking the server…<//>
    ${value && html`<dl class="figures"><${Figure} name="Server" value=${value.ready ? "Not ready" : "Ready"} />
        <${Figure} name="Clips waiting" value=${number(Object.values(value.waiting).reduce((sum, each) => sum + each, 0))} />
        ${value.age > 0 && html`<${Figure} name="Oldest waits for" value=${length(value.age)} />`}</dl>
      ${value.ready && html`<p class="warning">${value.ready}</p>`}
      <h2>Services</h2><ul class="lines">${value.services.map((each) => html`<${Service} key=${each.name} service=${each} waiting=${value.waiting[each.name] ?? 0} replicas=${value.replicas[each.name]} />`)}</ul>
      <h2>For operators</h2><ul class="links"><li><a href="/metrics">Metrics for Prometheus</a></li><li><a href="/readyz">Readiness</a></li><li><a href="/openapi.json">The API as OpenAPI</a></li></ul>`}`;
}
