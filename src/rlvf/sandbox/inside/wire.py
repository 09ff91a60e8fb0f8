"""Frames on a pipe: four bytes of length, then that many bytes."""

import os
import struct

# The longest frame that a candidate may send, and about how much in all its frames.
MAX_CANDIDATE_FRAME = 4 << 20
MAX_CANDIDATE_TOTAL = 16 << 20

_LENGTH = struct.Struct("!I")


class FrameTooLong(Exception):
    """A frame announces more bytes than its sender is allowed."""


def frame(payload: bytes) -> bytes:
    """The payload as one frame."""
    return _LENGTH.pack(len(payload)) + payload


def write(descriptor: int, frames: bytes) -> None:
    """Write frames completely (the descriptor blocks)."""
    data = memoryview(frames)
    while data:
        data = data[os.write(descriptor, data) :]


class Unpacker:
    """Cuts a stream of bytes back into the frames that it was made of."""

    def __init__(self, limit: int | None = None):
        self._limit = limit
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """The frames that are complete now. Raises FrameTooLong."""
        self._buffer += data
        frames = []
        while len(self._buffer) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._buffer)
            if self._limit is not None and length > self._limit:
                raise FrameTooLong
            end = _LENGTH.size + length
            if len(self._buffer) < end:
                break
            frames.append(bytes(self._buffer[_LENGTH.size : end]))
            del self._buffer[:end]
        return frames
