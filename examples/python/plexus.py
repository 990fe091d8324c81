"""The core for programs in Python, through libplexus.so of ../c."""
import ctypes


OPERATIONS = b"netconf environment describe selection plan invoke outcome remember recover convert status json".split()
MOST_BYTES = 16 << 20  # as the core has it


class UnknownOperation(ValueError):
    """The core has no such operation."""


class TooLarge(ValueError):
    """The document is above 16 MiB."""


class Trap(RuntimeError):
    """The core has trapped, or memory is short. The process should start anew."""


class Core:
    """One core a process; one thread at a time."""

    def __init__(self, library):
        self._library = ctypes.CDLL(library)
        version = self._library.plexus_start()
        if version != 2:
            raise RuntimeError(f"{library} speaks ABI {version}, this program 2")

    def call(self, operation, document):
        """Runs an operation on a document, both bytes. Returns status and answer: 0 and the result, or 1 and a CNI error object.

        Raises UnknownOperation, TooLarge or Trap if there is no answer.
        """
        if operation not in OPERATIONS:
            raise UnknownOperation(f"{operation!r} is not an operation; it is one of {b', '.join(OPERATIONS).decode()}")
        if len(document) > MOST_BYTES:
            raise TooLarge(f"the document of {len(document)} bytes is too large: the core takes {MOST_BYTES}")
        answer, length = ctypes.POINTER(ctypes.c_char)(), ctypes.c_uint32()
        status = self._library.plexus_call(
            operation, document, ctypes.c_uint32(len(document)), ctypes.byref(answer), ctypes.byref(length)
        )
        if status < 0:
            raise Trap(f"{operation.decode()} has no answer: the core has trapped, or memory is short")
        return status, ctypes.string_at(answer, length.value)
