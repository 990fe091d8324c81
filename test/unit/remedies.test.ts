// What to do about errors of the system, behind what they say.
import { constants } from "node:os";
import { expect, test } from "vitest";
import { notExecuted } from "../../launcher/host/endings.ts";
import { encode, Fields } from "../../launcher/host/frames.ts";
import { executionOf } from "../../launcher/host/replies.ts";
import { counted } from "../../launcher/log/counted.ts";
import { withRemedy } from "../../launcher/remedies.ts";

test.each([
  [
    "EROFS: read-only file system, unlink '/var/lib/cni/multus/a'",
    /, unlink '.*'; its file system is read only: mount/,
  ],
  ["DEL container a: EACCES: permission denied, open '/b'", /; call this as root/],
  ["ENOSPC: no space left on device, write", /; its disk is full/],
  ["EIO: i/o error, read", /; the disk does not read or write it: see `dmesg`/],
  ["EISDIR: illegal operation on a directory, read", /; there is a directory where a file belongs/],
])("an error of the system says what to do: %s", (message, remedied) => {
  expect(withRemedy(message)).toMatch(remedied);
  expect(withRemedy(withRemedy(message))).toBe(withRemedy(message));
});

test.each([
  "cannot write /a: EROFS: read-only file system; name another directory",
  "EWHAT: why",
  "no error",
])("a message that says it, or that nobody knows, stays: %s", (message) => {
  expect(withRemedy(message)).toBe(message);
});

test("one thing is one, and all other numbers are many", () => {
  expect([0, 1, 2].map((count) => counted(count, "time"))).toEqual(["0 times", "1 time", "2 times"]);
  expect(counted(1, "container is", "containers are")).toBe("1 container is");
});

test.each([
  ["ENOENT", /an executable for this node's architecture/],
  ["ENOEXEC", /an executable for this node's architecture/],
  ["EACCES", /chmod 0755.*noexec/],
  ["EMFILE", /ulimit -n/],
  ["ENFILE", /fs\.file-max/],
  ["EAGAIN", /pids\.max/],
  ["ENOMEM", /no memory left/],
  ["E2BIG", /128 KiB/],
  ["ETXTBSY", /it is being written/],
])("a plugin that is not executed for %s has the remedy of that", async (code, remedied) => {
  const errno = Object.entries(constants.errno).find(([name]) => name === code)?.[1] ?? 0;
  const reply = new Fields(encode(4, errno, "", ""));
  expect(() => executionOf(reply, "/opt/cni/bin/p")).toThrow(remedied);
  expect(notExecuted("/opt/cni/bin/p", `spawn /opt/cni/bin/p ${code}`, code).message).toMatch(remedied);
});
