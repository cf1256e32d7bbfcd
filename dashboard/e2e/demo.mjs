// A whole Coldstream with simulated machines, which the tests start, kill and start again.

import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

/** A port that is free now. */
async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Asks until the answer is true; fails with `what` after `limit` milliseconds. */
export async function until(what, limit, ask) {
  const end = Date.now() + limit;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (Date.now() > end) throw new Error(`${what}: not within ${limit / 1000} s`);
    await pause(100);
  }
}

export class Demo {
  /** @param {string} binary The program under test. */
  constructor(binary) {
    this.binary = binary;
    this.output = "";
    this.process = undefined;
  }

  get url() {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Starts it, on the port and over the tables of the start before. */
  async start() {
    this.port ??= await freePort();
    this.data ??= await mkdtemp(join(tmpdir(), "coldstream-e2e-"));
    // It ends by itself where nobody is left to end it.
    const args = ["demo", "--port", String(this.port), "--data", this.data, "--for", "15m"];
    const started = spawn(this.binary, args, { stdio: ["ignore", "pipe", "pipe"] });
    let ended;
    started.on("exit", (code, signal) => (ended = `it ended with ${code ?? signal}`));
    for (const stream of [started.stdout, started.stderr]) stream.on("data", (data) => (this.output += data));
    this.process = started;
    await until("the demo is ready", 60_000, async () => {
      if (ended) throw new Error(`the demo: ${ended}\n${this.output}`);
      try {
        return (await fetch(`${this.url}/readyz`)).ok;
      } catch {
        return false;
      }
    });
  }

  /** Ends it as a power cut would. */
  async kill() {
    const running = this.process;
    if (!running || running.exitCode !== null || running.signalCode !== null) return;
    const ended = new Promise((resolve) => running.once("exit", resolve));
    running.kill("SIGKILL");
    await ended;
  }

  /** Ends it and removes its tables. */
  async remove() {
    await this.kill();
    if (this.data) await rm(this.data, { recursive: true, force: true });
  }
}
