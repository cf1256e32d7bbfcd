#!/usr/bin/env python3
"""Broker to committed Delta tables: how many readings a second, release build, on this machine.

A broker is started and filled with readings; then `coldstream run` takes them all. The time runs from the
assignment of the first partition to the last commit that was needed, so it holds everything: fetching,
decoding, windows, scores, Parquet, commits. All of it, the broker included, shares this machine's cores.

    scripts/bench_e2e.py --readings 5000000
"""
import argparse
import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import time
from datetime import datetime

PARTS = pathlib.Path(os.environ.get("COLDSTREAM_PARTS", pathlib.Path.home() / ".cache/coldstream/parts"))
PROJECT = pathlib.Path(__file__).resolve().parent.parent


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def start_kafka(folder):
    port, controller = free_port(), free_port()
    properties = folder / "server.properties"
    properties.write_text(f"""process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
controller.listener.names=CONTROLLER
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
log.dirs={folder}/log
""")
    java = ["java", "-Xmx512m", "-cp", f"{PARTS}/kafka/*"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder}
    format_log = ["kafka.tools.StorageTool", "format", "-t", "Y29sZHN0cmVhbS1iZW5jaA", "-c", properties]
    subprocess.run(java + format_log, check=True, **quiet)
    broker = subprocess.Popen(java + ["kafka.Kafka", properties], **quiet)
    deadline = time.time() + 60
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return broker, f"127.0.0.1:{port}"
        except OSError:
            if broker.poll() is not None or time.time() > deadline:
                sys.exit("error: the broker did not start")
            time.sleep(0.2)


class Table:
    """Rows of a Delta table by its log alone; only new entries are read."""

    def __init__(self, folder):
        self.log, self.version, self.rows, self.committed = folder / "_delta_log", 0, 0, 0.0

    def poll(self):
        while (entry := self.log / f"{self.version:020}.json").exists():
            for line in entry.read_text().splitlines():
                action = json.loads(line)
                if "add" in action:
                    self.rows += json.loads(action["add"]["stats"])["numRecords"]
                if "commitInfo" in action:
                    self.committed = action["commitInfo"]["timestamp"] / 1000
            self.version += 1
        return self.rows


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--readings", type=int, default=5_000_000, help="about how many (default 5,000,000)")
    arguments.add_argument("--machines", type=int, default=200)
    arguments.add_argument("--partitions", type=int, default=8)
    args = arguments.parse_args()
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", PROJECT / "target"))
    program = target / "release" / "coldstream"
    subprocess.run(["cargo", "build", "--release", "--bin", "coldstream"], cwd=PROJECT, check=True)
    with tempfile.TemporaryDirectory(prefix="coldstream-bench-") as name:
        folder = pathlib.Path(name)
        broker, address = start_kafka(folder)
        worker = None
        try:
            seconds = args.readings // args.machines
            total = seconds * args.machines
            subprocess.run([program, "simulate", "--machines", str(args.machines), "--duration", f"{seconds}s",
                            "--partitions", str(args.partitions), "--out", f"kafka://{address}/readings"], check=True)
            (folder / "coldstream.toml").write_text(f"""[kafka]
brokers = "{address}"
topic = "readings"
[archive]
url = "{folder}/archive"
[serve]
listen = "127.0.0.1:{free_port()}"
[dataflow]
queries = "{PROJECT}/queries"
models = "{PROJECT}/models"
""")
            errors = (folder / "stderr").open("w")
            command = [program, "run", "--config", folder / "coldstream.toml"]
            worker = subprocess.Popen(command, stderr=errors, env={**os.environ, "RUST_LOG": "coldstream=info"})
            readings = Table(folder / "archive" / "readings")
            while readings.poll() < total:
                if worker.poll() is not None:
                    sys.exit("error: coldstream ended: " + (folder / "stderr").read_text())
                time.sleep(0.5)
            text = re.sub(r"\x1b\[[0-9;]*m", "", (folder / "stderr").read_text())
            assigned = re.search(r"(\S+Z)\s+INFO.*partition assigned", text).group(1)
            began = datetime.fromisoformat(assigned.replace("Z", "+00:00")).timestamp()
            features, predictions = Table(folder / "archive/features"), Table(folder / "archive/predictions")
            features.poll(), predictions.poll()
            took = readings.committed - began
            print(f"{readings.rows} readings, {features.rows} features and {predictions.rows} predictions committed "
                  f"in {took:.1f} s: {readings.rows / took:,.0f} readings/s "
                  f"({os.cpu_count()} cores, broker included; {readings.version} commits)")
        finally:
            for process in (worker, broker):
                if process is not None and process.poll() is None:
                    process.terminate()
                    process.wait()


if __name__ == "__main__":
    main()
