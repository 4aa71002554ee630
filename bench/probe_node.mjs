// Node's clients in the probe's bench: same origins, same passes, same output as probe_clients.py.
// `node probe_node.mjs fetch|undici|axios|predecessor SCHEME PORT ORIGINS [SOCKET]`; undici and axios are those of npm.
// The predecessor fetches one after the other and acknowledges each id by itself, to the Valkey at SOCKET.
import { readFileSync } from "node:fs";
import { Agent } from "node:https";
import { connect } from "node:net";

const [, , client, scheme, port, origins, socket] = process.argv;
const AT_ONCE = client === "predecessor" ? 1 : 100;
const WARM_PASSES = 3;
const address = (number) => `127.0.${1 + Math.floor(number / 250)}.${1 + (number % 250)}`;

function expect200(status) {
  if (status !== 200) throw new Error(`answered ${status}`);
}

async function fetching() {
  return async (url) => {
    const response = await fetch(url);
    expect200(response.status);
    await response.arrayBuffer();
  };
}

const CLIENTS = {
  fetch: fetching,
  undici: async () => {
    const { request } = await import("undici");
    return async (url) => {
      const { statusCode, body } = await request(url);
      expect200(statusCode);
      await body.arrayBuffer();
    };
  },
  axios: async () => {
    const { default: axios } = await import("axios");
    const httpsAgent = new Agent({ keepAlive: true, maxFreeSockets: Infinity });
    const made = axios.create({ httpsAgent, responseType: "arraybuffer", proxy: false });
    return async (url) => expect200((await made.get(url)).status);
  },
  predecessor: async () => {
    const [get, ack] = [await fetching(), await acknowledging()];
    return async (url) => { await get(url); await ack(); };
  },
};

async function acknowledging() {
  const redis = connect({ path: socket });
  let [id, answered] = [0, null];
  redis.on("data", () => answered());
  return () => new Promise((resolve) => {
    answered = resolve;
    const words = ["XACK", "checks:{0}", "bench", `${++id}-1`];
    redis.write(`*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join("")}`);
  });
}

const check = await CLIENTS[client]();

async function sweep(count) {
  let next = 0;
  const worker = async () => { while (next < count) await check(`${scheme}://${address(next++)}:${port}/`); };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

const cpuMs = (since) => { const { user, system } = process.cpuUsage(since); return (user + system) / 1000; };
const residentKb = () => Number(readFileSync("/proc/self/statm", "utf8").split(" ")[1]) * 4;

await sweep(1);
const before = residentKb();
let since = process.cpuUsage();
await sweep(Number(origins));
const cold = cpuMs(since) / origins;
const kept = (residentKb() - before) / origins;
since = process.cpuUsage();
for (let pass = 0; pass < WARM_PASSES; pass++) await sweep(Number(origins));
const warm = cpuMs(since) / WARM_PASSES / origins;
console.log(JSON.stringify({ cold_ms: cold, warm_ms: warm, kept_kb: kept, first_byte_us: [] }));
process.exit(0);
