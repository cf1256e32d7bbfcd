#!/usr/bin/env python3
"""A small client of Coldstream: lists machines, follows alarms, acknowledges one.

The code of the API is generated from `proto/` each time, into a folder that is thrown away, so it cannot be older than
the protos. A program of your own would generate it once, when it is built.
"""

import argparse
import importlib
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import grpc
import grpc_tools
from grpc_tools import protoc

PROTO = Path(__file__).resolve().parents[2] / "proto"
PARTS = ("alarm", "common", "status")
# How long to wait before a stream that has ended is asked for again, seconds.
PAUSE = 2


@contextmanager
def generated(proto: Path) -> Iterator[SimpleNamespace]:
    """The modules of the API: `alarm_pb2`, `alarm_pb2_grpc`, and so on."""
    with tempfile.TemporaryDirectory(prefix="coldstream-api-") as folder:
        files = [f"coldstream/v1/{part}.proto" for part in PARTS]
        # Timestamp and Duration come with the generator.
        google = Path(grpc_tools.__file__).parent / "_proto"
        arguments = ["protoc", f"-I{proto}", f"-I{google}", f"--python_out={folder}", f"--grpc_python_out={folder}"]
        if protoc.main([*arguments, *files]) != 0:
            sys.exit(f"error: the API cannot be generated from {proto}")
        sys.path.insert(0, folder)
        names = [f"{part}_pb2{kind}" for part in PARTS for kind in ("", "_grpc")]
        yield SimpleNamespace(**{name: importlib.import_module(f"coldstream.v1.{name}") for name in names})


def list_machines(api: SimpleNamespace, channel: grpc.Channel) -> None:
    """Prints one line for each machine: id, state, probability of failure, newest reading."""
    status = api.status_pb2_grpc.StatusServiceStub(channel)
    request = api.status_pb2.ListMachinesRequest()
    while True:
        page = status.ListMachines(request, timeout=10)
        for machine in page.machines:
            state = api.common_pb2.MachineState.Name(machine.state).removeprefix("MACHINE_STATE_").lower()
            known = [p.probability for p in machine.predictions if p.HasField("probability")]
            probability = f"{max(known):4.0%}" if known else "   -"
            reading = machine.last_reading
            values = ", ".join(f"{name} {value:g}" for name, value in sorted(reading.values.items()))
            print(f"{machine.id:<8} {state:<12} {probability}  {reading.timestamp.ToJsonString()}  {values}", flush=True)
        if not page.next_page_token:
            return
        request.page_token = page.next_page_token


def alarm_line(api: SimpleNamespace, alarm, language: str) -> str:
    """An alarm in one line, the episode's id last: `acknowledge` takes it."""
    severity = api.alarm_pb2.Severity.Name(alarm.severity).removeprefix("SEVERITY_").lower()
    what = "cleared" if alarm.HasField("cleared_at") else "open"
    if alarm.HasField("acknowledged_at"):
        what += f", acknowledged by {alarm.acknowledged_by}"
    text = alarm.text_fr if language == "fr" else alarm.text_en
    since = alarm.raised_at.ToJsonString()
    return f"{since}  {severity:<8} machine {alarm.machine_id}: {text}  ({alarm.rule}, {what})  {alarm.episode}"


def watch_alarms(api: SimpleNamespace, channel: grpc.Channel, language: str, count: int | None) -> None:
    """Prints a line for each alarm that is open and for each change, until `count` lines are printed."""
    alarms = api.alarm_pb2_grpc.AlarmServiceStub(channel)
    printed = 0
    while True:
        try:
            for change in alarms.WatchAlarms(api.alarm_pb2.WatchAlarmsRequest()):
                for alarm in change.alarms:
                    print(alarm_line(api, alarm, language), flush=True)
                    printed += 1
                    if printed == count:
                        return
        except grpc.RpcError as error:
            # The server has stopped, or was never there: it may come again.
            if error.code() != grpc.StatusCode.UNAVAILABLE:
                raise
            print(f"no connection ({error.details()}): trying again", file=sys.stderr, flush=True)
        time.sleep(PAUSE)


def acknowledge(api: SimpleNamespace, channel: grpc.Channel, arguments: argparse.Namespace) -> None:
    """Says that somebody knows of an alarm, and prints it as it is then."""
    alarms = api.alarm_pb2_grpc.AlarmServiceStub(channel)
    request = api.alarm_pb2.AcknowledgeAlarmRequest(
        episode=arguments.episode, who=arguments.who, comment=arguments.comment
    )
    print(alarm_line(api, alarms.AcknowledgeAlarm(request, timeout=30), arguments.language))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="A small client of Coldstream.")
    parser.add_argument("--server", default="127.0.0.1:5001", metavar="HOST:PORT")
    parser.add_argument("--proto", type=Path, default=PROTO, help="folder of the protos")
    parser.add_argument("--language", choices=("en", "fr"), default="en", help="language of the alarms' texts")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("machines", help="list the machines")
    watch = commands.add_parser("watch-alarms", help="follow the alarms")
    watch.add_argument("--count", type=int, help="end after so many lines")
    known = commands.add_parser("acknowledge", help="acknowledge an alarm")
    known.add_argument("episode", help="the last word of its line")
    known.add_argument("--who", required=True, help="your name")
    known.add_argument("--comment", default="", help="what you found or did")
    return parser.parse_args()


def main() -> None:
    arguments = parse()
    with generated(arguments.proto) as api, grpc.insecure_channel(arguments.server) as channel:
        try:
            match arguments.command:
                case "machines":
                    list_machines(api, channel)
                case "watch-alarms":
                    watch_alarms(api, channel, arguments.language, arguments.count)
                case "acknowledge":
                    acknowledge(api, channel, arguments)
        except grpc.RpcError as error:
            sys.exit(f"error: {arguments.server}: {error.code().name}: {error.details()}")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        pass
