"""The core for programs in Python, through libplexus.so of ../c."""
import ctypes


class Core:
    """One core a process; one thread at a time."""

    def __init__(self, library):
        self._library = ctypes.CDLL(library)
        version = self._library.plexus_start()
        if version != 2:
            raise RuntimeError(f"{library} speaks ABI {version}, this program 2")

    def call(self, operation, document):
        """Runs an operation on a document, both bytes. Returns status and answer: 0 and the result, or 1 and a CNI error object."""
        answer, length = ctypes.POINTER(ctypes.c_char)(), ctypes.c_uint32()
        status = self._library.plexus_call(
            operation, document, ctypes.c_uint32(len(document)), ctypes.byref(answer), ctypes.byref(length)
        )
        if status < 0:
            raise RuntimeError(f"{operation} has no answer")
        return status, ctypes.string_at(answer, length.value)
