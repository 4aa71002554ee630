"""A response's body, decoded within bounds."""

import zlib

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
    out = bytearray()
    while raw and len(out) < most:
        inflater = zlib.decompressobj(window_bits)
        out += inflater.decompress(raw, most - len(out))
        if not inflater.eof:
            if not cut and len(out) < most:
                raise BodyFault("the body ends in the middle of its encoding")
            break
        raw = inflater.unused_data
    return bytes(out)
