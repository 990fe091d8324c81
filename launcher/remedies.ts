// What to do about an error of the system that Plexus meets at its own work on files, or where it executes a plugin: all who show
// one have it from here.

const FULL = "its disk is full: make room, and call this again; `df -h` and `df -i` show where";
const REMEDIES: Record<string, string> = {
  EROFS:
    "its file system is read only: mount it so that it can be written to, or name another directory; `dmesg` says whether the " +
    "kernel has made it so, as the disk fails",
  EACCES: "call this as root; see the file's mode, and `dmesg` for what SELinux or AppArmor refuses",
  EPERM: "call this as root; see whether the file is immutable (`lsattr`)",
  ENOSPC: FULL,
  EDQUOT: FULL,
  EIO: "the disk does not read or write it: see `dmesg`, and replace the disk if it fails",
  EMFILE:
    "this process has as many files open as it may: raise that (`ulimit -n`, `LimitNOFILE=`), and see what holds them",
  ENFILE: "the node has as many files open as it may: raise `fs.file-max`, and see what holds them",
  ENOMEM: "there is no memory left: free some, or raise the limit of the control group (`memory.max`)",
  EISDIR: "there is a directory where a file belongs: see what is in it, and remove it",
};

/** Of a file that is executed. */
const OF_EXECUTION: Record<string, string> = {
  EACCES:
    "make it executable (`chmod 0755`); see whether its file system is mounted `noexec`, and `dmesg` for what SELinux or AppArmor refuses",
  EAGAIN:
    "there are as many processes as there may be: raise that (`ulimit -u`, `TasksMax=`, `pids.max`), and see which there are",
  E2BIG:
    "the kernel takes no variable of more than 128 KiB: give less in CNI_ARGS, or ask for less in `cni-args`",
  ETXTBSY: "it is being written: call this again when it is there",
};
const SEE_FILE = "see that it is an executable for this node's architecture, and what its first line names";

/** Returns what to do about an error's code; undefined if nothing is known. */
export function remedyFor(code: string): string | undefined {
  return REMEDIES[code];
}

/** Returns what to do about the code of an error with which a file was not executed. */
export function remedyForExecution(code: string): string {
  const remedy = { ...REMEDIES, ...OF_EXECUTION }[code];
  return remedy ?? SEE_FILE;
}

/** As Node.js and the replies of the shim say it: `EROFS: read-only file system, unlink '/a'`. */
const SAID = /\b(E[A-Z]+): [a-z][^;]*$/;

/** Returns what a message is to be followed by, so that it says what to do about the system's error in it; "" if it says that. */
export function adviceFor(message: string): string {
  const remedy = REMEDIES[SAID.exec(message)?.[1] ?? ""];
  return remedy === undefined ? "" : `; ${remedy}`;
}

/** Returns a message with that. */
export function withRemedy(message: string): string {
  return message + adviceFor(message);
}
