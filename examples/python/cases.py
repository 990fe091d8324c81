"""Prints the core's answer to each line of a file: `python3 cases.py libplexus.so cases.txt`."""
import sys

from plexus import Core

core = Core(sys.argv[1])
with open(sys.argv[2], "rb") as cases:
    for line in cases:
        operation, document = line.rstrip(b"\n").split(b" ", 1)
        status, answer = core.call(operation, document)
        sys.stdout.buffer.write(b"%d %s\n" % (status, answer))
