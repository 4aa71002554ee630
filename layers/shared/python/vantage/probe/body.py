"""A response's body, decoded within bounds."""

import zlib

STEP = 4096  # of the input at a time: each member of a gzip leaves a copy of what follows it
AUTO = zlib.MAX_WBITS | 32  # gzip or zlib, by the first bytes


class BodyFault(Exception):
    """The body is not what its encoding says."""


def decode(raw: bytes, encoding: str, *, most: int, cut: bool) -> bytes:
    """The body without its gzip or deflate encoding, at most `most` bytes; `cut`: raw is only the beginning of it.

    Raises BodyFault. We ask for none, but some servers encode all the same; other encodings come back as they are.
    """
    if not raw or encoding.strip().lower() not in ("gzip", "x-gzip", "deflate"):
        return raw[:most]
    try:
        return _inflate(raw, AUTO, most, cut)
    except zlib.error:
        if encoding.strip().lower() != "deflate":
            raise BodyFault(f"the body is not the {encoding} that its header says") from None
    try:
        return _inflate(raw, -zlib.MAX_WBITS, most, cut)  # what some servers take "deflate" for
    except zlib.error:
        raise BodyFault("the body is not the deflate that its header says") from None


def _inflate(raw: bytes, window_bits: int, most: int, cut: bool) -> bytes:
    out, left, inflater = bytearray(), memoryview(raw), zlib.decompressobj(window_bits)
    while left and len(out) < most:
        if inflater.eof:
            inflater = zlib.decompressobj(window_bits)
        piece = left[:STEP]
        out += inflater.decompress(piece, most - len(out))
        left = left[len(piece) - len(inflater.unused_data) :]
    if not (inflater.eof or cut or len(out) >= most):
        raise BodyFault("the body ends in the middle of its encoding")
    return bytes(out)
