// What runs here, whether it is ready, and how long the queue is.
import { call, listServices } from "../api.js";
import { Loading, Title } from "../parts/maker.js";
import { html, length, marked, number, useEffect, useLoaded } from "../ui.js";

const EVERY_MS = 10_000;

async function look() {
  const [services, status] = await Promise.all([listServices(), call("/api/status")]);
  return { services, ...status };
}

const Figure = ({ name, value }) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`;

function Service({ service, waiting, replicas }) {
  const { title, installed, pipeline, sample_rate: rate, device, credits, install, note } = service;
  return html`<li class="line"><div class="body"><p class="title">${title} <span class="badge ${installed ? "good" : ""}">${installed ? pipeline : "not installed"}</span></p>
    <p class="facts">${installed ? `${rate / 1000} kHz · ${device} · ${number(credits)} credits a clip · ${number(replicas)} replicas · ${number(waiting)} waiting` : html`Install it with <code>${install}</code> and start again.`}</p>
    ${note && html`<p class="hint">${marked(note)}</p>`}</div></li>`;
}

export function System() {
  const loaded = useLoaded(look), { value, again } = loaded;
  useEffect(() => {
    const lookAgain = () => { if (!document.hidden) again(); };
    const timer = setInterval(lookAgain, EVERY_MS);
    document.addEventListener("visibilitychange", lookAgain);
    return () => { clearInterval(timer); document.removeEventListener("visibilitychange", lookAgain); };
  }, []);
  const replicasOf = (name) => Object.entries(value.replicas).reduce((sum, [each, count]) => sum + (each.startsWith(`${name}-`) ? count : 0), 0);
  const waitingFor = (name) => value.queues.find((each) => each.service === name).waiting;
  return html`<${Title}>System<//>
    <${Loading} loaded=${loaded}>Asking the server…<//>
    ${value && html`<dl class="figures"><${Figure} name="Server" value=${value.ready ? "Ready" : "Not ready"} />
        <${Figure} name="Clips waiting" value=${number(value.queues.reduce((sum, each) => sum + each.waiting, 0))} />
        <${Figure} name="Being made" value=${number(value.running)} />
        ${value.oldest_seconds > 0 && html`<${Figure} name="Oldest waits for" value=${length(value.oldest_seconds)} />`}</dl>
      ${value.message && html`<p class="warning">${value.message}</p>`}
      <h2>Services</h2><ul class="lines">${value.services.map((each) => html`<${Service} key=${each.name} service=${each} waiting=${waitingFor(each.name)} replicas=${replicasOf(each.name)} />`)}</ul>
      <h2>For operators</h2><ul class="links"><li><a href="/metrics">Metrics for Prometheus</a></li><li><a href="/readyz">Readiness</a></li><li><a href="/openapi.json">The API as OpenAPI</a></li></ul>`}`;
}
