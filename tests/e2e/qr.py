"""Reads the QR codes that the driver draws with characters, by libzbar, which knows nothing of how they were made."""

import ctypes

HALVES = {" ": (0, 0), "\u2580": (1, 0), "\u2584": (0, 1), "\u2588": (1, 1)}  # drawn: upper, lower
SCALE, QUIET = 4, 16  # pixels of a module, and around the picture


def pixels_of(text, is_inverted):
    """(width, bytes): black on white, whatever was drawn."""
    rows = []
    lines = text.splitlines()
    columns = max(map(len, lines), default=0)
    for line in lines:
        for half in (0, 1):
            drawn = [HALVES.get(character, (0, 0))[half] for character in line.ljust(columns)]
            dark = [bool(is_drawn) != is_inverted for is_drawn in drawn]
            row = b"".join((b"\x00" if is_dark else b"\xff") * SCALE for is_dark in dark)
            rows += [b"\xff" * QUIET + row + b"\xff" * QUIET] * SCALE
    width = len(rows[0])
    rows = [b"\xff" * width] * QUIET + rows + [b"\xff" * width] * QUIET
    return width, b"".join(rows)


def read_qr(text, is_inverted):
    """What it says; None: it can't be read. is_inverted: light modules were drawn."""
    zbar = ctypes.CDLL("libzbar.so.0")
    for name in ("zbar_image_scanner_create", "zbar_image_create", "zbar_image_first_symbol"):
        getattr(zbar, name).restype = ctypes.c_void_p
    zbar.zbar_symbol_get_data.restype = ctypes.c_char_p
    width, pixels = pixels_of(text, is_inverted)
    scanner, image = ctypes.c_void_p(zbar.zbar_image_scanner_create()), ctypes.c_void_p(zbar.zbar_image_create())
    zbar.zbar_image_set_format(image, ctypes.c_ulong(int.from_bytes(b"Y800", "little")))
    zbar.zbar_image_set_size(image, width, len(pixels) // width)
    zbar.zbar_image_set_data(image, pixels, ctypes.c_ulong(len(pixels)), None)
    found = zbar.zbar_scan_image(scanner, image)
    said = None
    if found == 1:
        said = zbar.zbar_symbol_get_data(ctypes.c_void_p(zbar.zbar_image_first_symbol(image))).decode()
    zbar.zbar_image_destroy(image)
    zbar.zbar_image_scanner_destroy(scanner)
    return said
