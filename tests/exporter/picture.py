"""A PNG that carries the text which it shows, so that a picture of something older is noticed."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEAD = b"Description\0\0\0\0\0"
# of the colours that a browser's picture has, 8 bits each of red, green and blue
_PIXEL = 3


def with_text(png: bytes, text: str) -> bytes:
    """Write the text into a chunk of its own, and the pixels smaller than a browser does."""
    chunks = list(_chunks(png))
    pixels = zlib.decompress(b"".join(content for kind, content in chunks if kind == b"IDAT"))
    kept = [(b"IHDR", chunks[0][1]), (b"iTXt", _HEAD + text.encode())]
    kept += [(b"IDAT", zlib.compress(_without_filters(pixels, size_of(png)[0]), 9)), (b"IEND", b"")]
    return _SIGNATURE + b"".join(
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in kept
    )


def text_of(png: bytes) -> str:
    """Read the text; empty where there is none."""
    texts = (content for kind, content in _chunks(png) if kind == b"iTXt")
    return next((it[len(_HEAD) :].decode() for it in texts if it.startswith(_HEAD)), "")


def size_of(png: bytes) -> tuple[int, int]:
    """Give width and height in pixels."""
    kind, content = next(_chunks(png))
    assert kind == b"IHDR"
    width, height = struct.unpack(">II", content[:8])
    return width, height


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    assert png.startswith(_SIGNATURE)
    at = len(_SIGNATURE)
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        yield png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        at += 12 + length


def _without_filters(pixels: bytes, width: int) -> bytes:
    """Undo the filters of lines (chapter 9 of PNG's specification): flat areas pack better so."""
    length = width * _PIXEL
    above = bytes(length)
    lines = bytearray()
    for at in range(0, len(pixels), length + 1):
        kind, line = pixels[at], bytearray(pixels[at + 1 : at + 1 + length])
        for i in range(length):
            left, corner = (line[i - _PIXEL], above[i - _PIXEL]) if i >= _PIXEL else (0, 0)
            nearest = min(
                (left, above[i], corner), key=lambda it: abs(left + above[i] - corner - it)
            )
            guess = (0, left, above[i], (left + above[i]) // 2, nearest)[kind]
            line[i] = (line[i] + guess) & 0xFF
        above = bytes(line)
        lines += b"\0" + line
    return bytes(lines)
