"""Writes readings as other people's libraries write them: Avro by fastavro, Protobuf by Google's own.

Reads a list of jobs as JSON from the file that is its argument and prints one message a line, in hexadecimal, each in
the frame of a schema registry: a zero, the schema's id in four bytes, for Protobuf the indexes of the message, the body.
"""

import importlib.resources
import io
import json
import struct
import sys
import tempfile
from pathlib import Path

import fastavro
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
from grpc_tools import protoc


def avro(job):
    schema = fastavro.parse_schema(json.loads(job["schema"]))
    for record in job["records"]:
        body = io.BytesIO()
        fastavro.schemaless_writer(body, schema, record)
        yield body.getvalue()


def zigzag(number):
    number <<= 1
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def protobuf(job):
    with tempfile.TemporaryDirectory() as folder:
        for name, text in job["files"].items():
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        out = Path(folder, "descriptors.bin")
        own = str(importlib.resources.files("grpc_tools") / "_proto")
        arguments = ["protoc", f"-I{folder}", f"-I{own}", f"--descriptor_set_out={out}", "--include_imports"]
        if protoc.main([*arguments, *job["files"]]) != 0:
            sys.exit("protoc failed")
        files = descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes())
    pool = descriptor_pool.DescriptorPool()
    for file in files.file:
        pool.Add(file)
    message = message_factory.GetMessageClass(pool.FindMessageTypeByName(job["message"]))
    indexes = job["indexes"]
    head = b"\0" if indexes == [0] else b"".join(map(zigzag, [len(indexes), *indexes]))
    for record in job["records"]:
        yield head + json_format.ParseDict(record, message()).SerializeToString()


for job in json.loads(Path(sys.argv[1]).read_text()):
    for body in (avro if job["format"] == "avro" else protobuf)(job):
        print((struct.pack(">bI", 0, job["id"]) + body).hex())
