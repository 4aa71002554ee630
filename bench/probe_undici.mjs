// Node's fetch (undici) as a client of the probe's bench: same origins, same passes, same output as probe_clients.py.
import { readFileSync } from "node:fs";

const [, , scheme, port, origins] = process.argv;
const [AT_ONCE, WARM_PASSES] = [100, 3];
const address = (number) => `127.0.${1 + Math.floor(number / 250)}.${1 + (number % 250)}`;

async function sweep(count) {
  let next = 0;
  const worker = async () => {
    while (next < count) {
      const response = await fetch(`${scheme}://${address(next++)}:${port}/`);
      if (response.status !== 200) throw new Error(`answered ${response.status}`);
      await response.arrayBuffer();
    }
  };
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
