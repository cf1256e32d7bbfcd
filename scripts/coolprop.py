#!/usr/bin/env python3
"""Makes the CoolProp library of the tests load on Linux with glibc 2.34 to 2.37, such as Debian 12.

The library that the crate `coolprop-sys` brings was linked against glibc 2.38 and the libstdc++ of GCC 13. It uses six
functions of these versions, all of which have an equal in older ones: four `__isoc23_strto*`, which are `strto*` but for
binary literals; `fmod`, which no longer sets errno; and the initialisation of the standard streams, which CoolProp uses for debugging
only. This redirects the six. Nothing is changed where the system has what the library asks for, nor twice.

Arguments are target directories of cargo; none means that of this checkout. CoolProp is part of the tests only, never of the program.
"""

import os
import pathlib
import platform
import struct
import sys

# Function → what is called instead. `dlerror` takes nothing, changes nothing and is imported anyway.
EQUALS = {
    b"__isoc23_strtol": b"strtol",
    b"__isoc23_strtoll": b"strtoll",
    b"__isoc23_strtoul": b"strtoul",
    b"__isoc23_strtoull": b"strtoull",
    b"fmod": b"fmod",
    b"_ZSt21ios_base_library_initv": b"dlerror",
}
WEAK, UNVERSIONED = 2, 1


def sections(data):
    """Offset, size and linked section of every section, by name."""
    table, size, count, names = (
        struct.unpack_from("<Q", data, 0x28)[0],
        *struct.unpack_from("<HHH", data, 0x3A),
    )
    headers = [struct.unpack_from("<IIQQQQII", data, table + i * size) for i in range(count)]
    start = headers[names][4]
    return {text(data, start + h[0]): (h[4], h[5]) for h in headers}


def text(data, at):
    return bytes(data[at : data.index(b"\0", at)])


def redirect(data):
    """Redirects the functions; says whether there was anything to do."""
    parts = sections(data)
    symbols, size = parts[b".dynsym"]
    strings, length = parts[b".dynstr"]
    versions, _ = parts[b".gnu.version"]
    needs, _ = parts[b".gnu.version_r"]
    done = False
    for i in range(size // 24):
        name, _, _, section = struct.unpack_from("<IBBH", data, symbols + i * 24)
        equal = EQUALS.get(text(data, strings + name)) if section == 0 else None
        if equal is None or struct.unpack_from("<H", data, versions + i * 2)[0] == UNVERSIONED:
            continue
        # A name may begin anywhere in the table of strings, also within another one.
        at = data.index(equal + b"\0", strings, strings + length)
        struct.pack_into("<I", data, symbols + i * 24, at - strings)
        struct.pack_into("<H", data, versions + i * 2, UNVERSIONED)
        done = True
    library = needs
    while done:
        _, _, _, version, following = struct.unpack_from("<HHIII", data, library)
        at = library + version
        while True:
            _, flags, _, name, more = struct.unpack_from("<IHHII", data, at)
            if text(data, strings + name) in (b"GLIBC_2.38", b"GLIBCXX_3.4.32"):
                # The loader no longer insists on this version.
                struct.pack_into("<H", data, at + 4, flags | WEAK)
            if not more:
                break
            at += more
        if not following:
            break
        library += following
    return done


def main():
    name, version = platform.libc_ver()
    if platform.machine() != "x86_64" or name != "glibc" or tuple(map(int, version.split("."))) >= (2, 38):
        return
    checkout = pathlib.Path(__file__).resolve().parent.parent
    targets = sys.argv[1:] or [os.environ.get("CARGO_TARGET_DIR") or checkout / "target"]
    for target in targets:
        # One folder for each profile, and one more in between where cargo builds for a named target.
        folders = [*pathlib.Path(target).glob("*/build"), *pathlib.Path(target).glob("*/*/build")]
        for path in (path for folder in folders for path in folder.glob("coolprop-sys-*/out/libCoolProp.so")):
            data = bytearray(path.read_bytes())
            if redirect(data):
                # A file of its own: copies of a target directory may share the old one.
                patched = path.with_suffix(".patched")
                patched.write_bytes(data)
                patched.replace(path)
                print(f"{path}: now for glibc {version}")


if __name__ == "__main__":
    main()
