"""Makes the small PNG files of tests/golden/png with Pillow: every kind of colour that a PNG can have.

    python3 -m venv .venv && .venv/bin/pip install pillow==13.0.0 numpy==2.4.6
    .venv/bin/python tests/python/make_png.py

These versions write every file as it is kept, byte for byte.
"""

import pathlib

import numpy as np
from PIL import Image

FOLDER = pathlib.Path(__file__).resolve().parents[1] / "golden" / "png"
FOLDER.mkdir(parents=True, exist_ok=True)
grey = (np.arange(20, dtype=np.uint8) * 12).reshape(4, 5)
Image.fromarray(grey).save(FOLDER / "grey8.png")
Image.fromarray((np.arange(20) * 100 + 32768 - 1000).astype(np.uint16).reshape(4, 5)).save(FOLDER / "grey16.png")
Image.fromarray(grey > 100).save(FOLDER / "grey1.png")
Image.fromarray(grey).convert("RGB").save(FOLDER / "colour.png")
Image.fromarray(grey).convert("RGBA").save(FOLDER / "transparent.png")
Image.fromarray(grey).convert("LA").save(FOLDER / "grey_transparent.png")
Image.fromarray(grey).convert("P").save(FOLDER / "palette.png")
(FOLDER / "cut_short.png").write_bytes((FOLDER / "grey8.png").read_bytes()[:60])
