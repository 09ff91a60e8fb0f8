"""Frames on a pipe: four bytes of length, then that many bytes."""

import os
import struct

# How many bytes a candidate may send in one frame, and about how many in all its frames.
MAX_CANDIDATE_FRAME = 4 << 20
MAX_CANDIDATE_TOTAL = 16 << 20

LENGTH = struct.Struct("!I")
# What a server says of a run: how many bytes of stdout and of stderr there are, whether more of
# stdout was printed, how the run ended (a place in `ENDS`), the status of the process, its seconds
# on the clock and of the processor, how many of the latter it could have, how many `TIMES` follow.
RUN = struct.Struct("!II?BiddII")
ENDS = ("done", "exit", "cpu", "wall", "protocol", "unprepared")
# How long each step of a run took, in milliseconds.
TIMES = "!{}d"


def frame(payload: bytes) -> bytes:
    """The payload as one frame."""
    return LENGTH.pack(len(payload)) + payload


def write(descriptor: int, *parts: bytes | memoryview) -> None:
    """Write all parts completely, and without a copy (the descriptor blocks)."""
    written = os.writev(descriptor, parts)
    for part in parts:
        skipped = min(written, len(part))
        written -= skipped
        while skipped < len(part):
            skipped += os.write(descriptor, memoryview(part)[skipped:])


def read(descriptor: int) -> bytes:
    """Read the next frame, and not a byte of what follows it. Raises EOFError."""
    (length,) = LENGTH.unpack(read_exactly(descriptor, LENGTH.size))
    return read_exactly(descriptor, length)


def read_exactly(descriptor: int, count: int) -> bytes:
    """Read so many bytes. Raises EOFError if there are fewer."""
    data = bytearray()
    while len(data) < count:
        part = os.read(descriptor, count - len(data))
        if not part:
            raise EOFError
        data += part
    return bytes(data)


class Unpacker:
    """Cuts a stream of bytes back into the frames that it was made of."""

    def __init__(self):
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """Take more of the stream. Returns the frames that are complete now."""
        self._buffer += data
        frames = []
        start = 0
        while len(self._buffer) >= start + LENGTH.size:
            (length,) = LENGTH.unpack_from(self._buffer, start)
            end = start + LENGTH.size + length
            if len(self._buffer) < end:
                break
            frames.append(bytes(self._buffer[start + LENGTH.size : end]))
            start = end
        del self._buffer[:start]
        return frames
